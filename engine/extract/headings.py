"""The line of a page that heads a table: which words head which column, and where the columns stand."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from engine.extract.labels import matches, x_at
from engine.extract.layout import Layout, Line
from engine.extract.lexicon import Index
from engine.extract.schema import Column, Rows
from engine.extract.text import key_of, tokens_of

# Words of one heading on two lines stand at most this many line heights apart.
_NEXT_LINE = 0.9
_MOST_LINES = 3
_LONGEST_HEADING = 9
_MOST_DIGITS = 2
_NO_HEADING = re.compile(r"\d[.,]\d|@|www\.")
_MOST_VARIANTS = 6
_FENCE = 3
_WITH_HEADING = re.compile(r"\W*(?:in\s+)?(?:[A-Z]{3}|RM|Rs\.?|[$€£])?\W*")
_TEXTUAL = frozenset({"text", "name", "id", "address"})
_DEBIT, _CREDIT, _AMOUNT = "column_debit", "column_credit", "column_amount"


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading: its place in points, and the schema's column that stands below it, if any.

    `sign` is -1 for a column of debits and 1 for one of credits, both of which fill a column of signed amounts. `known`
    says that the words are a heading of the lexicon or the schema.
    """

    text: str
    x0: float
    x1: float
    target: Column | None
    sign: int = 0
    known: bool = True


@dataclass(frozen=True, slots=True)
class Header:
    """The headings of a table from left to right, and the first and last of its lines in the layout."""

    headings: tuple[Heading, ...]
    first: int
    last: int
    page: int

    @property
    def text(self) -> int | None:
        """The position of the column that a row's text without a column of its own belongs to: the description's."""
        texts = [i for i, h in enumerate(self.headings) if h.target and h.target.kind in ("text", "name")]
        described = (i for i in texts if "column_description" in self.headings[i].target.sources)  # type: ignore[union-attr]
        return next(described, texts[0] if texts else None)

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


def fences(layout: Layout, rows: Rows, index: Index) -> list[int]:
    """The lines that head any table, also one of another kind: no table goes on below the headings of the next."""
    return [
        number
        for number, line in enumerate(layout.lines)
        if _may_head(line) and sum(heading.known for heading in _headings(line, layout, rows, index)) >= _FENCE
    ]


def variants(header: Header, rows: Rows, index: Index) -> Iterator[Header]:
    """The ways to read a header: each heading once where several head the same column, two words together or apart."""
    apart = tuple(part for heading in header.headings for part in _parts(heading, rows, index))
    for headings in dict.fromkeys((header.headings, apart)):
        doubles: dict[tuple[str, int], list[int]] = {}
        for position, heading in enumerate(headings):
            if heading.target is not None:
                doubles.setdefault((heading.target.name, heading.sign), []).append(position)
        # What a line comes to stands behind its parts: amounts are looked for from the right.
        choices = [p if headings[p[0]].target.kind in _TEXTUAL else p[::-1] for p in doubles.values()]  # type: ignore[union-attr]
        for kept in itertools.islice(itertools.product(*choices), _MOST_VARIANTS):
            chosen = tuple(
                h if h.target is None or i in kept else replace(h, target=None) for i, h in enumerate(headings)
            )
            yield replace(header, headings=chosen)


def _parts(heading: Heading, rows: Rows, index: Index) -> Iterator[Heading]:
    """The words of a heading as headings of their own, where each of them is one: `TAX AMOUNT`."""
    tokens = tokens_of(heading.text)
    concepts = [index.exact(token.key) for token in tokens]
    if len(tokens) != 2 or not all(concepts):
        yield heading
        return
    width = (heading.x1 - heading.x0) / max(1, len(heading.text))
    for token, known in zip(tokens, concepts, strict=True):
        target, sign = target_of(known, rows)
        x0, x1 = heading.x0 + token.start * width, heading.x0 + token.end * width
        yield Heading(heading.text[token.start : token.end], x0, x1, target, sign)


def _header_at(number: int, line: Line, layout: Layout, rows: Rows, index: Index) -> Header | None:
    headings = list(_headings(line, layout, rows, index))
    if not any(heading.target for heading in headings) or not _may_head(line):
        return None
    first = last = number
    for other in _neighbours(number, layout):
        extended, touched = _extended(headings, line, layout.lines[other], layout, rows, index)
        if touched:
            headings = extended
            first, last = min(first, other), max(last, other)
    header = Header(tuple(headings), first, last, line.page)
    if len(header.targets) < 2 or not (_figures(h.target for h in headings) or not _figures(rows.columns)):
        return None
    return replace(header, headings=tuple(_with_text_column(headings, line, rows)))


def _figures(columns: Iterable[Column | None]) -> bool:
    """Whether one of the columns has numbers."""
    return any(column is not None and column.kind not in _TEXTUAL and column.kind != "date" for column in columns)


