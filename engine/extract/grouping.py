"""Lines of a table's body become rows: which lines have a row's figures, and whose text stands above or below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

# Lines of one row stand at most this many line heights apart.
_NEAR = 2.6
# Figures of one row that are printed a little higher or lower than the others.
_SAME_ROW = 0.35
_MOST_CONTINUED, _MOST_ABOVE = 3, 2
# Added to the height of a line for each page before it, so that pages are never near each other.
PAGE_APART = 100_000.0


@dataclass(frozen=True, slots=True)
class BodyLine:
    """A line below a heading: its texts by heading, and which columns have figures (`amounts` those of money).

    `y0` and `y1` are in points from the top of the first page, with `PAGE_APART` between pages.
    """

    number: int
    y0: float
    y1: float
    height: float
    cells: dict[int, list[str]]
    values: frozenset[str]
    amounts: frozenset[str]
    text: str
    figures: tuple[str, ...]

    @property
    def wordy(self) -> bool:
        return sum(char.isalpha() for char in self.text) >= 2


@dataclass(slots=True)
class Cells:
    """A row: its texts by heading, its description, all its figures as printed, and its lines in the layout."""

    by_heading: dict[int, list[str]] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    own_text: bool = False


def group(lines: Sequence[BodyLine]) -> list[Cells]:
    """The rows of a body. Text without figures belongs to the row below it where names stand above their figures,
    as on slips, and otherwise to the row above it, as the rest of its description."""
    rows, homes = _rows_with_figures(lines)
    if not rows:
        return []
    above = _names_stand_above(lines, homes)
    continued: dict[int, int] = {}
    for position, line in enumerate(lines):
        if position in homes or not line.wordy:
            continue
        home = _home(position, lines, homes, rows, above=above)
        if home is None:
            continue
        row = rows[home]
        if row.own_text and not above:
            continued[home] = continued.get(home, 0) + 1
            if continued[home] > _MOST_CONTINUED or ":" in line.text:
                continued[home] = _MOST_CONTINUED
                continue
        row.text.append(line.text)
        row.lines.append(line.number)
    if above:
        for position, home in homes.items():
            # What stands beside the figures then comes after the name above them.
            row, own = rows[home], lines[position].text
            if lines[position].wordy and own in row.text and row.text[0] == own:
                row.text = [*row.text[1:], own]
    return rows


def _rows_with_figures(lines: Sequence[BodyLine]) -> tuple[list[Cells], dict[int, int]]:
    """The rows, with the lines that have their figures, and the row of each of these lines by the line's position."""
    rows: list[Cells] = []
    filled: list[frozenset[str]] = []
    homes: dict[int, int] = {}
    last: BodyLine | None = None
    for position, line in enumerate(lines):
        if not line.amounts and len(line.values) < 2:
            continue
        completes = (
            last is not None and not line.values & filled[-1] and _complete_each_other(last, line, rows[-1], filled[-1])
        )
        if not completes:
            rows.append(Cells())
            filled.append(frozenset())
        row = rows[-1]
        for heading, texts in line.cells.items():
            row.by_heading.setdefault(heading, []).extend(texts)
        row.figures.extend(line.figures)
        row.lines.append(line.number)
        if line.wordy:
            row.text.append(line.text)
            row.own_text = True
        filled[-1] |= line.values
        homes[position] = len(rows) - 1
        last = line
    return rows, homes


def _complete_each_other(above: BodyLine, line: BodyLine, row: Cells, filled: frozenset[str]) -> bool:
    gap = line.y0 - above.y1
    if gap < _SAME_ROW * line.height:
        return True
    return gap < _NEAR * line.height and not filled & above.amounts and not (line.wordy and row.own_text)


def _names_stand_above(lines: Sequence[BodyLine], homes: dict[int, int]) -> bool:
    """Whether the names of the rows stand on lines of their own above the figures."""
    with_figures = [lines[position] for position in homes]
    bare = sum(not line.wordy for line in with_figures)
    if bare * 2 < len(with_figures):
        return False
    first_text = next((p for p, line in enumerate(lines) if p not in homes and line.wordy), None)
    return first_text is not None and first_text < min(homes)


def _home(
    position: int, lines: Sequence[BodyLine], homes: dict[int, int], rows: Sequence[Cells], *, above: bool
) -> int | None:
    """The row that a line of text belongs to; None when it is too far from any."""
    line = lines[position]
    before = next((p for p in range(position - 1, -1, -1) if p in homes), None)
    after = next((p for p in range(position + 1, len(lines)) if p in homes), None)
    to_before = line.y0 - lines[position - 1].y1 if before is not None else None
    to_after = lines[after].y0 - line.y1 if after is not None else None
    if above:
        near = after is not None and after - position <= _MOST_ABOVE
        close = all(
            b.y0 - a.y1 < _NEAR * a.height for a, b in zip(lines[position:after], lines[position + 1 :], strict=False)
        )
        return homes[after] if after is not None and near and close else None
    if after == position + 1 and not lines[after].wordy and to_after is not None and to_after < _NEAR * line.height:
        return homes[after]  # the name above figures that have none beside them
    if before is not None and to_before is not None and to_before < _NEAR * line.height:
        return homes[before]
    if (
        after is not None
        and to_after is not None
        and to_after < _SAME_ROW * line.height
        and not rows[homes[after]].own_text
    ):
        return homes[after]
    return None
