"""Dates as documents print them, and the vote on whether the day or the month comes first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache

from dateparser.date import DateDataParser

from engine.extract.layout import Layout

# Texts of the lexicon's languages; `dateparser` knows their months and short forms.
_LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pt"]
# Documents we are given are of this time; two-digit years are of this century.
_FIRST_YEAR, _LAST_YEAR = 1970, 2069

_YEAR_FIRST = re.compile(r"(?<![\d.,/-])(?P<y>(?:19|20)\d\d)(?P<s>[-./])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?!\d)")
_NUMERIC = re.compile(
    r"(?<![\d.,/-])(?P<a>\d{1,2})\s?(?P<s>[-./])\s?(?P<b>\d{1,2})\s?(?P=s)\s?"
    r"(?P<y>(?:19|20)\d\d(?=\d\d?:)|(?:19|20)\d\d(?![\d/])|\d\d(?![\d/]))"
)
_MONTH = r"(?P<month>[^\W\d_]{3,10})"
_BETWEEN = r"(?:\s?[-/.,’']\s?|\s|\s?\b(?:de|of|del|do)\b\s?|(?<=\d)(?=[A-Z][a-z]{2}))*"
_DAY_MONTH_YEAR = re.compile(
    rf"(?<![\d.,/-])(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|º|ª|\.)?{_BETWEEN}{_MONTH}{_BETWEEN}(?P<y>(?:19|20)\d\d|\d\d)(?![\d:])"
)
_MONTH_DAY_YEAR = re.compile(
    rf"(?<![^\W\d_]){_MONTH}\.?\s?(?P<d>\d{{1,2}})(?:st|nd|rd|th|,|\.|\s|')+(?P<y>(?:19|20)\d\d)(?!\d)"
)
_DAY_MONTH = re.compile(r"(?<![\d.,/-])(?P<a>\d{1,2})(?P<s>[./-])(?P<b>\d{1,2})(?P<end>\.?)(?![\d/-]|[.,]\d)")
_DAY_MONTH_NAME = re.compile(r"(?<![\d.,/-])(?P<d>\d{1,2})\.?[\s/-]?(?P<month>[^\W\d_]{3,9})\b\.?")

_US_ADDRESS = re.compile(r"\b[A-Z]{2},? \d{5}(?:-\d{4})?\b")
_US_MONEY = re.compile(r"(?:^|[^A-Z])(?:US)?\$ ?\d|\bUSD\b")
_US_LETTER = (612.0, 792.0)


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date in a text, and where it stands there."""

    value: date
    start: int
    end: int


def dates_in(text: str, *, day_first: bool) -> Iterator[FoundDate]:
    """The dates in a text from left to right."""
    found: list[FoundDate] = []
    for match in _YEAR_FIRST.finditer(text):
        _keep(found, match, _date(int(match["y"]), int(match["m"]), int(match["d"])))
    for match in _NUMERIC.finditer(text):
        first, second = int(match["a"]), int(match["b"])
        day, month = (first, second) if (day_first or first > 12) and second <= 12 else (second, first)
        _keep(found, match, _date(_year(match["y"]), month, day))
    for pattern in (_DAY_MONTH_YEAR, _MONTH_DAY_YEAR):
        for match in pattern.finditer(text):
            month_number = month_of(match["month"])
            if month_number:
                _keep(found, match, _date(_year(match["y"]), month_number, int(match["d"])))
    yield from sorted(found, key=lambda one: one.start)


def short_date_in(text: str, year: int, *, day_first: bool) -> date | None:
    """A date without its year (`02.01.`, `2 Jan`), as the rows of a statement have it."""
    match = _DAY_MONTH.search(text)
    if match:
        first, second = int(match["a"]), int(match["b"])
        day, month = (first, second) if (day_first or first > 12) and second <= 12 else (second, first)
        return _date(year, month, day)
    named = _DAY_MONTH_NAME.search(text)
    if named and (number := month_of(named["month"])):
        return _date(year, number, int(named["d"]))
    return None


def is_day_first(layout: Layout) -> bool:
    """Whether `03/04/2020` on this document is the third of April: all its dates vote, then where it comes from."""
    text = layout.text
    votes = 0
    for match in _NUMERIC.finditer(text):
        first, second = int(match["a"]), int(match["b"])
        if 12 < first <= 31 and second <= 12:
            votes += 1
        elif 12 < second <= 31 and first <= 12:
            votes -= 1
    if votes == 0 and any(match["s"] == "." for match in _NUMERIC.finditer(text)):
        return True  # points between day, month and year are written where the day comes first
    return votes > 0 or (votes == 0 and not _from_the_us(layout, text))


def _from_the_us(layout: Layout, text: str) -> bool:
    page = layout.pages[0] if layout.pages else None
    letter = page is not None and abs(page.width - _US_LETTER[0]) < 2 and abs(page.height - _US_LETTER[1]) < 2
    return sum((letter, bool(_US_ADDRESS.search(text)), bool(_US_MONEY.search(text)))) >= 2


def _keep(found: list[FoundDate], match: re.Match[str], value: date | None) -> None:
    free = all(match.end() <= other.start or other.end <= match.start() for other in found)
    if value is not None and free:
        found.append(FoundDate(value, match.start(), match.end()))


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def _date(year: int, month: int, day: int) -> date | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def month_of(name: str) -> int | None:
    """The month that a word names in one of our languages; None for any other word."""
    parsed = _parser().get_date_data(f"1 {name} 2000")
    if parsed.date_obj is None or parsed.period == "time" or parsed.date_obj.year != 2000 or parsed.date_obj.day != 1:
        return None
    return int(parsed.date_obj.month)


@cache
def _parser() -> DateDataParser:
    return DateDataParser(
        languages=_LANGUAGES, settings={"STRICT_PARSING": True, "DATE_ORDER": "DMY", "PARSERS": ["absolute-time"]}
    )
