"""CSV files: how rows are written down, and how a file takes another's place without anybody seeing half of it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from trayflow.models import TableState

MARKER = "_trayflow.json"
LOCK = "_trayflow.lock"
TEMPORARY = "_trayflow-"

#: What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), after blanks that some trim.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")  # noqa: RUF001 - the wide forms are run as well
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*%?")

#: Rows held in memory while a table is rewritten.
_CHUNK = 10_000


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet runs, with `\\n` for every line break."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text.strip()):
        text = f"'{text}"
    # A lone carriage return is not quoted by every CSV writer, and ends a row for many readers.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def to_csv(frame: pd.DataFrame, columns: Sequence[str]) -> bytes:
    """The rows in these columns, as lines of CSV without a heading; null is an empty cell."""
    # pandas writes with the same csv.writer, at ten times the cost for the few rows of an append.
    there = {name: cells.to_numpy(object, na_value=None) for name, cells in frame.items()}  # type: ignore[call-overload]
    nothing = [None] * len(frame)
    cells = [there.get(name, nothing) for name in columns]
    text = io.StringIO()
    rows = ([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in zip(*cells, strict=True))
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


class Draft:
    """A table in the making, in a file of its own until it takes its place."""

    def __init__(self, folder: Path, name: str, columns: Sequence[str]) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.rows = 0
        self.path = folder / f"{TEMPORARY}{name}.tmp"
        self.path.write_bytes(_heading(self.columns))

    @classmethod
    def of(cls, table: Path, state: TableState, columns: Sequence[str]) -> Draft:
        """A copy of a table, with further columns at its end."""
        draft = cls(table.parent, state.name, columns)
        draft.rows = state.rows
        draft._copy(table, state.columns)
        return draft

    def add(self, frame: pd.DataFrame) -> None:
        """Write rows at the end; columns that are new are added to all the rows before."""
        if new := [name for name in frame.columns if name not in self.columns]:
            narrow = self.path.rename(self.path.with_suffix(".narrow"))
            before, self.columns = self.columns, (*self.columns, *new)
            self.path.write_bytes(_heading(self.columns))
            self._copy(narrow, before)
            narrow.unlink()
        with self.path.open("ab") as file:
            file.write(to_csv(frame, self.columns))
        self.rows += len(frame)

    def finish(self) -> TableState:
        """Bring it to the disk. Returns what the ledger has to know of it."""
        with self.path.open("r+b") as file:
            os.fsync(file.fileno())
        return TableState(self.name, self.columns, self.path.stat().st_size, self.rows)

    def _copy(self, source: Path, columns: Sequence[str]) -> None:
        """Append the rows of a file with these columns, cell by cell as they are."""
        chunks = pd.read_csv(
            source, header=0, names=list(columns), dtype=str, na_filter=False, index_col=False, chunksize=_CHUNK
        )
        with chunks, self.path.open("ab") as file:
            for chunk in chunks:
                wide = chunk.reindex(columns=list(self.columns))
                file.write(wide.to_csv(index=False, header=False, lineterminator="\n").encode())


def append(path: Path, offset: int, content: bytes) -> None:
    """Write at the end, which is at `offset`, and bring it to the disk."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def cut(path: Path, length: int) -> None:
    """Take away what is beyond `length` bytes."""
    with path.open("r+b") as file:
        file.truncate(length)
        os.fsync(file.fileno())


def size(path: Path) -> int | None:
    """The file's length in bytes; `None` where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def take_place(draft: Path, path: Path) -> None:
    """Put a finished file in another's place: readers have the old one or the new one, whole."""
    draft.replace(path)
    _sync(path.parent)


@dataclass(frozen=True, slots=True)
class Marker:
    """Says in a folder whose tables it holds, and which of them are being replaced at the moment."""

    ledger: str
    replacing: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Marker | None:
        """The folder's marker; one that cannot be read is nobody's. `None` where there is none."""
        try:
            found = json.loads((folder / MARKER).read_bytes())
            return cls(str(found["ledger"]), tuple(Path(name).name for name in found["replacing"]))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            return cls("")

    def write(self, folder: Path) -> None:
        """Take the place of the marker that was there."""
        draft = folder / f"{TEMPORARY}marker.tmp"
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            json.dump({"made_by": "trayflow", **asdict(self)}, file)
            file.flush()
            os.fsync(file.fileno())
        take_place(draft, folder / MARKER)


def _heading(columns: Sequence[str]) -> bytes:
    return pd.DataFrame(columns=list(columns)).to_csv(index=False, lineterminator="\n").encode()


def _sync(folder: Path) -> None:
    """Bring a renaming to the disk, where a folder can be opened for that."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
