"""The database under the ledger: SQLite in WAL mode beside the work, or Postgres by URL."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock, local
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    Connection,
    Engine,
    Table,
    TableValuedAlias,
    bindparam,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
)

from trayflow.errors import LedgerError, SettingsError
from trayflow.ledger import schema

#: Raised with every change of the tables that older code could not read.
LAYOUT = 3

#: Layouts that become this one by adding the columns and indexes that they lack, and by losing `OUTGROWN`.
GROWN = frozenset({1, 2})

#: A constraint that keys of some length broke on Postgres. SQLite can neither drop it nor minds it.
OUTGROWN = "ALTER TABLE documents DROP CONSTRAINT IF EXISTS documents_source_key_version_key"

T = TypeVar("T")

#: Bytes of a SQLite ledger that are mapped into memory at the most: as many as SQLite allows.
MAPPED = 2**31 - 2**16

#: Seconds that a SQLite writer waits for another process's transaction; ours take milliseconds.
BUSY_SECONDS = 60


class Database:
    """An open database with the ledger's tables in it. `id` is made with the ledger and never changes."""

    def __init__(self, engine: Engine, ledger_id: str) -> None:
        self._engine = engine
        # SQLite lets writers wait by sleeping ever longer: ours, which are many threads, form a queue instead.
        self.has_one_writer = engine.dialect.name == "sqlite"
        self._writer: AbstractContextManager[object] = Lock() if self.has_one_writer else nullcontext()
        self._thread = local()  # `.shared`: the connection of the calls that this thread makes together
        self.id = ledger_id

    @classmethod
    def open(cls, address: str) -> Database:
        """Connect, and make the tables where they are missing. Raises `SettingsError` when nothing usable is there."""
        url = _parse(address)
        engine = _sqlite(url) if url.get_backend_name() == "sqlite" else create_engine(url, pool_pre_ping=True)
        database = cls(engine, "")
        try:
            database._make_tables()
            with database.writing() as connection:
                row = {"only": 1, "id": uuid.uuid4().hex, "layout": LAYOUT}
                connection.execute(database.insert(schema.about).values(row).on_conflict_do_nothing())
                about = connection.execute(select(schema.about)).one()
                if about.layout in GROWN:
                    database._grow(connection)
                    about = connection.execute(select(schema.about)).one()
        except (DBAPIError, LedgerError, OSError) as error:
            engine.dispose()
            cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
            shown = url.render_as_string(hide_password=True)
            raise SettingsError(f"The ledger {shown} cannot be opened: {cause}.") from None
        if about.layout != LAYOUT:
            engine.dispose()
            raise SettingsError(
                f"The ledger was made by another version of trayflow (layout {about.layout}, this one reads {LAYOUT})."
            )
        database.id = about.id
        return database

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def insert(self, table: Table) -> Any:
        """An INSERT that can say what to do on conflict: both databases have it, each in a dialect of its own."""
        dialect = sqlite if self._engine.dialect.name == "sqlite" else postgresql
        return dialect.insert(table)

    def texts(self, name: str) -> TableValuedAlias:
        """The parameter `name`, a list of texts, as a table with a column `value`; it is one parameter for all."""
        parameter = bindparam(name, type_=JSON)
        texts = func.json_each if self._engine.dialect.name == "sqlite" else func.json_array_elements_text
        return texts(parameter).table_valued("value")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed at the end, rolled back on an exception; one for all calls made `together`.

        Raises `LedgerError` when the database cannot be used; whether it was committed is then not known.
        """
        if shared := self._shared:
            yield shared
            return
        with self._writer, _usable(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with; on SQLite it neither waits for a writer nor stops one. Raises `LedgerError`."""
        if shared := self._shared:
            yield shared
            return
        with _usable(), self._engine.connect().execution_options(reading=True) as connection:
            yield connection

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make calls of the ledger in one transaction: a commit costs more than what is committed.

        Raises what a call raises; nothing of any of them is done then.
        """
        with self.writing() as connection:
            self._thread.shared = connection
            try:
                return [call() for call in calls]
            finally:
                self._thread.shared = None

    @property
    def _shared(self) -> Connection | None:
        return getattr(self._thread, "shared", None)

    def one_at_a_time(self, connection: Connection, name: str) -> None:
        """Let nobody else be between here and the end of a transaction of this name; SQLite has one writer anyway."""
        if self._engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"trayflow {name}"))))

    def _grow(self, connection: Connection) -> None:
        """Add what an older layout lacks: columns that may be null, and indexes. Take away what is too narrow."""
        there, dialect = inspect(connection), self._engine.dialect
        for table in schema.metadata.sorted_tables:
            columns = {column["name"] for column in there.get_columns(table.name)}
            for column in table.columns:
                if column.name not in columns:
                    kind = column.type.compile(dialect)
                    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
            indexes = {index["name"] for index in there.get_indexes(table.name)}
            for index in table.indexes:
                if index.name not in indexes:
                    index.create(connection)
        if dialect.name == "postgresql":
            connection.execute(text(OUTGROWN))
        connection.execute(update(schema.about).values(layout=LAYOUT))

    def _make_tables(self) -> None:
        try:
            schema.metadata.create_all(self._engine)
        except (OperationalError, IntegrityError, DBAPIError):
            # Another process may have been making them at the same moment; what is really wrong comes up again.
            schema.metadata.create_all(self._engine)


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, InternalError) as error:
        cause = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error).__name__
        raise LedgerError(f"The ledger cannot be used: {cause}.") from None


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise SettingsError(
            "The ledger's address is no database URL: use sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME."
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise SettingsError(f"The ledger runs on SQLite and Postgres, not on {url.get_backend_name()}.")
    return url


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise SettingsError("The ledger must outlive the run: give it a file, as in sqlite:///.trayflow/ledger.db.")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The ledger's folder cannot be made: {error.strerror}: {error.filename}.") from None
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # The driver's own transaction handling begins too late; ours begins below.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: a commit survives a power cut. An intent that does not is a document paid for twice.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        # Pages are read where the system has them already, and not copied first: with a million documents that is a
        # third of the time of a page's look-ups.
        connection.execute(f"PRAGMA mmap_size={MAPPED}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that means to write takes the lock at once: upgrading later can fail with "database is locked".
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine
