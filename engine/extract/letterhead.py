"""The issuer of a document that no label names: the letterhead.

Names count at the top, in the sender's line above an address window, at the foot over the company's registers, and with
a legal form anywhere; more so when they come again or are the name of a web site on the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rapidfuzz import fuzz

from engine.extract import names
from engine.extract.blocks import Block, blocks_of, typical_height
from engine.extract.context import Context
from engine.extract.labels import Label
from engine.extract.layout import Segment
from engine.extract.party import UNSURE, Party, address, alike
from engine.extract.text import key_of, tidy
from engine.extract.words import words

_IS_BANK = 0.3
_HEAD = 0.1  # of the page's height
_SENDER_LINE = re.compile(r"\s+[-–—·•●|*]+\s+|\s*[·•●|]\s*|,\s+")
_SITE = re.compile(r"(?:@|www\.|https?://(?:www\.)?)([a-z0-9-]+(?:\.[a-z0-9-]+)*)\.[a-z]{2,6}\b", re.IGNORECASE)


def issuer(context: Context, recipient: Party | None, *, bank: bool = False) -> Party | None:
    """The party whose document this is, where no label names it; a bank when `bank`."""
    taken = {(line, id(segment)) for line, segment in recipient.lines} if recipient else set()
    found: list[Party] = []
    for candidate in (*_senders(context), *_letterheads(context), *_with_legal_form(context)):
        same_as_recipient = recipient is not None and alike(candidate.name, recipient.name)
        if same_as_recipient or any((line, id(segment)) in taken for line, segment in candidate.lines[:1]):
            continue
        weighed = _weighed(candidate, context)
        if bank:
            weighed = replace(weighed, score=weighed.score + (_IS_BANK if names.is_bank(candidate.name) else -_IS_BANK))
        found.append(weighed)
    best = max(found, key=lambda party: party.score, default=None)
    if best is None or best.score < UNSURE:
        return None
    # The same name may stand in several places, and the address below one of them only.
    elsewhere = [party for party in found if alike(party.name, best.name) and address(party, context)]
    if address(best, context) or not elsewhere:
        return best
    return replace(best, lines=elsewhere[0].lines, sender=elsewhere[0].sender)


def _senders(context: Context) -> Iterator[Party]:
    """Senders' lines: name, street and town in one line, over an address window or across the head."""
    for number, line in enumerate(context.layout.lines):
        if line.page:
            return
        for segment in line.segments:
            parts = sender_parts(segment.text)
            if parts and segment.y0 < 0.4 * context.layout.height_of(line):
                behind = [part for part in parts[1:] if not names.is_contact(part) and ":" not in part]
                while behind and not names.is_address(behind[-1]):
                    behind.pop()  # a tax number, a register
                yield Party(names.clean_name(parts[0]), 0.75, ((number, segment),), tuple(behind))


def sender_parts(text: str) -> list[str] | None:
    parts = [tidy(part) for part in _SENDER_LINE.split(text) if part.strip()]
    if len(parts) >= 3 and names.is_name(parts[0]) and not names.is_address(parts[0]):
        rest = parts[1:4]
        if sum(map(names.is_address, rest)) >= 2 or (
            any(map(names.has_postcode, rest)) and names.has_legal_form(parts[0])
        ):
            return parts
    return None


def _letterheads(context: Context) -> Iterator[Party]:
    """The first name of each block at the top of page 1."""
    typical = typical_height(context)
    blocks = blocks_of(context)
    for order, block in enumerate(blocks):
        number, first = block[0]
        line = context.layout.lines[number]
        if line.page or first.y0 > 0.25 * context.layout.height_of(line):
            continue
        for index, (_, segment) in enumerate(block[:3]):
            name = names.clean_name(segment.text)
            if names.is_name(name) and ":" not in name:
                large = min(0.15, 0.1 * max(0.0, segment.height / typical - 1.1))
                lines = block[index:] if index + 1 < len(block) else [*block[index:], *_next_block(segment, blocks)]
                company = _company_of(lines, context)
                yield Party(name, 0.45 - 0.03 * min(order, 5) - 0.05 * index + large + company, tuple(lines))
                break


def _company_of(lines: Block, context: Context) -> float:
    """What the lines below a name add to it: contacts and numbers are an issuer's, a bare address is an addressee's."""
    number, name = lines[0]
    below = lines[1:]
    if any(names.is_contact(s.text) or any(label.firm for label in context.labels_of(n, s)) for n, s in below):
        return 0.1
    if not any(names.has_postcode(segment.text) for _, segment in below):
        return 0.0
    return 0.1 if name.y0 < _HEAD * context.layout.height_of(context.layout.lines[number]) else -0.1


def _next_block(name: Segment, blocks: Sequence[Block]) -> Block:
    """The block right below a name that is printed so large that it stands apart."""
    for block in blocks:
        first = block[0][1]
        if 0 < first.y0 - name.y1 < 1.5 * name.height and first.x0 < name.x1 and name.x0 < first.x1:
            return block
    return []


def _with_legal_form(context: Context) -> Iterator[Party]:
    for block in blocks_of(context):
        for index, (_, segment) in enumerate(block):
            name = names.clean_name(re.split(r"\s[-–|●•·]\s|,\s|:\s", segment.text)[0])
            if names.is_name(name) and names.ends_with_legal_form(name) and len(name.split()) <= 8:
                yield Party(name, 0.35, tuple(block[index:]))
    yield from _imprints(context)
    for label in context.labels:
        if "account_holder" in label.concepts and label.firm:
            for place in context.places.of(label):
                name = names.clean_name(place.text)
                if names.is_name(name):
                    yield Party(name, 0.5, ())
                    break


def _imprints(context: Context) -> Iterator[Party]:
    """Names at the foot of the page, over the company's seat, registers and tax numbers."""
    for block in blocks_of(context):
        line = context.layout.lines[block[0][0]]
        name = names.clean_name(block[0][1].text)
        texts = [segment.text for _, segment in block[1:]]
        low = block[0][1].y0 > 0.75 * context.layout.height_of(line)
        if low and names.is_name(name) and ":" not in name and any(names.has_postcode(text) for text in texts):
            yield Party(name, 0.55, tuple(block))


def _weighed(party: Party, context: Context) -> Party:
    """The party with what else on the document speaks for it as the issuer."""
    score = party.score
    if names.has_legal_form(party.name):
        score += 0.2
    key = key_of(party.name)
    if len(key) >= 4:
        again = sum(key in key_of(line.text) for line in context.layout.lines) - 1
        score += 0.1 * min(3, max(0, again))
    if any(_names_site(site, key) for site in _sites(context)):
        score += 0.3
    if any(label.start == 0 for label in _labels_in(party, context)):
        score -= 0.3
    return replace(party, score=score)


def _labels_in(party: Party, context: Context) -> Iterator[Label]:
    """Labels at the start of the name's own segment: then it is probably a label's value or a heading."""
    for number, segment in party.lines[:1]:
        yield from (label for label in context.labels_of(number, segment) if label.firm)


def _sites(context: Context) -> set[str]:
    """The names in the document's web and e-mail addresses, those of mail providers aside."""
    found = set()
    for match in _SITE.finditer(context.layout.text):
        name = match[1].lower().split(".")[-1]
        if not {key_of(name), key_of(match[1].split(".")[0])} & words("mail_providers"):
            found.add(key_of(name))
    return found


def _names_site(site: str, key: str) -> bool:
    return len(site) >= 4 and len(key) >= 4 and (site in key or key in site or fuzz.ratio(site, key) >= 80)
