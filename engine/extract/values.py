"""Reading a value of a given kind out of the text of a place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from engine.extract.currency import currencies_in
from engine.extract.dates import dates_in
from engine.extract.ids import ibans_in, numbers_in, tax_number_in, vat_ids_in
from engine.extract.money import DecimalMark, amounts_in
from engine.extract.text import key_of, tidy, tokens_of
from engine.extract.words import words

# A value and how well it fits its kind, 0 to 1.
Found = tuple[Any, float]

_TIME = re.compile(r"(?<![\d:])(\d{1,2})[:.](\d{2})(?:[:.]\d{2})?\s*([AaPp])?\.?[Mm]?\.?(?![\d/])")
_MARK = re.compile(r"\[\s*([xX✓]?)\s*\]|([☐☑☒✓✔✗])")
_LONGEST_TEXT = 200
_AMOUNT = re.compile(r"\d[.,]\d{2}\b")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a document writes its values."""

    day_first: bool
    mark: DecimalMark | None
    by_ocr: bool


def money(text: str, manner: Manner) -> Iterator[Found]:
    """Amounts; the last of a line is the total of what stands before it."""
    found = [amount for amount in amounts_in(text, manner.mark, by_ocr=manner.by_ocr) if not amount.percent]
    for index, amount in enumerate(found):
        last = 1.0 if index == len(found) - 1 else 0.75
        alone = amount.sure == 1.0 or len(re.sub(r"[\d.,' ]", "", text)) <= 3
        quality = last * amount.sure * (1.0 if alone else 0.6)
        if manner.by_ocr and manner.mark and amount.decimals == 0 and amount.value >= 100:
            # Where amounts have cents, OCR may have lost the point.
            yield amount.value / 100, 0.6 * last
            quality *= 0.7
        yield amount.value, quality


def number(text: str, manner: Manner) -> Iterator[Found]:
    """Any number, the first one first."""
    for index, amount in enumerate(amounts_in(text, manner.mark, by_ocr=manner.by_ocr)):
        yield amount.value, 1.0 if index == 0 else 0.5


def integer(text: str, manner: Manner) -> Iterator[Found]:
    for value, quality in number(text, manner):
        if value == int(value):
            yield int(value), quality


def date(text: str, manner: Manner) -> Iterator[Found]:
    for index, found in enumerate(dates_in(text, day_first=manner.day_first)):
        yield found.value.isoformat(), 1.0 if index == 0 else 0.7


def time(text: str, manner: Manner) -> Iterator[Found]:
    """Times of day as HH:MM."""
    del manner
    for match in _TIME.finditer(text):
        hour, minute = int(match[1]), int(match[2])
        if match[3]:
            hour = hour % 12 + (12 if match[3] in "pP" else 0)
        if hour < 24 and minute < 60:
            yield f"{hour:02}:{minute:02}", 1.0 if ":" in match.group() else 0.4


def id_number(text: str, manner: Manner) -> Iterator[Found]:
    """Numbers of documents. Very short ones are more often counts or pages."""
    del manner
    for index, found in enumerate(numbers_in(text)):
        long_enough = 1.0 if len(found) >= 4 else 0.8 if len(found) == 3 else 0.5
        yield found, long_enough * (1.0 if index == 0 else 0.5)


def iban(text: str, manner: Manner) -> Iterator[Found]:
    """IBANs. One whose check digits fail is taken as printed from a PDF's text; from OCR it is a misreading."""
    for found, holds in ibans_in(text):
        if holds or not manner.by_ocr:
            yield found, 1.0 if holds else 0.6


def vat_id(text: str, manner: Manner) -> Iterator[Found]:
    del manner
    ids = list(vat_ids_in(text))
    for found, holds in ids:
        yield found, 1.0 if holds else 0.85
    if not ids and not _AMOUNT.search(text):
        tax_number = tax_number_in(text)
        if tax_number:
            yield tax_number, 0.75


def currency(text: str, manner: Manner) -> Iterator[Found]:
    del manner
    for index, found in enumerate(currencies_in(text)):
        yield found, 1.0 if index == 0 else 0.5


def boolean(text: str, manner: Manner) -> Iterator[Found]:
    """Ticked boxes, and yes or no in our languages."""
    del manner
    mark = _MARK.search(text)
    if mark:
        yield bool(mark[1]) or (mark[2] or "☐") in "☑☒✓✔", 1.0
        return
    first = next(iter(tokens_of(text)), None)
    if first is not None and first.key in words("yes") | words("no"):
        yield first.key in words("yes"), 1.0


def text(place: str, manner: Manner) -> Iterator[Found]:
    """The place's text itself."""
    del manner
    value = tidy(place)
    if value and any(char.isalnum() for char in value):
        yield value[:_LONGEST_TEXT], 1.0


def name(place: str, manner: Manner) -> Iterator[Found]:
    """The place's text, when it is mostly letters."""
    for value, quality in text(place, manner):
        letters = sum(char.isalpha() for char in value)
        if letters >= 2 and letters >= 0.5 * len(value.replace(" ", "")):
            yield value, quality


def choice(place: str, options: Mapping[Any, tuple[str, ...]]) -> Iterator[Found]:
    """The allowed value whose own or known words the place starts with or is closest to."""
    keys = [token.key for token in tokens_of(place)]
    beginnings = {"".join(keys[:count]) for count in range(1, len(keys) + 1)}
    for value, texts in options.items():
        wanted = [key_of(text) for text in texts]
        likeness = max((0.95 if key in beginnings else _likeness("".join(keys), key) for key in wanted), default=0.0)
        if likeness >= 0.85:
            yield value, likeness


def _likeness(key: str, wanted: str) -> float:
    if not wanted or not key:
        return 0.0
    if len(wanted) > 3 and wanted in key:
        return 0.95
    return fuzz.ratio(key, wanted) / 100


READERS: Mapping[str, Callable[[str, Manner], Iterator[Found]]] = {
    "money": money,
    "quantity": number,
    "number": number,
    "integer": integer,
    "date": date,
    "time": time,
    "id": id_number,
    "iban": iban,
    "vat_id": vat_id,
    "currency": currency,
    "boolean": boolean,
    "text": text,
    "name": name,
    "address": text,
    "party": name,
    "period": text,
}
