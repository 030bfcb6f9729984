"""Amounts of money and other numbers as documents print them: `1.234,56`, `1,234.56`, `1 234,56`, `1'234.50`, `(5.00)`.

`price-parser` is not used: it takes `CHF 1'234.50` for 1 and drops the minus of `-7,67`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

DecimalMark = Literal[".", ","]

_CURRENCY = r"(?:[$€£¥₹฿]|R[$M]|US\$|Rs\.?|kr\.?|zł|Kč|Fr\.|[A-Z]{3}(?![A-Za-z]))"
_NUMBER = (
    r"(?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+[.,]\d{2}(?!\d)"  # 1 234,56: a space groups only before cents
    r"|\d{1,3}(?:[.,'’]\d{3})+(?:[.,]\d{1,4})?(?!\d)"
    r"|\d+(?:[.,]\d{1,6})?"
    r"|[.,]\d{2}(?!\d))"
)
_AMOUNT = re.compile(
    rf"(?P<open>\()?(?P<sign>(?<!\w)[-–−+]\s?)?(?:(?<![A-Za-z])(?P<before>{_CURRENCY})\s?|(?<!\w))(?P<sign2>[-–−]\s?)?"
    rf"(?<!\d)(?<!\w[.,/:'’-])(?P<number>{_NUMBER})(?!\d)(?![.,/:'’-]\d)"
    rf"(?P<percent>\s?%)?(?P<after>\s?{_CURRENCY})?(?P<letters>[^\W\d_]*)(?P<minus>-(?!\w)|\s?(?:CR|DR)\b|\s[-–−]\s*$)?(?P<close>\))?"
)
_PLAIN = re.compile(r"\d[.,]\d{2}(?![\d.,])")
# OCR takes these for digits, and puts spaces around the point, in numbers that have other digits.
_SLIPS = str.maketrans({"O": "0", "o": "0", "l": "1", "I": "1", "|": "1", "S": "5", "B": "8"})
_NUMBER_LIKE = re.compile(r"(?<![\w])[\dOolI|]{1,6}[.,][\dOolISB]{2}(?![\w])")
_SPLIT_POINT = re.compile(r"(?<=\d)\s?([.,])\s(?=\d{2}(?:\D|$))|(?<=\d)\s([.,])(?=\d{2}(?:\D|$))")
_SPLIT_CENTS = re.compile(r"(?<![\d.,])(\d{1,5}) (\d{2})$")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in a text: its value, where it stands, and how surely it is money (1 with cents or a currency)."""

    value: float
    start: int
    end: int
    sure: float
    decimals: int = 0
    percent: bool = False


def decimal_mark(text: str) -> DecimalMark | None:
    """The mark that stands before the cents in most of the text's numbers; None when none has cents."""
    votes = Counter(match.group()[1] for match in _PLAIN.finditer(text))
    if not votes:
        return None
    return "," if votes[","] > votes["."] else "."


def amounts_in(text: str, mark: DecimalMark | None = None, *, by_ocr: bool = False) -> Iterator[Amount]:
    """The numbers in a text from left to right; `mark` is the document's decimal mark, where known."""
    if by_ocr:
        text = _mended(text)
    for match in _AMOUNT.finditer(text):
        value, decimals = _value(match["number"], mark)
        if len(match["letters"]) > (2 if decimals == 2 else 0):
            continue  # a measure, such as 580ml; behind cents, a letter or two are a tax code
        negative = bool(match["sign"] and match["sign"].strip() != "+") or bool(match["sign2"])
        negative = negative or bool(match["minus"] and match["minus"].strip() in ("-", "–", "−", "DR"))
        negative = negative or bool(match["open"] and match["close"] and decimals == 2)
        grouped = bool(re.search(r"\d[.,'’ \u00a0\u202f]\d{3}\b", match["number"])) and decimals == 0
        named = bool(match["before"] or match["after"])
        sure = 1.0 if decimals == 2 else 0.85 if named or grouped else 0.5
        if decimals == 0 and len(match["number"]) > 7:
            sure = 0.2  # a long number without cents is an id
        yield Amount(
            -value if negative and value else value, match.start(), match.end(), sure, decimals, bool(match["percent"])
        )


def _value(number: str, mark: DecimalMark | None) -> tuple[float, int]:
    """The number's value and how many decimals it is printed with."""
    plain = re.sub(r"[ \u00a0\u202f'’]", "", number)
    point = _point(plain, mark)
    digits = plain.replace(".", "").replace(",", "")
    if point is None:
        return float(digits), 0
    decimals = len(plain) - point - 1
    return float(f"{digits[: len(digits) - decimals] or '0'}.{digits[len(digits) - decimals :]}"), decimals


def _point(plain: str, mark: DecimalMark | None) -> int | None:
    """Where the decimal mark stands, if there is one."""
    last = max(plain.rfind("."), plain.rfind(","))
    if last < 0:
        return None
    if "." in plain and "," in plain:
        return last
    after = len(plain) - last - 1
    if plain.count(plain[last]) > 1:
        return None  # 1.234.567
    if after == 3 and plain[last] != mark and last <= 3 and plain[0] != "0":
        return None  # 1.234 where cents stand behind a comma, or 1,234 where we cannot tell
    return last


def _mended(text: str) -> str:
    """The text with OCR's slips inside numbers undone; it may become shorter."""
    text = _SPLIT_POINT.sub(lambda match: match[1] or match[2], text)
    text = _SPLIT_CENTS.sub(r"\1.\2", text)
    return _NUMBER_LIKE.sub(lambda match: match.group().translate(_SLIPS), text)
