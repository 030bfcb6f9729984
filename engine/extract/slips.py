"""Items on a slip without headings: lines that end with an amount, above the totals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.extract.context import Context
from engine.extract.grid import ENDS
from engine.extract.grouping import PAGE_APART, BodyLine, group
from engine.extract.money import Amount, amounts_in
from engine.extract.text import tidy

_TIMES = re.compile(
    r"(?<![\w.,])(\d{1,4}(?:[.,]\d{1,3})?)\s?(?:x|X|×|@|pcs?\b|stk\.?\b|\*)\s?@?(?=\s*(?:RM|[$€£])?\s?\d+[.,]\d{2}(?!\d))"
)
_CENTS = re.compile(r"(?:RM|[$€£])?\s?\d+[.,]\d{2}[A-Z]{0,2}\b")
_WEIGHED = re.compile(r"\d+[.,]\d+\s?(?:kg|g|lbs?|oz|l)\s?[@x×]\s?\S+", re.IGNORECASE)
_COUNTED = re.compile(r"^\d+\s?(?:items?|artikel|articles?|articoli|artículos|artigos)\b", re.IGNORECASE)
_CODE = re.compile(r"\b\d{5,}\b")
_TOTAL = 0


@dataclass(frozen=True, slots=True)
class Item:
    """An item with its lines in the layout."""

    text: str
    quantity: float | None
    price: float | None
    total: float
    lines: tuple[int, ...]


def slip_items(context: Context) -> Iterator[Item]:
    """The items between the head of a slip and its totals."""
    lines = list(_body(context))
    for row in group(lines):
        total = float(row.by_heading[_TOTAL][-1])
        quantity, price = _factors(row.figures, total)
        text = without_count(tidy(" ".join(row.text)), quantity)
        if sum(char.isalpha() for char in text) >= 2:
            yield Item(text, quantity, price, total, tuple(row.lines))


def without_count(text: str, quantity: float | None) -> str:
    """A description without the quantity in front of it: `2 Coffee` is two of `Coffee`."""
    leading = re.match(r"(\d+(?:[.,]0+)?)\s*(?:x|X|×)?\s+(?=[^\W\d])", text)
    counts = leading is not None and quantity is not None and float(leading[1].replace(",", ".")) == quantity
    return text[leading.end() :] if leading and counts else text


def _body(context: Context) -> Iterator[BodyLine]:
    for number, line in enumerate(context.layout.lines):
        found = [a for a in amounts_in(line.text, context.mark, by_ocr=context.by_ocr(number)) if not a.percent]
        last = (
            found[-1]
            if found and found[-1].decimals == 2 and not re.search(r"\w{3}", line.text[found[-1].end :])
            else None
        )
        concepts = [set(label.concepts) for label in context.labels_on(number) if label.firm]
        if last is not None and any(one & ENDS for one in concepts):
            return
        if not any(concepts) and not _COUNTED.match(line.text):
            yield _line(number, context, found, last)


def _line(number: int, context: Context, found: list[Amount], last: Amount | None) -> BodyLine:
    line = context.layout.lines[number]
    text, figures = line.text, []
    if last is not None:
        times = _TIMES.search(text)
        figures = [*([times[1].replace(",", ".")] if times else []), *(str(amount.value) for amount in found)]
        text = _TIMES.sub(" ", _CENTS.sub(" ", _WEIGHED.sub(" ", text)))
    total = frozenset({"total"}) if last is not None else frozenset()
    cells = {_TOTAL: [str(last.value)]} if last is not None else {}
    height = max(1.0, line.segments[0].height)
    y0 = line.page * PAGE_APART + line.y0
    words = _CODE.sub(" ", text)
    return BodyLine(number, y0, y0 + line.y1 - line.y0, height, cells, total, total, tidy(words), tuple(figures))


def _factors(figures: list[str], total: float) -> tuple[float | None, float | None]:
    """The quantity and the price that multiply to a row's amount."""
    values = [float(figure) for figure in figures]
    for i, first in enumerate(values):
        for second in values[i + 1 :]:
            if abs(first * second - total) < 0.0051 and (first, second) != (1.0, 1.0):
                return first, second
    return None, None
