"""The body of a table without rules: the print below its headings becomes rows of cells, by where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.documents import Word
from engine.extract.context import Context
from engine.extract.headings import Header, Heading
from engine.extract.layout import Line, Segment

# A line that starts with one of these ends the table: what follows adds up.
ENDS = frozenset(
    "net_total subtotal lines_total tax_total total grand_total amount_due amount_paid cash change rounding"
    " closing_balance".split()
)
_SKIPPED = frozenset({"opening_balance", "closing_balance", "other_amount"})
_NUMBER = re.compile(
    r"[-–(+]?(?:[$€£¥₹]|R[M$]|Rs\.?|US\$|[A-Z]{3})?[-–]?(?:\d[\d.,'’ ]*|[.,]\d{2})(?:[€£$%]|EUR|USD)?[-)]?[A-Z*]{0,2}"
)
_SIGN = re.compile(r"(?:[$€£¥₹%@x×*-]|RM|Rs\.?|EUR|USD|GBP|CHF|[A-Z]{3})")
_UNIT = re.compile(r"[^\W\d_]{1,7}\.?(?:\(s\))?\.?|%")
_FURTHEST = 2.6  # between the lines of one row, in line heights
_LONGEST_GAP = 14.0  # between two rows
_MOST_CONTINUED = 3


@dataclass(slots=True)
class Cells:
    """The texts of a row by heading, what stands above or below it aside, and the lines they were on."""

    by_heading: dict[int, list[str]] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    continued: int = 0

    def add(self, heading: int, text: str) -> None:
        self.by_heading.setdefault(heading, []).append(text)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A number with its sign and unit, or a run of text."""

    text: str
    x0: float
    x1: float
    numeric: bool


def body_of(header: Header, context: Context, until: int | None = None) -> list[Cells]:
    """The rows below a header, down to the totals, the end of the page or the line `until`."""
    grid = _Grid(header, context)
    end = len(context.layout.lines) if until is None else until
    for number in range(header.last + 1, end):
        line = context.layout.lines[number]
        if line.page != header.page or not grid.take(number, line):
            break
    return grid.finished()


