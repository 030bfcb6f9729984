"""The line of a page that heads a table: which words head which column, and where the columns stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from engine.extract.labels import matches, x_at
from engine.extract.layout import Layout, Line
from engine.extract.lexicon import Index
from engine.extract.schema import Column, Rows
from engine.extract.text import key_of, tokens_of

# Words of one heading on two lines stand at most this many line heights apart.
_NEXT_LINE = 0.9
_DEBIT, _CREDIT, _AMOUNT = "column_debit", "column_credit", "column_amount"


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: its place in points, and the schema's column that stands below it, if any.

    `sign` is -1 for a column of debits and 1 for one of credits, both of which fill a column of signed amounts.
    """

    text: str
    x0: float
    x1: float
    target: Column | None
    sign: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """The headings of a table from left to right, and the first and last of its lines in the layout."""

    headings: tuple[Heading, ...]
    first: int
    last: int
    page: int

    @property
    def targets(self) -> set[str]:
        return {heading.target.name for heading in self.headings if heading.target}


def find_headers(layout: Layout, rows: Rows, index: Index) -> list[Header]:
    """The lines that head a table with columns of `rows`: at least two of them, one a number."""
    found: list[Header] = []
    for number, line in enumerate(layout.lines):
        if found and number <= found[-1].last:
            continue
        header = _header_at(number, line, layout, rows, index)
        if header is not None:
            found.append(header)
    return found


def _header_at(number: int, line: Line, layout: Layout, rows: Rows, index: Index) -> Header | None:
    headings = list(_headings(line, layout, rows, index))
    if sum(heading.target is not None for heading in headings) < 1 or len(headings) < 2 or _digits(line) > 4:
        return None
    first = last = number
    for other in _neighbours(number, layout):
        extended, touched = _extended(headings, layout.lines[other], layout, rows, index)
        if touched:
            headings = extended
            first, last = min(first, other), max(last, other)
    header = Header(tuple(_without_doubles(headings)), first, last, line.page)
    numeric = {h.target.name for h in header.headings if h.target and h.target.kind not in ("text", "name", "id")}
    return header if len(header.targets) >= 2 and numeric else None


def _headings(line: Line, layout: Layout, rows: Rows, index: Index) -> Iterator[Heading]:
    fuzzy = layout.pages[line.page].source == "ocr"
    for segment in line.segments:
        text = segment.text
        for start, end, concepts, _ in matches(text, index, fuzzy=fuzzy):
            target, sign = target_of(concepts, rows)
            yield Heading(text[start:end], x_at(segment, start), x_at(segment, end), target, sign)


def target_of(concepts: Sequence[str], rows: Rows) -> tuple[Column | None, int]:
    """The column that a heading of these concepts heads, and the sign of its amounts (0 when they have their own)."""
    for column in rows.columns:
        if column.sources & set(concepts):
            return column, 0
    signed = next((column for column in rows.columns if _AMOUNT in column.sources), None)
    if signed is not None and _DEBIT in concepts:
        return signed, -1
    if signed is not None and _CREDIT in concepts:
        return signed, 1
    return None, 0


def _neighbours(number: int, layout: Layout) -> Iterator[int]:
    """The lines right below and above, which may hold the second word of a heading."""
    line = layout.lines[number]
    for step in (1, -1):
        other = number + step
        while 0 <= other < len(layout.lines) and abs(other - number) <= 2:
            near = layout.lines[other]
            gap = near.y0 - line.y1 if step > 0 else line.y0 - near.y1
            height = line.segments[0].height
            if near.page != line.page or gap > _NEXT_LINE * height or _digits(near) > 2:
                break
            yield other
            other += step


def _extended(
    headings: list[Heading], line: Line, layout: Layout, rows: Rows, index: Index
) -> tuple[list[Heading], bool]:
    """The headings with the words of the line above or below them, where both together are a heading too."""
    result = list(headings)
    touched = False
    below = headings and line.y0 > 0
    for segment in line.segments:
        for word in segment.words:
            over = next((h for h in result if h.x0 < word.x1 and word.x0 < h.x1), None)
            if over is None:
                continue
            for text in (f"{over.text} {word.text}", f"{word.text} {over.text}"):
                concepts = index.exact(key_of(text))
                if concepts and below:
                    target, sign = target_of(concepts, rows)
                    wide = replace(over, text=text, x0=min(over.x0, word.x0), x1=max(over.x1, word.x1))
                    result[result.index(over)] = replace(wide, target=target, sign=sign)
                    touched = True
                    break
    for heading in _headings(line, layout, rows, index):
        if all(heading.x1 < h.x0 or h.x1 < heading.x0 for h in result):
            result.append(heading)
            touched = True
    return sorted(result, key=lambda heading: heading.x0), touched


def _without_doubles(headings: list[Heading]) -> Iterator[Heading]:
    """Of two headings with the same column the one further right: what a line comes to stands behind its parts."""
    last: dict[tuple[str, int], int] = {}
    for position, heading in enumerate(headings):
        if heading.target is not None:
            key = (heading.target.name, heading.sign)
            textual = heading.target.kind in ("text", "name", "id", "date")
            last[key] = last.get(key, position) if textual else position
    for position, heading in enumerate(headings):
        kept = heading.target is None or last[(heading.target.name, heading.sign)] == position
        yield heading if kept else replace(heading, target=None)


def _digits(line: Line) -> int:
    return sum(token.key.isdigit() for token in tokens_of(line.text))
