"""Candidates for the single values of a document: from their labels, and where they need none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from engine.extract import values
from engine.extract.context import Context
from engine.extract.dates import dates_in
from engine.extract.ids import ibans_in
from engine.extract.labels import Label
from engine.extract.places import Place
from engine.extract.schema import Field
from engine.extract.values import READERS, Manner

# A value without a label of its own: how much it counts against one with a label (1).
_LONE_DATE, _LONE_IBAN = 0.35, 0.8
# `Invoice 123 of 3 May 2020`: a date on the title's line is the document's.
_TITLES = frozenset({"invoice_title", "order_title", "invoice_number", "order_number"})
_TITLED = 0.3
_TIME_BESIDE = re.compile(r"\d{1,2}:\d{2}")
# Some tills print what is paid with a minus.
_PAYMENTS = frozenset({"cash", "change"})
_TAXES = frozenset({"tax_total", "tax_rate_amount"})
_NOT_LAST = 0.6
_DIGIT = re.compile(r"\d")
# Below this we would rather say nothing.
UNSURE = 0.3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that a field may have, with how much speaks for it (about 0 to 1) and its line in the layout.

    `implied` says that nothing but a sum speaks for it.
    """

    value: Any
    score: float
    line: int
    implied: bool = False


def candidates_of(field: Field, context: Context) -> list[Candidate]:
    """All candidates of a field, the best first, equal values once."""
    found = [*_labelled(field, context), *_unlabelled(field, context)]
    found = [candidate for candidate in found if _of_type(candidate.value, field)]
    best: dict[Any, Candidate] = {}
    for candidate in sorted(found, key=lambda one: (-one.score, one.line)):
        best.setdefault(candidate.value, candidate)
    return list(best.values())


def _labelled(field: Field, context: Context) -> Iterator[Candidate]:
    for label in context.labels:
        source = max(label.concepts, key=lambda name: field.sources.get(name, 0.0))
        weight = field.sources.get(source, 0.0) * label.score
        if weight <= 0:
            continue
        for place in _in_order(source, label, context):
            manner = Manner(context.day_first, context.mark, context.by_ocr(place.line))
            for value, quality in _values(field, source, place.text, manner):
                if source in _PAYMENTS:
                    value = abs(value)
                yield Candidate(value, weight * place.weight * quality, place.line)


def _in_order(source: str, label: Label, context: Context) -> Iterator[Place]:
    """A label's places; in a row of amounts behind a tax's label (base, rate, tax) the tax is the last."""
    places = list(context.places.of(label))
    row = [place for place in places if place.line == label.line and _DIGIT.search(place.text)]
    if source in _TAXES and len(row) > 1:
        best = max(place.weight for place in row)
        places = [
            replace(place, weight=best if place is row[-1] else place.weight * _NOT_LAST) if place in row else place
            for place in places
        ]
    yield from places


def _values(field: Field, source: str, text: str, manner: Manner) -> Iterator[values.Found]:
    if field.kind == "choice":
        yield from values.choice(text, field.options)
    elif source == "period":
        dates = [value for value, _ in values.date(text, manner)]
        if len(dates) > 1:
            yield dates[0] if "period_start" in field.sources else dates[1], 1.0
    else:
        yield from READERS[field.kind](text, manner)


def _unlabelled(field: Field, context: Context) -> Iterator[Candidate]:
    if field.kind == "date" and "date" in field.sources:
        yield from _lone_dates(field, context)
    elif field.kind == "iban":
        for number, line in enumerate(context.layout.lines):
            for value, holds in ibans_in(line.text):
                if holds:
                    yield Candidate(value, _LONE_IBAN, number)
    elif field.kind == "time":
        for number, line in enumerate(context.layout.lines):
            dated = next(dates_in(line.text, day_first=context.day_first), None)
            rest = line.text[: dated.start] + " " + line.text[dated.end :] if dated else line.text
            for value, quality in values.time(rest, Manner(context.day_first, context.mark, context.by_ocr(number))):
                yield Candidate(value, (0.5 if dated else 0.35) * quality, number)
    elif field.kind == "choice":
        yield from _named_options(field, context)


def _lone_dates(field: Field, context: Context) -> Iterator[Candidate]:
    """Dates without a label of their own, the upper ones first; those that another date's label claims are not."""
    claimed = set(_claimed_dates(field, context))
    titles = {label.line for label in context.labels if label.firm and set(label.concepts) & _TITLES}
    for number, line in enumerate(context.layout.lines):
        for found in dates_in(line.text, day_first=context.day_first):
            value = found.value.isoformat()
            if (number, value) in claimed:
                continue
            height = line.y0 / max(1.0, context.layout.height_of(line))
            with_time = 0.1 if _TIME_BESIDE.search(line.text[found.end :]) else 0.0
            titled = _TITLED if number in titles else 0.0
            yield Candidate(value, _LONE_DATE + 0.08 * (1 - height) + with_time + titled - 0.05 * line.page, number)


def _claimed_dates(field: Field, context: Context) -> Iterator[tuple[int, str]]:
    dated = {"due_date", "delivery_date", "period", "period_start", "period_end", "invoice_date", "order_date"}
    for label in context.labels:
        if label.firm and set(label.concepts) & dated and not set(label.concepts) & set(field.sources):
            yield from _dates_of(label, context)


def _dates_of(label: Label, context: Context) -> Iterator[tuple[int, str]]:
    for place in context.places.of(label):
        for found in dates_in(place.text, day_first=context.day_first):
            yield place.line, found.value.isoformat()


def _named_options(field: Field, context: Context) -> Iterator[Candidate]:
    """An allowed value that stands anywhere in the document as a piece of print of its own."""
    for number, line in enumerate(context.layout.lines):
        for segment in line.segments:
            for value, quality in values.choice(re.sub(r"[\d.,:*#]+", " ", segment.text), field.options):
                yield Candidate(value, 0.4 * quality, number)


def _of_type(value: Any, field: Field) -> bool:
    """Whether a value has the JSON type that the schema wants; the values of an `enum` have it anyway."""
    if field.kind == "choice":
        return True
    if field.type in ("number", "integer"):
        return isinstance(value, int if field.type == "integer" else int | float) and not isinstance(value, bool)
    return isinstance(value, bool if field.type == "boolean" else str)