class _Grid:
    def __init__(self, header: Header, context: Context) -> None:
        self._header = header
        self._context = context
        self._rows: list[Cells] = []
        self._above: list[tuple[int, str]] = []  # text that may belong to the row below it
        self._last_y: float | None = None
        self._text = next(
            (i for i, h in enumerate(header.headings) if h.target and h.target.kind in ("text", "name")), None
        )
        amounts = [i for i, h in enumerate(header.headings) if h.target and h.target.kind == "money"]
        self._amounts = set(amounts)

    def take(self, number: int, line: Line) -> bool:
        """Put a line into its row; False when the table has ended before it."""
        height = max(1.0, line.segments[0].height)
        first = self._last_y is None
        if self._last_y is not None and line.y0 - self._last_y > _LONGEST_GAP * height:
            return False
        label = self._leading_label(number)
        if label & _SKIPPED:
            return True
        if label & ENDS and not first:
            return False
        cells: dict[int, list[_Chunk]] = {}
        for chunk in self._chunks(line):
            cells.setdefault(self._column_of(chunk), []).append(chunk)
        near = self._last_y is not None and line.y0 - self._last_y <= _FURTHEST * height
        self._place(number, cells, near)
        self._last_y = line.y1
        return True

    def finished(self) -> list[Cells]:
        return self._rows

    def _place(self, number: int, cells: dict[int, list[_Chunk]], near: bool) -> None:
        values = {i for i, chunks in cells.items() if self._is_value(i) and any(c.numeric for c in chunks)}
        texts = cells.get(self._text, []) if self._text is not None else []
        text = " ".join(chunk.text for chunk in texts)
        if values & self._amounts or (len(values) >= 2 and texts):
            row = self._rows[-1] if self._rows else None
            if row is not None and near and self._completes(row, values, text, number):
                self._fill(row, number, cells)
                return
            row = Cells()
            if self._text is not None and not _wordy(text):
                for above, line_text in self._above:
                    row.add(self._text, line_text)
                    row.lines.append(above)
            elif self._rows and near:
                self._continue(self._rows[-1])
            self._above = []
            self._rows.append(row)
            self._fill(row, number, cells)
            return
        if _wordy(text):
            row = self._rows[-1] if self._rows else None
            if row is not None and near and self._text is not None and not row.by_heading.get(self._text):
                row.add(self._text, text)
                row.lines.append(number)
            else:
                self._above = [*self._above, (number, text)] if near or not self._rows else [(number, text)]
                if row is not None and self._own_text(row):
                    self._continue(row)

    def _own_text(self, row: Cells) -> bool:
        return self._text is not None and any(_wordy(text) for text in row.by_heading.get(self._text, []))

    def _continue(self, row: Cells) -> None:
        """Give the text below a row to it: its description goes on there."""
        for above, text in self._above:
            if row.continued < _MOST_CONTINUED and self._text is not None and ":" not in text:
                row.add(self._text, text)
                row.lines.append(above)
                row.continued += 1
        self._above = []

    def _completes(self, row: Cells, values: set[int], text: str, number: int) -> bool:
        """Whether a line's numbers are those that the row above still lacks, printed a little lower."""
        taken = {i for i in row.by_heading if self._is_value(i)}
        last = self._context.layout.lines[row.lines[-1]]
        line = self._context.layout.lines[number]
        close = line.y0 - last.y1 < 0.35 * max(1.0, line.segments[0].height)
        lacking = not taken & self._amounts or close
        return not values & taken and lacking and not (_wordy(text) and self._own_text(row) and taken & self._amounts)

    def _fill(self, row: Cells, number: int, cells: dict[int, list[_Chunk]]) -> None:
        row.lines.append(number)
        for heading, chunks in sorted(cells.items()):
            for chunk in chunks:
                if self._is_value(heading) and not chunk.numeric and self._header.headings[heading].target:
                    continue
                row.add(heading, chunk.text)
                if chunk.numeric:
                    row.numbers.append(chunk.text)

    def _is_value(self, heading: int) -> bool:
        target = self._header.headings[heading].target
        return target is not None and target.kind not in ("text", "name", "id", "date")

    def _leading_label(self, number: int) -> set[str]:
        labels = self._context.labels_on(number)
        first = labels[0] if labels else None
        if first is None or first.start > 0 or not first.firm:
            return set()
        # In a column of descriptions a label is one of them, unless it stands further right, as totals do.
        return set(first.concepts)

    def _chunks(self, line: Line) -> Iterator[_Chunk]:
        for segment in line.segments:
            yield from self._split(segment)

    def _split(self, segment: Segment) -> Iterator[_Chunk]:
        """A segment as numbers and text: numbers split off where they stand below a heading of numbers."""
        run: list[Word] = []
        words = list(segment.words)
        at = 0
        while at < len(words):
            length = self._number_at(words, at)
            if length:
                if run:
                    yield _chunk(run, numeric=False)
                    run = []
                yield _chunk(words[at : at + length], numeric=True)
                at += length
            else:
                run.append(words[at])
                at += 1
        if run:
            yield _chunk(run, numeric=False)

    def _number_at(self, words: Sequence[Word], at: int) -> int:
        """How many words from `at` on are a number of its own; 0 when it is part of a text."""
        length = 0
        while at + length < len(words) - 1 and length < 2 and _SIGN.fullmatch(words[at + length].text):
            length += 1
        if not _NUMBER.fullmatch(words[at + length].text):
            return 0
        length += 1
        if at + length < len(words) and re.fullmatch(r"\d{3}[.,]\d{2}", words[at + length].text) and length == 1:
            gap = words[at + 1].x0 - words[at].x1
            if re.fullmatch(r"\d{1,3}", words[at].text) and gap < 0.5 * (words[at].y1 - words[at].y0):
                length += 1  # 1 234,56
        number = _chunk(words[at : at + length], numeric=True)
        heading = self._header.headings[self._column_of(number)]
        alone = at == 0 and at + length >= len(words) - 1
        if heading.target is None or heading.target.kind in ("text", "name"):
            if not (alone or (at == 0 and heading.target is None and number.x1 < self._text_starts())):
                return 0
        elif not alone and at > 0 and not _touches(number, heading):
            return 0
        if at + length < len(words) and self._is_unit(words, at + length):
            length += 1
        return length

    def _is_unit(self, words: Sequence[Word], at: int) -> bool:
        """Whether a word is the unit of the number before it, and no text of its own."""
        word, before = words[at], words[at - 1]
        if word.x0 - before.x1 > 0.8 * (word.y1 - word.y0) or not _UNIT.fullmatch(word.text):
            return False
        if at + 1 < len(words) and not _NUMBER.fullmatch(words[at + 1].text):
            return False
        return self._text is None or _distance(word.x0, word.x1, self._header.headings[self._text])[0] > 0

    def _text_starts(self) -> float:
        return self._header.headings[self._text].x0 if self._text is not None else 0.0

    def _column_of(self, chunk: _Chunk) -> int:
        """The heading that a chunk stands below: a text's begin counts, a number's whole width."""
        headings = self._header.headings
        if chunk.numeric:
            return min(range(len(headings)), key=lambda i: _distance(chunk.x0, chunk.x1, headings[i]))
        if self._text is not None:
            own = headings[self._text]
            left = [h.x1 for h in headings[: self._text]]
            right = [h.x0 for h in headings[self._text + 1 :]]
            if (not left or chunk.x0 > max(left) - 2 or own.x0 <= chunk.x0) and (not right or chunk.x0 < min(right)):
                return self._text
        start = chunk.x0
        return min(range(len(headings)), key=lambda i: _distance(start, min(chunk.x1, start + 30), headings[i]))


def _chunk(words: Sequence[Word], *, numeric: bool) -> _Chunk:
    return _Chunk(" ".join(word.text for word in words), words[0].x0, max(word.x1 for word in words), numeric)


def _distance(x0: float, x1: float, heading: Heading) -> tuple[float, float]:
    """How far an interval is from a heading: 0 when they overlap, then the nearer the middles the better."""
    gap = max(heading.x0 - x1, x0 - heading.x1, 0.0)
    edges = min(abs(heading.x0 - x0), abs(heading.x1 - x1), abs(heading.x0 + heading.x1 - x0 - x1) / 2)
    return gap, edges


def _touches(chunk: _Chunk, heading: Heading) -> bool:
    return chunk.x0 < heading.x1 + 4 and heading.x0 - 4 < chunk.x1


def _wordy(text: str) -> bool:
    return sum(char.isalpha() for char in text) >= 2
