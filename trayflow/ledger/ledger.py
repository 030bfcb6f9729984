"""The ledger: the one place that knows what was found, submitted, answered and written.

Here are its documents, results and tables; `Ledger.runs` knows who holds what, `Ledger.submissions` what was asked of
the service, and `Ledger.putting_back` lets documents try again. Every method is one transaction. Methods block:
`Ledger.call` makes them from an event loop. Claims and state changes are conditional updates, so that two runs over one
ledger cannot both believe a document to be theirs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, literal, or_, select, text, update

from trayflow.batches import Batches
from trayflow.ledger import rows, statements
from trayflow.ledger import schema as s
from trayflow.ledger.database import Database
from trayflow.ledger.putting_back import PuttingBack
from trayflow.ledger.runs import Runs
from trayflow.ledger.submission import SubmissionState
from trayflow.ledger.submissions import AT_ONCE, Submissions
from trayflow.models import (
    Document,
    DocumentState,
    Ending,
    Extraction,
    Found,
    Outcome,
    Spooled,
    TableState,
    TypeSchema,
)
from trayflow.reasons import Reason

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds for which calls gather, and how many of them share a transaction at the most.
GATHER, TOGETHER = 0.02, 100

#: Documents that need a person are counted up to here: a ledger may hold a million of them.
MOST_COUNTED = 10_000


def document_id(source: str, key: str, version: str) -> str:
    """The id of a document version: the same on every machine, so that rebuilt tables keep their ids."""
    return hashlib.sha256("\0".join((source, key, version)).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Page:
    """What the ledger makes of a page of a source: the documents that need work, and how many had ended before."""

    documents: tuple[Document, ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """A document that somebody has to look at, since when, and why in words."""

    document: Document
    since: datetime
    message: str | None


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A page of documents under way that nobody holds; the last one was discovered at `since`."""

    documents: tuple[Document, ...]
    since: datetime


class LedgerGrewError(Exception):
    """What was read of the ledger is not all of it any more."""


