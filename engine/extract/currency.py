"""Which currency a document's amounts are in, as an ISO 4217 code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from engine.extract.words import words

# The codes in use that documents print most; a word of three capitals is not yet a currency.
CODES = words("currencies")
_SIGNS = {"€": "EUR", "£": "GBP", "₹": "INR", "RM": "MYR", "Rs": "INR", "Rs.": "INR", "R$": "BRL", "US$": "USD"}
_SIGNS |= {"A$": "AUD", "C$": "CAD", "CA$": "CAD", "S$": "SGD", "HK$": "HKD", "NZ$": "NZD", "zł": "PLN", "Kč": "CZK"}
_SIGNS |= {"฿": "THB", "Fr.": "CHF", "SFr.": "CHF", "¥": "JPY", "₺": "TRY", "₩": "KRW"}

_CODE = re.compile(rf"(?<![A-Za-z])({'|'.join(sorted(CODES))})(?![A-Za-z])")
_SIGN = re.compile(
    r"(?<![A-Za-z])((?:US|A|CA?|S|HK|NZ|R)\$|RM(?![A-Za-z])|Rs\.?(?![A-Za-z])|S?Fr\.(?=\s?\d)|[€£₹฿¥₺₩$]|zł|Kč)|(?<=\d)\s?(zł|Kč)"
)
_DOLLARS = ("USD", "CAD", "AUD", "SGD", "HKD", "NZD")
_BESIDE_AMOUNT = 2


def currencies_in(text: str) -> Iterator[str]:
    """The currencies that a text names by code or sign; `$` alone as `USD`."""
    for match in _CODE.finditer(text):
        yield match.group(1)
    for match in _SIGN.finditer(text):
        sign = match.group(1) or match.group(2)
        yield _SIGNS.get(sign, "USD")


def currency_of(text: str) -> str | None:
    """The currency that a document names most, those beside an amount counting double; None when it names none."""
    votes: Counter[str] = Counter()
    dollars = 0
    for match in [*_CODE.finditer(text), *_SIGN.finditer(text)]:
        name = next(group for group in match.groups() if group)
        around = text[max(0, match.start() - 2) : match.start()] + text[match.end() : match.end() + 2]
        weight = _BESIDE_AMOUNT if re.search(r"\d", around) else 1
        if name == "$":
            dollars += weight
        else:
            votes[_SIGNS.get(name, name)] += weight
    if dollars:
        # A plain dollar is the one that the document names elsewhere.
        named = [code for code in _DOLLARS if votes[code]]
        votes[max(named, key=lambda code: votes[code]) if named else "USD"] += dollars
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]
