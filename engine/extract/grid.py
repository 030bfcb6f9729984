"""The body of a table without rules: what stands below which heading, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from engine.documents import Word
from engine.extract.context import Context
from engine.extract.dates import dates_in
from engine.extract.grouping import PAGE_APART, BodyLine
from engine.extract.headings import Header, Heading
from engine.extract.layout import Line, Segment

# A line that has one of these ends the table: what follows adds up.
ENDS = frozenset({"net_total", "subtotal", "lines_total", "tax_total", "total", "grand_total", "amount_due"}) | {
    "cash",
    "change",
    "rounding",
    "closing_balance",
}
# At the beginning of a line these show that the table is over and how to pay it follows.
_PAYMENT_PART = frozenset({"iban", "bic", "bank", "account_number", "account_holder", "due_date", "payment_method"})
# Lines within a table that are none of its rows.
SKIPPED = frozenset({"opening_balance", "closing_balance", "carried_over", "other_amount", "discount"})
# These are none even behind a date: what the account holds is no movement.
_BALANCES = frozenset({"opening_balance", "closing_balance", "carried_over"})
_TEXTUAL = frozenset({"text", "name", "id", "address"})
_NUMBER = re.compile(
    r"[-–(+]?(?:[$€£¥₹]|R[M$]|Rs\.?|US\$|[A-Z]{3})?[-–]?(?:\d[\d.,'’]*|[.,]\d{2})(?:[€£$%]|EUR|USD)?[-)]?"
    r"(?:(?<=[.,]\d\d)[A-Z]{1,2}|[xX×*])?"
)
_PERCENT = re.compile(r"%\s*$")
_SIGN = re.compile(r"(?:[$€£¥₹@x×*-]|RM|Rs\.?|EUR|USD|GBP|CHF|[A-Z]{3})")
_UNIT = re.compile(r"[^\W\d_]{1,7}\.?(?:\(s\))?\.?|%|€|EUR|[-–−+]")
_SHORTEST_TEXT = 4
_CENTS = re.compile(r"[.,]\d{2}(?!\d)")
# A figure behind a text stands off from it by this part of the height of the print: `pack of 10` is all text.
_OFF = 0.45
_GROUP_GAP = 0.75  # in heights of the print
_LONGEST_DATE = 4  # words
_SHORT_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}\.?(?=\s|$)|\d{1,2}\.?\s[A-Z][a-zé]{2,3}\.?(?=\s|$)")
_LONGEST_GAP = 14.0  # between two rows, in line heights


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A number with its sign and unit, or a run of text."""

    text: str
    x0: float
    x1: float
    numeric: bool


def body_of(header: Header, context: Context, ends: frozenset[str], until: int | None) -> Iterator[BodyLine]:
    """The lines below a header, down to the line `until` or to one that starts with a label of a concept of `ends`.

    A table may go on on the next page.
    """
    grid = _Grid(header)
    last: Line | None = None
    for number in range(header.last + 1, len(context.layout.lines) if until is None else until):
        line = context.layout.lines[number]
        height = max(1.0, line.segments[0].height)
        same_page = last is None or last.page == line.page
        if last is not None and same_page and line.y0 - last.y1 > _LONGEST_GAP * height:
            return
        leading = _leading_concepts(number, context)
        below = last is not None or line.page != header.page or line.y0 > context.layout.lines[header.last].y1 + height
        if below and any(concepts & ends for concepts in leading):
            return
        if leading and leading[0] & _PAYMENT_PART and _first_segment_is_labelled(number, context):
            return
        if leading and leading[0] & SKIPPED and _first_segment_is_labelled(number, context):
            continue
        if leading and leading[0] & _BALANCES and _dates_only_before(number, line, context):
            continue
        last = line
        yield grid.line(number, line, height)


def _leading_concepts(number: int, context: Context) -> list[set[str]]:
    """The concepts of the labels that begin the line's segments."""
    return [set(label.concepts) for label in context.labels_on(number) if label.firm]


def _first_segment_is_labelled(number: int, context: Context) -> bool:
    return any(label.segment == 0 and label.start <= 1 for label in context.labels_on(number))


