"""Items on a slip without headings: lines with an amount at their end, above the totals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.extract.context import Context
from engine.extract.grid import ENDS
from engine.extract.money import Amount, amounts_in
from engine.extract.text import tidy

_TIMES = re.compile(r"(?<![\w.,])(\d{1,4}(?:[.,]\d{1,3})?)\s?(?:x|X|×|@|pcs?\b|stk\.?\b|\*)\s?@?")
_NO_ITEM = {"discount", "tip", "rounding", "shipping", "other_amount", "change", "cash", "amount_paid"}


@dataclass(frozen=True, slots=True)
class Item:
    """An item with its lines in the layout."""

    text: str
    quantity: float | None
    price: float | None
    total: float
    lines: tuple[int, ...]


def slip_rows(context: Context) -> Iterator[Item]:
    """The items between the head of a slip and its totals."""
    above: tuple[str, int] | None = None
    found = False
    for number, line in enumerate(context.layout.lines):
        labels = context.labels_on(number)
        leading = set(labels[0].concepts) if labels and labels[0].start == 0 and labels[0].firm else set()
        if found and leading & ENDS:
            return
        amounts = [a for a in amounts_in(line.text, context.mark, by_ocr=context.by_ocr(number)) if not a.percent]
        last = amounts[-1] if amounts and amounts[-1].sure == 1.0 and amounts[-1].decimals == 2 else None
        ends_line = last is not None and not re.search(r"\w{3}", line.text[last.end :])
        if last is None or not ends_line or leading:
            above = (line.text, number) if not leading and re.search(r"[^\W\d_]{3}", line.text) else None
            continue
        item = _item(line.text, amounts, last, number, above)
        if item is not None:
            found = True
            yield item
        above = None


def _item(text: str, amounts: list[Amount], last: Amount, number: int, above: tuple[str, int] | None) -> Item | None:
    quantity, price = _factors(text, amounts, last)
    start = amounts[0].start if len(amounts) > 1 and quantity is not None else last.start
    own = tidy(_TIMES.sub(" ", text[:start]) if quantity is not None else text[:start])
    if len(re.findall(r"[^\W\d_]", own)) >= 3:
        return Item(own, quantity, price, last.value, (number,))
    if above is None:
        return None
    return Item(tidy(above[0]), quantity, price, last.value, (above[1], number))


def _factors(text: str, amounts: list[Amount], last: Amount) -> tuple[float | None, float | None]:
    """The quantity and the price that multiply to a line's amount."""
    before = [amount.value for amount in amounts[:-1]]
    times = _TIMES.search(text)
    if times:
        before.insert(0, float(times[1].replace(",", ".")))
    for i, first in enumerate(before):
        for second in before[i + 1 :]:
            if abs(first * second - last.value) < 0.0051:
                return first, second
    if times and times.start() < last.start and before[0] and before[0] == int(before[0]):
        return before[0], None
    return None, None
