"""A party of a document: its name, the block of print it stands in, and the address in that block."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from engine.extract import names
from engine.extract.context import Context
from engine.extract.layout import Segment
from engine.extract.text import key_of, tidy

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+?\(?\d[\d\s()/.-]{6,}\d")
# Labels that stand within the block of a party.
WITHIN_BLOCK = frozenset(
    {"vat_id", "buyer_vat_id", "seller_vat_id", "address", "attention"}
    | {"other_number", "customer_number", "number", "reference"}
)
# Below this a party is not named.
UNSURE = 0.4


@dataclass(frozen=True, slots=True)
class Party:
    """A party found: `lines` are the layout's lines (with segments) that belong to it, the name's first.

    `sender` is the rest of a sender's line, behind the name.
    """

    name: str
    score: float
    lines: tuple[tuple[int, Segment], ...]
    sender: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        return [segment.text for _, segment in self.lines]

    def contact(self, part: str | None) -> str | None:
        """The party's e-mail address or telephone number."""
        for text in self.texts:
            match = (_EMAIL if part == "email" else _PHONE).search(text)
            if match:
                return tidy(match[0])
        return None


def address(party: Party, context: Context) -> str | None:
    """The lines of the block behind the name that make up its postal address."""
    if party.sender:
        return names.address_of(list(party.sender))
    lines = [_without_contact(number, segment, context) for number, segment in party.lines[1:]]
    found: list[str] = []
    for position, text in enumerate(lines):
        foreign = not text or names.is_contact(text) or (":" in text and not text.lower().startswith("no"))
        if foreign or re.fullmatch(r"\(.*\)", text) or key_of(text) == key_of(party.name):
            if found:
                break
            continue
        complete = any(map(names.has_postcode, found)) and not found[-1].endswith(",")
        following = lines[position + 1] if position + 1 < len(lines) else ""
        if (
            names.is_address(text)
            or (found and not complete)
            or (names.is_street(text) and names.is_address(following))
        ):
            found.append(text)
        elif found:
            break
    return names.address_of(found) if any(map(names.is_address, found)) else None


def _without_contact(number: int, segment: Segment, context: Context) -> str:
    """A line of a block without the telephone, tax and other numbers behind their labels; empty when it begins so."""
    text = segment.text
    for label in context.labels_of(number, segment):
        numbered = text[label.start :].lower().startswith("no")
        inner = set(label.concepts) & WITHIN_BLOCK and re.match(r"[\s.:]*\S*\d", text[label.end :])
        if not numbered and (label.firm if label.start <= 1 else inner):
            text = text[: label.start].rstrip(" ,(·●•|–-")
            break
    parts = re.split(r"\s+[·●•|]\s+", text.strip())
    return ", ".join(part for part in parts if part and not names.is_contact(part))


def alike(first: str, second: str) -> bool:
    one, two = key_of(first), key_of(second)
    return bool(one and two) and (
        fuzz.ratio(one, two) >= 85 or (min(len(one), len(two)) >= 5 and (one in two or two in one))
    )
