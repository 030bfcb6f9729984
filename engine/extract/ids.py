"""Numbers that name things: of documents, of bank accounts (IBAN), of taxpayers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban

from engine.vat_ids import vat_id_holds

_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\s?\d{2}(?:[\s.-]?[A-Z0-9]){11,32}")
# Norway's is the shortest of the ISO 13616 registry, the standard's limit is 34; letters end with the bank's code.
_SHORTEST_IBAN, _LONGEST_IBAN = 15, 34
_BANK_CODE = 8

_NUMBER = re.compile(r"[#(]?(?P<id>[A-Za-z0-9](?:[A-Za-z0-9./_+&-]*[A-Za-z0-9])?)\)?")
_LONGEST_GROUPED = 26
_TIME = re.compile(r"^\d{1,2}:\d{2}")
_DATE = re.compile(r"^\d{1,4}[./-]\d{1,2}[./-]\d{1,4}$")

_EU = re.compile(
    r"(?<![A-Z0-9])(?:AT\s?U|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|GB|XI|CHE|NO)"
    r"[\s.-]?(?:[A-Z0-9][\s.-]?){7,12}(?![A-Z0-9])"
)
_FEWEST_VAT_DIGITS = 6
_TAX_NUMBER = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z]{0,4}[ .-]?)(?:\d[A-Z0-9]*[ ./-]?){1,6}[A-Z0-9]*")


def ibans_in(text: str) -> Iterator[tuple[str, bool]]:
    """IBANs in electronic form, with whether they hold (length of the country, mod 97 by ISO 7064)."""
    for match in _IBAN.finditer(text):
        compact = re.sub(r"[\s.-]", "", match.group())
        holds = [
            end for end in range(_SHORTEST_IBAN, min(len(compact), _LONGEST_IBAN) + 1) if iban_holds(compact[:end])
        ]
        if holds:
            yield compact[: holds[-1]], True
        else:
            # Words that follow may have been taken along: behind the bank's code, an IBAN goes on in digits.
            head, *groups = re.split(r"[\s.-]+", match.group())
            while groups and len(head) < _LONGEST_IBAN and (len(head) < _BANK_CODE or groups[0][0].isdigit()):
                head += groups.pop(0)
            if _SHORTEST_IBAN <= len(head) <= _LONGEST_IBAN:
                yield head, False


def iban_holds(number: str) -> bool:
    """Whether an IBAN has its country's form and its check digits are right."""
    return bool(iban.is_valid(number))


def vat_ids_in(text: str) -> Iterator[tuple[str, bool]]:
    """VAT ids with a country's letters, without spaces, with whether their check digits are right."""
    for match in _EU.finditer(text.upper()):
        compact = re.sub(r"[\s.-]", "", match.group())
        if sum(char.isdigit() for char in compact) >= _FEWEST_VAT_DIGITS:
            yield compact, bool(vat_id_holds(compact))


def tax_number_in(text: str) -> str | None:
    """A tax number as printed behind its label: mostly digits, at least seven of letters and digits."""
    for match in _TAX_NUMBER.finditer(text.upper()):
        compact = re.sub(r"[\s.]", "", match.group()).strip("-/")
        if 7 <= len(compact) <= 18 and sum(char.isdigit() for char in compact) >= 6:
            return compact
    return None


def numbers_in(text: str) -> Iterator[str]:
    """What may be the number of a document: words with a digit that are no date, time or amount."""
    words = text.split()
    if len(words) > 1 and all(word.isdigit() for word in words) and len(text) <= _LONGEST_GROUPED:
        yield " ".join(words)  # printed in groups
        return
    for position, word in enumerate(words):
        match = _NUMBER.fullmatch(word.strip(":;,.|*'\""))
        if match is None:
            continue
        number = match["id"]
        if not any(char.isdigit() for char in number) or _TIME.match(word) or _DATE.match(number):
            continue
        if re.fullmatch(r"\d{1,6}[.,]\d{2}", number):
            continue
        before = words[position - 1] if position else ""
        if position == 1 and re.fullmatch(r"[A-Z]{1,4}-?", before) and len(words) == 2:
            number = f"{before} {number}" if not before.endswith("-") else before + number
        yield number
