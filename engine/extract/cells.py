"""Texts of cells become the typed values of a row."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from engine.extract.context import Context
from engine.extract.dates import dates_in, short_date_in
from engine.extract.money import amounts_in
from engine.extract.schema import Column
from engine.extract.text import tidy
from engine.extract.values import READERS, Manner
from engine.rules import Product, Rule, number_of, product_tolerance

# Statements mark what leaves an account with S (Soll), D, DR or a minus behind the amount, what comes in with H, C or
# CR.
_OUT = re.compile(r"\d\s?(?:S|D|DR|DB|[-–−])$")
_IN = re.compile(r"\d\s?(?:H|C|CR)$|^\+")

_LARGEST_QUANTITY = 100_000


def value_of(column: Column, texts: Sequence[str], sign: int, context: Context, manner: Manner) -> Any:
    """A cell's value, or None; `sign` is that of the heading (-1 under debits)."""
    text = " ".join(texts)
    if column.kind in ("text", "name", "address"):
        return tidy(text) or None
    if column.kind == "date":
        return date_of(text, context)
    if column.kind in ("money", "quantity", "number", "integer"):
        return _number(column, text, sign, manner)
    reader = READERS.get(column.kind)
    return next((value for value, _ in reader(text, manner)), None) if reader else tidy(text) or None


def _number(column: Column, text: str, sign: int, manner: Manner) -> float | int | None:
    text = text.rstrip("xX×*")
    found = [a for a in amounts_in(text, manner.mark, by_ocr=manner.by_ocr) if not a.percent]
    if not found:
        return None
    # A price may stand before its unit (`9,90 / 100`), a quantity before its own (`12 x 1,0 l`); a total stands last.
    value = found[0].value if column.kind == "quantity" or "column_unit_price" in column.sources else found[-1].value
    if column.kind == "quantity" and value >= _LARGEST_QUANTITY and found[0].decimals == 0:
        return None  # a code
    if sign:
        value = sign * abs(value)
    elif _OUT.search(text) and column.sources & {"column_amount", "column_balance"}:
        value = -abs(value)
    if column.type == "integer":
        return int(value) if value == int(value) else None
    return value


def date_of(text: str, context: Context) -> str | None:
    """A cell's date; one without a year is of the year that the document's other dates allow."""
    for found in dates_in(text, day_first=context.day_first):
        return found.value.isoformat()
    years = sorted({found.value for found in dates_in(context.layout.text, day_first=context.day_first)})
    if not years:
        return None
    latest = years[-1]
    short = short_date_in(text, latest.year, day_first=context.day_first)
    if short is None:
        return None
    # A statement of January has rows of December.
    return (short if short <= latest or (short - latest).days < 62 else _year_before(short)).isoformat()


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def products_of(rules: Sequence[Rule], each: str) -> list[Product]:
    """The rules that multiply within the rows of an array."""
    return [rule for rule in rules if isinstance(rule, Product) and rule.each == each]


def holds(row: Mapping[str, Any], rule: Product) -> bool | None:
    """Whether a row's product is right; None when a value is missing."""
    factors = [number_of(row.get(name)) for name in rule.of]
    target = number_of(row.get(rule.equals))
    known = [factor for factor in factors if factor is not None]
    if target is None or len(known) < len(factors):
        return None
    product = known[0]
    for factor in known[1:]:
        product *= factor
    return abs(product - target) <= product_tolerance(known)


def mended(
    row: dict[str, Any],
    figures: Sequence[str],
    rules: Sequence[Product],
    manner: Manner,
    order: Sequence[str],
    crowded: Collection[str] = (),
) -> dict[str, Any]:
    """The row, with its figures given to other columns where only then its product is right.

    `order` are the columns as they stand from left to right, `crowded` those that several figures stand in.
    """
    rule = next((rule for rule in rules if len(rule.of) == 2), None)
    if rule is None or holds(row, rule):
        return row
    names = sorted(rule.of, key=lambda name: order.index(name) if name in order else len(order))
    certain = set(names) <= set(order)
    for first, second, third in _products(figures, manner):
        if row[rule.equals] == third or (row[rule.equals] is None and first != 1):
            sure = {name: value for name, value in row.items() if name not in crowded}
            factors = _assigned(sure, names if certain else list(rule.of), (first, second), certain=certain)
            return {**row, **factors, rule.equals: third}
    return _with_points(row, rule, figures) if manner.by_ocr and manner.mark else row


def _assigned(
    row: Mapping[str, Any], names: Sequence[str], factors: tuple[float, float], *, certain: bool
) -> dict[str, Any]:
    """Which factor is whose: as the row has it already, else as printed; a count is whole more often than a price."""
    straight, swapped = dict(zip(names, factors, strict=True)), dict(zip(names, factors[::-1], strict=True))
    agreeing = [sum(row.get(name) == value for name, value in way.items()) for way in (straight, swapped)]
    whole = not certain and factors[0] != int(factors[0]) and factors[1] == int(factors[1])
    return swapped if agreeing[1] > agreeing[0] or (agreeing[0] == agreeing[1] and whole) else straight


def _with_points(row: dict[str, Any], rule: Product, figures: Sequence[str]) -> dict[str, Any]:
    """The row with the points that OCR lost in amounts, where its product is right with them."""
    for names in ([rule.of[-1]], [rule.equals], [rule.of[-1], rule.equals]):
        if all(row[name] is not None and row[name] >= 100 and _is_bare(row[name], figures) for name in names):
            pointed = {**row, **{name: row[name] / 100 for name in names}}
            if holds(pointed, rule):
                return pointed
    return row


def _is_bare(value: float, figures: Sequence[str]) -> bool:
    """Whether a value is printed as digits only."""
    return any(re.fullmatch(rf"{value:.0f}\D*", figure) for figure in figures)


def _products(figures: Sequence[str], manner: Manner) -> Iterator[tuple[float, float, float]]:
    """Figures of a row in the order printed of which the first two multiply to the third."""
    values = [
        amount.value
        for text in figures
        for amount in list(amounts_in(text.rstrip("xX×*"), manner.mark, by_ocr=manner.by_ocr))[:1]
        if not amount.percent
    ]
    for i, first in enumerate(values):
        for j in range(i + 1, len(values)):
            for third in values[j + 1 :]:
                if third and abs(first * values[j] - third) < 0.0051:
                    yield first, values[j], third