def _may_head(line: Line) -> bool:
    """Whether a line can be one of headings: hardly a digit, no amounts or addresses, no running text."""
    if _digits(line) > _MOST_DIGITS or _NO_HEADING.search(line.text):
        return False
    return all(len(segment.words) <= _LONGEST_HEADING for segment in line.segments)


def _with_text_column(headings: list[Heading], line: Line, rows: Rows) -> list[Heading]:
    """The headings, with one for the description on the left when nothing heads it."""
    text = next((column for column in rows.columns if column.kind in ("text", "name")), None)
    figures = [h for h in headings if h.target and h.target.kind not in _TEXTUAL]
    if text is None or any(h.target is text for h in headings) or not figures:
        return headings
    unknown = [h for h in headings if h.target is None and h.x1 < figures[-1].x0 and not h.known]
    widest = max(unknown, key=lambda h: h.x1 - h.x0, default=None)
    if widest is not None:
        return [replace(h, target=text) if h is widest else h for h in headings]
    left = min(h.x0 for h in figures)
    return [Heading("", line.x0 - 5, max(line.x0, left - 5), text), *headings] if left > line.x0 + 20 else headings


def _headings(line: Line, layout: Layout, rows: Rows, index: Index) -> Iterator[Heading]:
    """The headings on a line: known words, and the runs of words between them."""
    fuzzy = layout.pages[line.page].source == "ocr"
    for segment in line.segments:
        text, at = segment.text, 0
        last: Heading | None = None  # held back, because a currency behind it belongs to it
        for start, end, concepts, _ in [*matches(text, index, fuzzy=fuzzy), (len(text), len(text), (), 0.0)]:
            between = text[at:start]
            if last is not None and _WITH_HEADING.fullmatch(between):
                last = replace(last, x1=x_at(segment, at + len(between.rstrip())))
            elif any(char.isalnum() for char in between):
                if last is not None:
                    yield last
                    last = None
                begin = at + len(between) - len(between.lstrip(" .:/|-"))
                yield Heading(between.strip(" .:/|-"), x_at(segment, begin), x_at(segment, start), None, 0, known=False)
            if concepts:
                if last is not None:
                    yield last
                target, sign = target_of(concepts, rows)
                last = Heading(text[start:end], x_at(segment, start), x_at(segment, end), target, sign)
            at = end
        if last is not None:
            yield last


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
    """The lines right below and above, which may hold the other words of a heading."""
    for step in (1, -1):
        near = layout.lines[number]
        other = number + step
        while 0 <= other < len(layout.lines) and abs(other - number) <= _MOST_LINES:
            line = layout.lines[other]
            gap = line.y0 - near.y1 if step > 0 else near.y0 - line.y1
            if line.page != near.page or gap > _NEXT_LINE * near.segments[0].height or not _may_head(line):
                break
            yield other
            near = line
            other += step


def _extended(
    headings: list[Heading], home: Line, line: Line, layout: Layout, rows: Rows, index: Index
) -> tuple[list[Heading], bool]:
    """The headings with the words of the line above or below them, where both together are a heading too."""
    result, touched = _joined(headings, home, line, rows, index)
    for segment in line.segments:
        for word in segment.words:
            over = next((h for h in result if h.x0 < word.x1 and word.x0 < h.x1), None)
            if over is None:
                continue
            for text in (f"{over.text} {word.text}", f"{word.text} {over.text}"):
                concepts = index.exact(key_of(text))
                if not concepts and over.known:
                    continue
                target, sign = target_of(concepts, rows)
                wide = replace(over, text=text, x0=min(over.x0, word.x0), x1=max(over.x1, word.x1))
                result[result.index(over)] = replace(wide, target=target, sign=sign, known=bool(concepts))
                touched = touched or bool(concepts)
                break
    for heading in _headings(line, layout, rows, index):
        if heading.known and all(heading.x1 < h.x0 or h.x1 < heading.x0 for h in result):
            result.append(heading)
            touched = True
    return sorted(result, key=lambda heading: heading.x0), touched


def _joined(headings: list[Heading], home: Line, line: Line, rows: Rows, index: Index) -> tuple[list[Heading], bool]:
    """The headings, several of one piece of print made one where they are with the words above or below them."""
    result = list(headings)
    for segment in home.segments:
        inside = [h for h in result if segment.x0 - 1 <= h.x0 and h.x1 <= segment.x1 + 1]
        near = " ".join(word.text for word in line.words if word.x0 < segment.x1 and segment.x0 < word.x1)
        text = " ".join(heading.text for heading in inside)
        for joined in (f"{text} {near}", f"{near} {text}"):
            concepts = index.exact(key_of(joined))
            if len(inside) > 1 and near and concepts:
                target, sign = target_of(concepts, rows)
                at = result.index(inside[0])
                result = [heading for heading in result if heading not in inside]
                result.insert(at, Heading(joined, segment.x0, segment.x1, target, sign))
                return result, True
    return result, False


def _digits(line: Line) -> int:
    return sum(token.key.isdigit() for token in tokens_of(line.text))
