"""Tables that the reader found by their rules: rows of cells, one of which heads the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.extract.grid import ENDS
from engine.extract.headings import target_of
from engine.extract.labels import matches
from engine.extract.lexicon import Index
from engine.extract.schema import Column, Rows
from engine.extract.text import key_of

_Targets = dict[int, tuple[Column, int]]


def ruled_rows(table: Sequence[Sequence[str]], rows: Rows, headings: Index, labels: Index) -> Iterator[dict[int, str]]:
    """The cells of a table's rows by position, below its heading and above its totals; none when it has no heading."""
    for number, row in enumerate(table):
        targets = targets_of(row, rows, headings)
        if len({column.name for column, _ in targets.values()}) < 2:
            continue
        for body in table[number + 1 :]:
            if len(body) != len(row) or _adds_up(body, labels):
                return
            yield {position: cell for position, cell in enumerate(body) if cell.strip()}
        return


def targets_of(row: Sequence[str], rows: Rows, headings: Index) -> _Targets:
    """Which cell of a heading row heads which column; of two with the same column the one further right."""
    targets: _Targets = {}
    for position, cell in enumerate(row):
        concepts = headings.exact(key_of(cell))
        if not concepts:
            # `Requested (A)greed Qty` is one: its longest known words count.
            found = list(matches(cell.replace("\n", " "), headings, fuzzy=False))
            concepts = max(found, key=lambda match: match[1] - match[0])[2] if found else ()
        column, sign = target_of(concepts, rows)
        if column is not None:
            known = [p for p, (c, s) in targets.items() if (c.name, s) == (column.name, sign)]
            if known and column.kind in ("text", "name", "id", "date"):
                continue
            for previous in known:
                del targets[previous]
            targets[position] = (column, sign)
    return targets


def _adds_up(row: Sequence[str], labels: Index) -> bool:
    first = next((cell for cell in row if cell.strip()), "")
    found = next(matches(first, labels, fuzzy=False), None)
    return found is not None and found[0] == 0 and bool(set(found[2]) & ENDS)