class Ledger:
    """An open ledger; `Ledger.open(url)` makes its tables where they are missing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.id = database.id
        self.runs = Runs(database)
        self.submissions = Submissions(database)
        self.putting_back = PuttingBack(database)
        self._to_do = statements.to_do(database.texts("ids"))
        self._own_bytes = database.insert(s.contents).on_conflict_do_nothing()
        self._calls: Batches[Callable[[], Any], Any] = Batches(self._together, GATHER, TOGETHER)

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open the ledger at a SQLAlchemy URL. Raises `SettingsError` when nothing usable is there."""
        return cls(Database.open(url))

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    async def call(self, method: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Make a call of this ledger off the event loop; it returns, or raises, when it is committed.

        On SQLite, which has one writer, calls made at the same time share a commit; where one fails, each is made again
        by itself. On Postgres each is by itself: two processes whose calls share transactions could each wait for rows
        of the other's.
        """
        if not self._database.has_one_writer:
            return await asyncio.to_thread(method, *arguments, **named)
        result: R = await self._calls.add(partial(method, *arguments, **named))
        return result

    # --- documents ---------------------------------------------------------------------------------------------

    def discover(self, source: str, found: Sequence[Found], destination: str) -> Page:
        """Enter a page of a source, and say which of its documents need work.

        Those are the ones without an outcome, and the written ones whose rows this destination does not have yet.
        """
        ids = {document_id(source, item.key, item.version): item for item in found}
        with self._database.reading() as connection:
            asked = connection.execute(self._to_do, {"ids": sorted(ids), "destination": destination})
            known = {row.id: bool(row.known) for row in asked}
        now = _now()
        new = [
            {
                "id": id_,
                "source": source,
                "key": item.key,
                "version": item.version,
                "size": item.size,
                "discovered_at": now,
                "state": DocumentState.DISCOVERED,
            }
            for id_, item in ids.items()
            if not known.get(id_, True)
        ]
        if new:
            with self._database.writing() as connection:
                connection.execute(self._database.insert(s.documents).on_conflict_do_nothing(), new)
        return Page(self._documents([id_ for id_ in ids if id_ in known]), unchanged=len(ids) - len(known))

    def _documents(self, document_ids: Sequence[str]) -> tuple[Document, ...]:
        if not document_ids:
            return ()
        with self._database.reading() as connection:
            listed = connection.execute(rows.select_documents().where(s.documents.c.id.in_(document_ids)))
            documents = {row.id: rows.document(row) for row in listed}
        return tuple(documents[id_] for id_ in document_ids)

    def document(self, document_id: str) -> Document:
        """The document as it stands now."""
        with self._database.reading() as connection:
            return rows.document(
                connection.execute(rows.select_documents().where(s.documents.c.id == document_id)).one()
            )

    def left_behind(
        self, source: str, keys: Collection[str] | None = None, after: LeftBehind | None = None
    ) -> LeftBehind | None:
        """Documents of a source, or those of them with these keys, that have no outcome and that nobody holds.

        What is replaced or deleted while it is under way is in no listing any more. The oldest first, a page at a time:
        the next one is asked for with the one before, and `None` comes after the last.
        """
        d = s.documents.c
        living = rows.select_living(_now())
        free = or_(d.claimed_by.is_(None), d.claimed_by.not_in(living))
        asked = rows.select_documents().where(d.outcome.is_(None), d.source == source, free)
        if keys is not None:
            asked = asked.where(d.key.in_(keys))
        if after is not None:
            later = and_(d.discovered_at == after.since, d.id > after.documents[-1].id)
            asked = asked.where(or_(d.discovered_at > after.since, later))
        with self._database.reading() as connection:
            found = connection.execute(asked.order_by(d.discovered_at, d.id).limit(AT_ONCE)).all()
            return LeftBehind(tuple(map(rows.document, found)), found[-1].discovered_at) if found else None

    def let_go(self, document_ids: Sequence[str], run_id: str) -> dict[str, Document]:
        """Those of these documents that have ended, or that no other living run holds, as they stand now."""
        d, found = s.documents.c, {}
        living = rows.select_living(_now()).where(s.runs.c.id != run_id)
        free = or_(d.outcome.is_not(None), d.claimed_by.is_(None), d.claimed_by.not_in(living))
        with self._database.reading() as connection:
            for start in range(0, len(document_ids), AT_ONCE):
                some = d.id.in_(document_ids[start : start + AT_ONCE])
                for row in connection.execute(rows.select_documents().where(some, free)):
                    found[row.id] = rows.document(row)
        return found

    def enter_bytes(self, document_id: str, spooled: Spooled) -> str | None:
        """Record what a document's bytes are. Returns the id of the document that had them first, if there is one."""
        with self._database.writing() as connection:
            connection.execute(self._own_bytes, {"sha256": spooled.sha256, "document_id": document_id})
            owner = connection.execute(statements.OWNER, {"hash": spooled.sha256}).scalar_one()
            known = {"document": document_id, "hash": spooled.sha256, "content": spooled.content_type}
            connection.execute(statements.BYTES, known)
            return None if owner == document_id else owner

    def end(self, document_id: str, run_id: str, ending: Ending) -> bool:
        """Give a document its outcome.

        `False` when it has one already, when another run holds it now, or when it is to end for want of news that have
        come in this moment.
        """
        d, u = s.documents.c, s.submissions.c
        ended = {"reason": ending.reason, "message": ending.message, "duplicate_of": ending.duplicate_of}
        mine = update(s.documents).where(d.id == document_id, d.outcome.is_(None), d.claimed_by == run_id)
        if ending.reason is Reason.SUBMISSION_UNKNOWN:
            mine = mine.where(exists().where(u.document_id == document_id, u.state == SubmissionState.UNKNOWN))
        with self._database.writing() as connection:
            return connection.execute(mine.values(_ended(ending.outcome) | ended)).rowcount == 1

    def counts(self) -> dict[str, int]:
        """How many documents ended where; those without an outcome count as `in_progress`."""
        with self._database.reading() as connection:
            counted = connection.execute(select(s.documents.c.outcome, func.count()).group_by(s.documents.c.outcome))
            return {outcome or "in_progress": count for outcome, count in counted}

    def oldest_under_way(self) -> tuple[Document, datetime] | None:
        """The document that waits longest for its outcome, and when it was discovered."""
        d = s.documents.c
        with self._database.reading() as connection:
            statement = rows.select_documents().where(d.outcome.is_(None)).order_by(d.discovered_at).limit(1)
            row = connection.execute(statement).first()
            return (rows.document(row), row.discovered_at) if row else None

    def needs_person(self, source: str, most: int) -> tuple[list[NeedsPerson], int]:
        """The documents of a source that are in review or quarantined now, the latest first, and how many there are.

        At most `most` of them are returned, and no more than `MOST_COUNTED` counted. One whose newer version was taken
        needs nobody.
        """
        d = s.documents.c
        # In the words of the index, without which it would not be used.
        theirs = and_(text(s.NEEDS_PERSON), d.source == source)
        latest = rows.select_documents().where(theirs).order_by(d.ended_at.desc()).limit(most)
        with self._database.reading() as connection:
            found = [NeedsPerson(rows.document(row), row.ended_at, row.message) for row in connection.execute(latest)]
            if len(found) < most:
                return found, len(found)
            some = select(d.id).where(theirs).order_by(d.ended_at.desc()).limit(MOST_COUNTED).subquery()
            return found, connection.execute(select(func.count()).select_from(some)).scalar_one()

    async def _together(self, calls: Sequence[Callable[[], Any]]) -> Sequence[Any]:
        return await asyncio.to_thread(self._database.together, calls)

    # --- types, results and destinations -------------------------------------------------------------------------

    def keep_schemas(self, schemas: Iterable[TypeSchema]) -> None:
        """Remember the types' schemas, so that tables can be rebuilt without the service."""
        with self._database.writing() as connection:
            for schema in schemas:
                values = {"name": schema.name, "json_schema": schema.json_schema}
                statement = self._database.insert(s.schemas).values(code=schema.code, **values)
                connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=values))

    def schemas(self) -> dict[str, TypeSchema]:
        """The remembered types by code."""
        with self._database.reading() as connection:
            known = connection.execute(select(s.schemas))
            return {row.code: TypeSchema(code=row.code, name=row.name, json_schema=row.json_schema) for row in known}

    def extraction(self, document_id: str) -> Extraction:
        """The fields that were extracted of a document. Raises `NoResultFound` when no execution succeeded."""
        with self._database.reading() as connection:
            return rows.extraction(connection.execute(statements.EXTRACTION, {"document": document_id}).one())

    def extractions(self, before: datetime) -> Iterator[Extraction]:
        """The fields of every document written by `before`, in the order they were written, a few at a time."""
        d = s.documents.c
        statement = rows.select_extractions().where(d.outcome == Outcome.WRITTEN, d.ended_at <= before)
        with self._database.reading() as connection:
            streamed = connection.execution_options(yield_per=200)
            for row in streamed.execute(statement.order_by(d.ended_at, d.id)):
                yield rows.extraction(row)

    def table_states(self, destination: str) -> dict[str, TableState]:
        """The destination's tables as of its last commit."""
        t = s.destination_tables.c
        with self._database.reading() as connection:
            known = connection.execute(select(s.destination_tables).where(t.destination == destination))
            return {row.name: TableState(row.name, tuple(row.columns), row.length, row.rows) for row in known}

    def append_is_open(self, destination: str) -> bool:
        """Whether an append was begun and never committed: what is beyond the recorded lengths is to be cut off."""
        statement = select(s.destinations.c.append_open).where(s.destinations.c.uri == destination)
        with self._database.reading() as connection:
            return bool(connection.execute(statement).scalar_one_or_none())

    def open_append(self, destination: str) -> None:
        """Committed before the first byte of an append."""
        with self._database.writing() as connection:
            statement = self._database.insert(s.destinations).values(uri=destination, append_open=True)
            connection.execute(statement.on_conflict_do_update(index_elements=["uri"], set_={"append_open": True}))

    def close_append(self, destination: str, states: Iterable[TableState], written: Iterable[str]) -> None:
        """Commit an append: the tables' new states, and the ids of the documents whose rows are there now."""
        with self._database.writing() as connection:
            self._keep_states(connection, destination, states)
            for id_ in written:
                row = {"destination": destination, "document_id": id_}
                connection.execute(self._database.insert(s.writes).values(row).on_conflict_do_nothing())
                # Whatever became of the document meanwhile: its rows are there.
                elsewhere = update(s.documents).where(s.documents.c.id == id_, _not_written())
                connection.execute(elsewhere.values(_ended(Outcome.WRITTEN)))

    def replace_tables(self, destination: str, states: Iterable[TableState], before: datetime, documents: int) -> None:
        """Commit a rebuild from `extractions(before)`, which yielded so many documents: they are all there is.

        Raises `LedgerGrewError`, and changes nothing, when another run has ended one more by then: the rebuild lacks
        its rows.
        """
        d, t, w = s.documents.c, s.destination_tables.c, s.writes.c
        written = select(literal(destination), d.id).where(d.outcome == Outcome.WRITTEN, d.ended_at <= before)
        with self._database.writing() as connection:
            connection.execute(delete(s.writes).where(w.destination == destination))
            connection.execute(s.writes.insert().from_select(["destination", "document_id"], written))
            marked = select(func.count()).select_from(s.writes).where(w.destination == destination)
            if connection.execute(marked).scalar_one() != documents:
                raise LedgerGrewError
            connection.execute(delete(s.destination_tables).where(t.destination == destination))
            self._keep_states(connection, destination, states)

    def is_written(self, destination: str, document_id: str) -> bool:
        """Whether this destination holds the document's rows."""
        with self._database.reading() as connection:
            here = {"place": destination, "document": document_id}
            return connection.execute(statements.WRITTEN, here).first() is not None

    def _keep_states(self, connection: Connection, destination: str, states: Iterable[TableState]) -> None:
        for state in states:
            values = {"columns": list(state.columns), "length": state.length, "rows": state.rows}
            statement = self._database.insert(s.destination_tables).values(
                destination=destination, name=state.name, **values
            )
            connection.execute(statement.on_conflict_do_update(index_elements=["destination", "name"], set_=values))
        statement = self._database.insert(s.destinations).values(uri=destination, append_open=False)
        connection.execute(statement.on_conflict_do_update(index_elements=["uri"], set_={"append_open": False}))


def _not_written() -> ColumnElement[bool]:
    return or_(s.documents.c.outcome.is_(None), s.documents.c.outcome != Outcome.WRITTEN)


def _ended(outcome: Outcome) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "state": DocumentState.ENDED,
        "ended_at": _now(),
        "claimed_by": None,
        "reason": None,
        "message": None,
    }


def _now() -> datetime:
    return datetime.now(UTC)
