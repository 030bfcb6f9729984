"""Items on a slip without headings: lines that end with an amount, above the totals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.extract.context import Context
from engine.extract.grid import ENDS, SKIPPED
from engine.extract.grouping import BodyLine, group
from engine.extract.money import Amount, amounts_in
from engine.extract.text import tidy

_TIMES = re.compile(r"(?<![\w.,])(\d{1,4}(?:[.,]\d{1,3})?)\s?(?:x|X|×|@|pcs?\b|pc\b|stk\.?\b|\*)\s?@?")
_PRICE, _TOTAL = 0, 1


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
        text = tidy(" ".join(row.text))
        if sum(char.isalpha() for char in text) >= 2:
            yield Item(text, quantity, price, total, tuple(row.lines))


def _body(context: Context) -> Iterator[BodyLine]:
    started = False
    for number, line in enumerate(context.layout.lines):
        leading = [set(label.concepts) for label in context.labels_on(number) if label.start <= 1 and label.firm]
        if any(concepts & ENDS for concepts in leading):
            if started:
                return
            continue
        if any(leading) or (leading and leading[0] & SKIPPED):
            continue
        found = [a for a in amounts_in(line.text, context.mark, by_ocr=context.by_ocr(number)) if not a.percent]
        last = found[-1] if found and found[-1].decimals == 2 and not re.search(r"\w{3}", line.text[found[-1].end :]) else None
        started = started or last is not None
        yield _line(number, context, found, last)


def _line(number: int, context: Context, found: list[Amount], last: Amount | None) -> BodyLine:
    line = context.layout.lines[number]
    text, figures = line.text, []
    if last is not None:
        times = _TIMES.search(text)
        figures = [*([times[1].replace(",", ".")] if times else []), *(str(amount.value) for amount in found)]
        begin = found[0].start if len(found) > 1 and found[0].decimals == 2 else last.start
        text = _TIMES.sub(" ", text[:begin])
    total = frozenset({_TOTAL}) if last is not None else frozenset()
    cells = {_TOTAL: [str(last.value)]} if last is not None else {}
    height = max(1.0, line.segments[0].height)
    words = re.sub(r"\b\d{5,}\b", " ", text)
    return BodyLine(number, line.y0, line.y1, height, cells, total, total, tidy(words), tuple(figures))


def _factors(figures: list[str], total: float) -> tuple[float | None, float | None]:
    """The quantity and the price that multiply to a row's amount."""
    values = [float(figure) for figure in figures]
    for i, first in enumerate(values):
        for second in values[i + 1 :]:
            if abs(first * second - total) < 0.0051 and (first, second) != (1.0, 1.0):
                return first, second
    return None, None