def _dates_only_before(number: int, line: Line, context: Context) -> bool:
    """Whether nothing but dates stands before the line's first label."""
    label = next(label for label in context.labels_on(number) if label.firm)
    before = [word for word in line.words if word.x1 <= label.x0 + 1]
    at = 0
    while at < len(before) and (length := _date_at(before, at)):
        at += length
    return at == len(before)


class _Grid:
    """Assigns the print of a line to the headings of a table."""

    def __init__(self, header: Header) -> None:
        self._headings = header.headings
        kinds = {h.target.kind for h in header.headings if h.target}
        self._without_figures = kinds <= _TEXTUAL | {"date"}
        self._with_money = any(h.target and h.target.kind == "money" for h in header.headings)
        self._dated = any(h.target and h.target.kind == "date" for h in header.headings)
        self._text = header.text

    def line(self, number: int, line: Line, height: float) -> BodyLine:
        placed = self._placed([chunk for segment in line.segments for chunk in self._split(segment)])
        cells: dict[int, list[str]] = {}
        filled: dict[str, str] = {}  # the columns with figures, and their kinds
        for heading, chunk in placed:
            cells.setdefault(heading, []).append(chunk.text)
            target = self._headings[heading].target
            figure = chunk.numeric and self._has_figures(heading) and not _PERCENT.search(chunk.text)
            if target is not None and (figure or (self._without_figures and heading != self._text)):
                filled[target.name] = target.kind
        texts = cells.get(self._text, []) if self._text is not None else []
        amounts = {name for name, kind in filled.items() if kind == "money" or not self._with_money}
        figures = [chunk.text for _, chunk in placed if chunk.numeric]
        leading = re.match(r"\d+(?:[.,]\d+)?(?=\s)", texts[0]) if texts else None
        if leading:
            figures.insert(0, leading.group())  # `2.00 ROLL`: a quantity that stands before its goods
        y0 = line.page * PAGE_APART + line.y0
        return BodyLine(
            number,
            y0,
            y0 + line.y1 - line.y0,
            height,
            cells,
            frozenset(filled),
            frozenset(amounts),
            " ".join(texts),
            tuple(figures),
        )

    def _placed(self, chunks: Sequence[_Chunk]) -> list[tuple[int, _Chunk]]:
        """The chunks of a line with their headings."""
        placed: list[tuple[int, _Chunk]] = []
        for chunk in chunks:
            heading = self._column_of(chunk)
            if self._has_figures(heading) and not chunk.numeric:
                if self._text is None or sum(char.isalpha() for char in chunk.text) < _SHORTEST_TEXT:
                    continue
                heading = self._text  # a name that begins left of its heading
            placed.append((heading, chunk))
        for at in range(len(placed) - 1):
            heading, chunk = placed[at]
            beside = heading == placed[at + 1][0] and chunk.numeric and placed[at + 1][1].numeric
            free = all(other != heading - 1 for other, _ in placed)
            # Two figures below one heading: the left one is of the column on the left, if that has none.
            if beside and free and self._has_figures(heading) and self._has_figures(heading - 1):
                placed[at] = (heading - 1, chunk)
        return placed

    def _has_figures(self, heading: int) -> bool:
        """Whether a column of numbers stands below a heading."""
        target = self._headings[heading].target if heading >= 0 else None
        return target is not None and target.kind not in _TEXTUAL and target.kind != "date"

    def _split(self, segment: Segment) -> Iterator[_Chunk]:
        """A segment as numbers and text: numbers split off unless they stand below the heading of a text."""
        run: list[Word] = []
        words = list(segment.words)
        at = 0
        while self._dated and (length := _date_at(words, at)):
            dated = _chunk(words[at : at + length], numeric=False)
            if not self._below_a_date(dated):
                break
            yield dated
            at += length
        while at < len(words):
            length = self._number_at(words, at)
            if length:
                if run:
                    yield _chunk(run, numeric=False)
                    run = []
                unit = length > 1 and not _NUMBER.fullmatch(words[at + length - 1].text)
                number = _chunk(words[at : at + length - unit], numeric=True)
                yield replace(number, text=" ".join(word.text for word in words[at : at + length]))
                at += length
            else:
                run.append(words[at])
                at += 1
        if run:
            yield _chunk(run, numeric=False)

    def _below_a_date(self, chunk: _Chunk) -> bool:
        nearest = min(self._headings, key=lambda heading: _distance(chunk.x0, chunk.x1, heading))
        return (nearest.target is not None and nearest.target.kind == "date") or not nearest.target

    def _number_at(self, words: Sequence[Word], at: int) -> int:
        """How many words from `at` on are a number of its own; 0 when it is part of a text."""
        length = 0
        while at + length < len(words) - 1 and length < 2 and _SIGN.fullmatch(words[at + length].text):
            length += 1
        if not _NUMBER.fullmatch(words[at + length].text):
            return 0
        length += 1
        if length == 1:
            length += _thousands(words, at)
        number = _chunk(words[at : at + length], numeric=True)
        heading = self._headings[self._column_of(number)]
        alone = at == 0 and at + length == len(words)
        if heading.target is not None and heading.target.kind in _TEXTUAL and not alone:
            return 0
        if not alone and not _touches(number, heading) and (at > 0 and not _NUMBER.fullmatch(words[at - 1].text)):
            return 0
        height = words[at].y1 - words[at].y0
        behind_text = at > 0 and not _NUMBER.fullmatch(words[at - 1].text)
        if behind_text and not _CENTS.search(number.text) and number.x0 - words[at - 1].x1 < _OFF * height:
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
        return self._text is None or _distance(word.x0, word.x1, self._headings[self._text])[0] > 0

    def _column_of(self, chunk: _Chunk) -> int:
        """The heading that a chunk stands below: of a text the beginning counts, of a number its whole width."""
        headings = self._headings
        if chunk.numeric:
            return min(range(len(headings)), key=lambda i: _distance(chunk.x0, chunk.x1, headings[i]))
        if self._text is not None:
            own = headings[self._text]
            left = max((h.x1 for h in headings[: self._text]), default=0.0)
            right = min((h.x0 for h in headings[self._text + 1 :]), default=float("inf"))
            if (chunk.x0 > left - 2 or own.x0 <= chunk.x0) and chunk.x0 < right:
                return self._text
        end = min(chunk.x1, chunk.x0 + 30)
        return min(range(len(headings)), key=lambda i: _distance(chunk.x0, end, headings[i]))


