"""A folder of CSV files, one a table: appended to exactly once, whatever is killed when.

The ledger knows each file's length in bytes as of the last commit. An append says so in the ledger before its first
byte, and its commit records the new lengths together with the documents whose rows they hold: what a killed process
left beyond a recorded length is cut off, and its documents are still to be written.

A table that appears, or gets another heading, is made in a file of its own and takes its place whole. While that goes
on the folder's marker names the tables concerned; found so, they are made again from the ledger's results. Every
change happens under a lock in the folder: one writer at a time, whichever process it is in.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from trayflow.columns.names import TableNames
from trayflow.destinations.csv_files import LOCK, TEMPORARY, Draft, Marker, append, cut, size, take_place, to_csv
from trayflow.errors import DestinationError
from trayflow.ledger import Ledger, LedgerGrewError
from trayflow.models import Extraction, TableState
from trayflow.tables import frames

#: Seconds to wait for another process's append or rebuild.
PATIENCE = 600

#: Documents in memory at once while tables are made anew.
BATCH = 200

_EVER = datetime(9999, 1, 1, tzinfo=UTC)


class CsvFolder:
    """A folder of CSV files as a destination. Methods block; each is safe beside any other process or thread.

    All raise `DestinationError` where the folder cannot be written, or is not this ledger's.
    """

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder = folder.expanduser().resolve()
        self.uri = self.folder.as_uri()
        self._ledger = ledger

    def open(self) -> None:
        """Make and mark the folder, and put right what a killed process left in it."""
        with self._locked():
            self._settle()

    def append(self, extractions: Iterable[Extraction]) -> dict[str, int]:
        """Write the rows of documents, and their outcome, unless they are here already. Returns the new rows by table.

        The cost does not grow with what is there, except when a table gets a new column: it is then copied once.
        """
        with self._locked():
            states = self._settle()
            wanted = {item.document.id: item for item in extractions}
            wanted = {id_: item for id_, item in wanted.items() if not self._ledger.is_written(self.uri, id_)}
            if not wanted:
                return {}
            names = TableNames({name: state.columns for name, state in states.items()})
            rows = frames(wanted.values(), self._ledger.schemas(), names)
            states |= self._make_room(rows, states)
            self._ledger.open_append(self.uri)
            try:
                grown = [self._append(states[name], frame) for name, frame in rows.items()]
            except OSError:
                with suppress(OSError):  # a full disk: readers should not wait for the next run to see whole rows
                    self._cut(states)
                raise
            self._ledger.close_append(self.uri, grown, list(wanted))
            return {name: len(frame) for name, frame in rows.items() if len(frame)}

    def rebuild(self) -> dict[str, int]:
        """Make all tables anew from the ledger's results, in the order they were first written; rows by table.

        This is also how a folder that was changed, or that holds another ledger's tables, becomes this ledger's.
        Readers have each table old or new, never half of it; memory holds a few hundred documents at a time.
        """
        with self._locked():
            while True:
                with suppress(LedgerGrewError):  # by a run that writes elsewhere: its document is to be here too
                    return self._rebuilt()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / LOCK, timeout=PATIENCE):
                self._sweep()
                try:
                    yield
                finally:
                    self._sweep()
        except Timeout:
            raise DestinationError(
                f"Another process has been writing to {self.folder} for {PATIENCE // 60} minutes: try again later."
            ) from None
        except OSError as error:
            raise DestinationError(
                f"{self.folder} cannot be written: {error.strerror or error}. Put that right, or choose another folder."
            ) from error

    def _settle(self) -> dict[str, TableState]:
        """Bring the folder to what the ledger says of it, or refuse to touch it. Returns what it holds."""
        marker = Marker.read(self.folder)
        if marker is None:
            marker = Marker(self._ledger.id)
            marker.write(self.folder)
        if marker.ledger != self._ledger.id:
            raise DestinationError(
                f"{self.folder} holds the tables of another ledger. Choose another folder, or put this ledger's tables "
                f"in their place: {self._rebuild_command}"
            )
        states = self._ledger.table_states(self.uri)
        if marker.replacing:
            return self._restore(states, leftovers=marker.replacing)
        sizes = {name: size(self._file(name)) for name in states}
        if self._ledger.append_is_open(self.uri):
            if all((sizes[name] or 0) >= state.length for name, state in states.items()):
                self._cut(states)
                self._ledger.close_append(self.uri, (), ())
                return states
            return self._restore(states)
        changed = [name for name, state in states.items() if sizes[name] not in (None, state.length)]
        if changed:
            raise DestinationError(
                f"{', '.join(self._file(name).name for name in changed)} in {self.folder} was changed by another "
                f"program. Put it back as it was, or make all tables anew: {self._rebuild_command}"
            )
        return self._restore(states) if None in sizes.values() else states

    def _restore(self, states: Mapping[str, TableState], leftovers: Iterable[str] = ()) -> dict[str, TableState]:
        """Make this folder's tables again with the documents that the ledger says are in them, and no others."""
        here = (item for item in self._ledger.extractions(_EVER) if self._ledger.is_written(self.uri, item.document.id))
        drafts = self._draft(here, states)
        return self._publish(
            drafts,
            lambda made: self._ledger.close_append(self.uri, made, ()),
            retired=set(leftovers) - drafts.keys(),
        )

    def _rebuilt(self) -> dict[str, int]:
        known = self._ledger.table_states(self.uri)
        before = datetime.now(UTC)
        documents = count()  # its next number is how many documents were drafted
        counted = (item for item, _ in zip(self._ledger.extractions(before), documents, strict=False))
        drafts = self._draft(counted, {})
        self._refuse_foreign(drafts.keys() - known.keys(), also_tables=False)
        states = self._publish(
            drafts,
            lambda made: self._ledger.replace_tables(self.uri, made, before, next(documents)),
            retired=known.keys() - drafts.keys(),
        )
        return {name: state.rows for name, state in states.items()}

    def _make_room(self, rows: Mapping[str, pd.DataFrame], states: Mapping[str, TableState]) -> dict[str, TableState]:
        """See that each table exists and has the columns of its new rows."""
        self._refuse_foreign(rows.keys() - states.keys(), also_tables=True)
        drafts = {}
        for name, frame in rows.items():
            state = states.get(name)
            if state is None:
                drafts[name] = Draft(self.folder, name, list(frame.columns))
            elif new := [column for column in frame.columns if column not in state.columns]:
                drafts[name] = Draft.of(self._file(name), state, (*state.columns, *new))
        if not drafts:
            return {}
        return self._publish(drafts, lambda made: self._ledger.close_append(self.uri, made, ()))

    def _draft(self, extractions: Iterator[Extraction], states: Mapping[str, TableState]) -> dict[str, Draft]:
        """Tables with the rows of all these documents; those of `states` keep their names and columns."""
        drafts = {name: Draft(self.folder, name, state.columns) for name, state in states.items()}
        names = TableNames({name: state.columns for name, state in states.items()})
        schemas = self._ledger.schemas()
        while batch := list(islice(extractions, BATCH)):
            for name, frame in frames(batch, schemas, names).items():
                if name not in drafts:
                    drafts[name] = Draft(self.folder, name, list(frame.columns))
                drafts[name].add(frame)
        return drafts

    def _publish(
        self, drafts: Mapping[str, Draft], commit: Callable[[list[TableState]], None], retired: Iterable[str] = ()
    ) -> dict[str, TableState]:
        """Put drafts in their tables' place, commit that, and remove the retired tables.

        Killed in here, the marker still names the tables: `_restore` then makes them from what the ledger last knew.
        """
        states = {name: draft.finish() for name, draft in drafts.items()}
        retired = sorted(retired)
        Marker(self._ledger.id, (*states, *retired)).write(self.folder)
        for name, draft in drafts.items():
            take_place(draft.path, self._file(name))
        commit(list(states.values()))
        for name in retired:
            self._file(name).unlink(missing_ok=True)
        Marker(self._ledger.id).write(self.folder)
        return states

    def _append(self, state: TableState, frame: pd.DataFrame) -> TableState:
        content = to_csv(frame, state.columns)
        append(self._file(state.name), state.length, content)
        return replace(state, length=state.length + len(content), rows=state.rows + len(frame))

    def _cut(self, states: Mapping[str, TableState]) -> None:
        for name, state in states.items():
            cut(self._file(name), state.length)

    def _sweep(self) -> None:
        """Remove drafts that nobody finished: under the lock, none is being written."""
        for left in self.folder.glob(f"{TEMPORARY}*"):
            left.unlink()

    def _refuse_foreign(self, names: Iterable[str], *, also_tables: bool) -> None:
        """Raise `DestinationError` for files in the way of tables that the ledger does not know to be here."""
        for name in sorted(names):
            path = self._file(name)
            if size(path) is None:
                continue
            ours = _has_lineage(path)
            if ours and also_tables:
                raise DestinationError(
                    f"{path} holds rows that this ledger did not write there. Choose another folder, or make all "
                    f"tables anew: {self._rebuild_command}"
                )
            if not ours:
                raise DestinationError(
                    f"{path} is not a table of ours and would be overwritten: move it away, or choose another folder."
                )

    @property
    def _rebuild_command(self) -> str:
        return f"trayflow tables rebuild --to {shlex.quote(str(self.folder))}"

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.csv"


def _has_lineage(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).startswith((b"document_id,source_uri,", b"document_id,line,"))