def _date_at(words: Sequence[Word], at: int) -> int:
    """How many words from `at` on are a date."""
    text = " ".join(word.text for word in words[at : at + _LONGEST_DATE])
    found = next(dates_in(text, day_first=True), None)
    end = found.end if found and found.start == 0 else match.end() if (match := _SHORT_DATE.match(text)) else 0
    return len(text[:end].split()) if end and text[end : end + 1] in ("", " ") else 0


def _thousands(words: Sequence[Word], at: int) -> int:
    """How many words behind `at` belong to its number: `1 234,56`, with no more than a space between the groups."""
    length = 0
    while at + length + 1 < len(words) and re.fullmatch(
        r"[-–]?\d{1,3}" if not length else r"\d{3}", words[at + length].text
    ):
        gap = words[at + length + 1].x0 - words[at + length].x1
        if gap > _GROUP_GAP * (words[at].y1 - words[at].y0):
            return 0
        length += 1
        if re.fullmatch(r"\d{3}[.,]\d{2}", words[at + length].text):
            return length
    return 0


def _chunk(words: Sequence[Word], *, numeric: bool) -> _Chunk:
    return _Chunk(" ".join(word.text for word in words), words[0].x0, max(word.x1 for word in words), numeric)


def _distance(x0: float, x1: float, heading: Heading) -> tuple[float, float]:
    """How far an interval is from a heading: 0 when they overlap, then the nearer edges or middles are the better."""
    gap = max(heading.x0 - x1, x0 - heading.x1, 0.0)
    edges = min(abs(heading.x0 - x0), abs(heading.x1 - x1), abs(heading.x0 + heading.x1 - x0 - x1) / 2)
    return gap, edges


def _touches(chunk: _Chunk, heading: Heading) -> bool:
    return chunk.x0 < heading.x1 + 4 and heading.x0 - 4 < chunk.x1
