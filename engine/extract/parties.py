"""Who issued a document and whom it is for: their names, addresses and tax numbers.

A party with a label (`Bill to`) is what stands behind or below it. Without one, the issuer is the letterhead: names at
the top, in the sender's line above an address window, or with a legal form anywhere, preferred when they come again or
are the name of a web site on the document. The recipient without a label is the block of print that is an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from engine.extract import names
from engine.extract.context import Context
from engine.extract.ids import vat_ids_in
from engine.extract.labels import Label
from engine.extract.layout import Segment
from engine.extract.schema import Field, Path
from engine.extract.text import key_of, tidy
from engine.extract.values import Manner, vat_id

_UNSURE, _SURE = 0.4, 0.8
_WHOSE = {"buyer_vat_id": "buyer", "seller_vat_id": "seller"}
_IS_BANK = 0.3
# A VAT id without a label, whose check digits are right.
_LONE = 0.45
_BLOCK_LINES, _NAME_LINES = 9, 4
_NAME_WORDS = frozenset(["name", "nom", "nombre", "nome", "naam", "firma", "company", "societe", "empresa", "companyname"])
_SENDER_LINE = re.compile(r"\s+[-–—·•●|*]+\s+|\s*[·•●|]\s*|,\s+")
_SITE = re.compile(r"(?:@|www\.|https?://(?:www\.)?)([a-z0-9-]+(?:\.[a-z0-9-]+)*)\.[a-z]{2,6}\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+?\(?\d[\d\s()/.-]{6,}\d")
_MAIL_PROVIDERS = frozenset(["gmail", "googlemail", "yahoo", "hotmail", "outlook", "gmx", "web", "t-online", "icloud", "aol", "live", "msn", "localhost", "orange", "free"])
# Labels that lead to a party less surely than the rest.
_VAGUE = {key_of(word): 0.6 for word in ("from", "to", "name", "de", "a", "an", "van", "von", "para", "aan", "attn", "remit to")}


def find_parties(fields: Sequence[Field], context: Context) -> dict[Path, str | None]:
    """The values of the fields that belong to parties."""
    groups: dict[str, list[Field]] = {}
    for field in fields:
        if field.party:
            groups.setdefault(field.party, []).append(field)
    found = {key: labelled_party(group[0].sources, context) for key, group in groups.items()}
    roles = {group[0].role: key for key, group in groups.items() if group[0].role}
    issuing, receiving = roles.get("issuer"), roles.get("recipient")
    if "shop" in roles and found[roles["shop"]] is None:
        found[roles["shop"]] = shop(context)
    if issuing is not None:
        # A vague label, such as `from`, may lead elsewhere: the letterhead may know better.
        known = found[issuing]
        bank = "bank" in groups[issuing][0].sources
        guessed = None
        if known is None or known.score < _SURE:
            guessed = issuer(context, found.get(receiving or ""), bank=bank)
        found[issuing] = max(filter(None, (known, guessed)), key=lambda party: party.score, default=None)
    if receiving is not None and found[receiving] is None:
        found[receiving] = recipient(context, found.get(issuing or ""))
    tax_numbers = TaxNumbers(context, {key: party for key, party in found.items() if party})
    values: dict[Path, str | None] = {}
    for key, group in groups.items():
        party = found[key]
        for field in group:
            values[field.path] = _part(field, party, tax_numbers.of(key, field), context)
    return values


def _part(field: Field, party: Party | None, tax_number: str | None, context: Context) -> str | None:
    if field.part == "vat_id":
        return tax_number
    if party is None:
        return None
    if field.part == "name":
        return party.name
    return address(party, context) if field.part == "address" else party.contact(field.part)


# Labels that stand within the block of a party.
_WITHIN_BLOCK = {"vat_id", "buyer_vat_id", "seller_vat_id", "address", "other_number", "customer_number", "number", "reference"}


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


class TaxNumbers:
    """The VAT ids and tax numbers on a document, each with the party it belongs to."""

    def __init__(self, context: Context, parties: Mapping[str, Party]) -> None:
        self._found: list[tuple[float, str, str | None, str | None]] = []
        owners = {(n, id(segment)): key for key, party in parties.items() for n, segment in party.lines}
        manner = Manner(context.day_first, context.mark, by_ocr=False)
        for label in context.labels:
            whose = next((_WHOSE[concept] for concept in label.concepts if concept in _WHOSE), None)
            if whose is None and "vat_id" not in label.concepts:
                continue
            segment = context.layout.lines[label.line].segments[label.segment]
            for place in context.places.of(label):
                values = list(vat_id(place.text, manner))
                for value, quality in values:
                    owner = owners.get((label.line, id(segment)))
                    self._found.append((quality * label.score * place.weight, value, owner, whose))
                if values:
                    break
        for number, line in enumerate(context.layout.lines):
            for segment in line.segments:
                for value, holds in vat_ids_in(segment.text):
                    if holds:
                        self._found.append((_LONE, value, owners.get((number, id(segment))), None))

    def of(self, key: str, field: Field) -> str | None:
        """The tax number of a field's party; those outside of all parties' blocks are the issuer's."""
        best: tuple[float, str] | None = None
        others = {value for _, value, owner, whose in self._found if owner not in (None, key) or self._other(whose, field)}
        for score, value, owner, whose in self._found:
            if self._other(whose, field) or (owner not in (None, key) and whose is None):
                continue
            if owner == key or whose is not None:
                score += 0.5
            elif field.role not in ("issuer", "shop") or value in others:
                continue
            if best is None or score > best[0]:
                best = (score, value)
        return best[1] if best and best[0] >= _UNSURE else None

    def _other(self, whose: str | None, field: Field) -> bool:
        """Whether a label says that the number is another party's."""
        return whose is not None and whose not in field.sources


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
        if names.is_address(text) or (found and not complete) or (names.is_street(text) and names.is_address(following)):
            found.append(text)
        elif found:
            break
    return names.address_of(found) if any(map(names.is_address, found)) else None


def _without_contact(number: int, segment: Segment, context: Context) -> str:
    """A line of a block without the telephone, tax and other numbers behind their labels; empty when it begins so."""
    text = segment.text
    for label in context.labels_of(number, segment):
        numbered = text[label.start :].lower().startswith("no")
        inner = set(label.concepts) & _WITHIN_BLOCK and re.match(r"[\s.:]*\S*\d", text[label.end :])
        if not numbered and (label.firm if label.start <= 1 else inner):
            text = text[: label.start].rstrip(" ,(·●•|–-")
            break
    parts = re.split(r"\s+[·●•|]\s+", text.strip())
    return ", ".join(part for part in parts if part and not names.is_contact(part))


def labelled_party(sources: Mapping[str, float], context: Context) -> Party | None:
    """The party that a label of one of the concepts leads to."""
    found = [party for label in context.labels for party in _at_label(label, sources, context)]
    return max(found, key=lambda party: party.score, default=None)


def issuer(context: Context, recipient: Party | None, *, bank: bool = False) -> Party | None:
    """The party whose document this is, where no label names it; a bank when `bank`."""
    taken = {(line, id(segment)) for line, segment in recipient.lines} if recipient else set()
    found: list[Party] = []
    for candidate in (*_senders(context), *_letterheads(context), *_with_legal_form(context)):
        same_as_recipient = recipient is not None and _alike(candidate.name, recipient.name)
        if same_as_recipient or any((line, id(segment)) in taken for line, segment in candidate.lines[:1]):
            continue
        weighed = _weighed(candidate, context)
        if bank:
            weighed = replace(weighed, score=weighed.score + (_IS_BANK if names.is_bank(candidate.name) else -_IS_BANK))
        found.append(weighed)
    best = max(found, key=lambda party: party.score, default=None)
    if best is None or best.score < _UNSURE:
        return None
    # The same name may stand in several places, and the address below one of them only.
    alike = [party for party in found if _alike(party.name, best.name) and address(party, context)]
    return best if address(best, context) or not alike else replace(best, lines=alike[0].lines, sender=alike[0].sender)


def recipient(context: Context, other: Party | None) -> Party | None:
    """The party that the document is addressed to, where no label names it: an address on the upper half of page 1."""
    best: Party | None = None
    for block in _blocks(context):
        line = context.layout.lines[block[0][0]]
        height = block[0][1].y0 / max(1.0, context.layout.height_of(line))
        texts = [segment.text for _, segment in block]
        start = next((i for i, one in enumerate(block) if _is_addressee(*one, context)), None)
        if line.page or not 0.05 < height < 0.45 or start is None or len(block) - start < 3:
            continue
        name = names.clean_name(texts[start])
        if names.is_salutation(name):
            start += 1
            name = f"{name} {names.clean_name(texts[start])}"
        rest = texts[start + 1 :]
        if not any(map(names.has_postcode, rest)) or any(map(names.is_contact, rest[:2])):
            continue
        if other is not None and (_alike(name, other.name) or any(_alike(text, other.name) for text in texts[start:])):
            continue
        score = 0.6 - 0.3 * abs(height - 0.2)
        if best is None or score > best.score:
            best = Party(name, score, tuple(block[start:]))
    return best


def _is_addressee(number: int, segment: Segment, context: Context) -> bool:
    labelled = any(label.firm and label.start == 0 for label in context.labels_of(number, segment))
    return not labelled and names.is_name(segment.text) and not _sender_parts(segment.text)


def shop(context: Context) -> Party | None:
    """Who issued a till's slip: the company, or else the first name, of its head."""
    head = list(_head(context))
    texts = [segment.text for _, segment in head]
    # A legal form on a line of its own ends the name that the line above began.
    joined: list[tuple[str, int]] = []
    for index, text in enumerate(texts):
        cleaned = names.clean_name(text)
        if joined and names.only_legal_form(text) and joined[-1][1] == index - 1:
            joined[-1] = (f"{joined[-1][0]} {cleaned}", index)
        elif names.is_name(cleaned) and not (":" in text and not names.has_legal_form(text)):
            joined.append((cleaned, index))
    company = next((one for one in joined if names.ends_with_legal_form(one[0])), None)
    found = company or next(iter(joined), None)
    if found is None:
        return None
    name, index = found
    return Party(name, 0.9 if company else 0.7, tuple(head[index:]))


def _head(context: Context) -> Iterator[tuple[int, Segment]]:
    """The lines of a slip above its title, its date and its items."""
    ends = {"invoice_title", "date", "receipt_number", "invoice_number", "order_number", "total", "cash", "column"}
    for number, line in enumerate(context.layout.lines[:14]):
        labels = [label for label in context.labels_on(number) if label.start == 0 and label.firm]
        if number and any(set(label.concepts) & ends for label in labels):
            named = number <= 2 and names.is_name(names.clean_name(line.segments[0].text))
            if not named:
                return
        for segment in line.segments:
            yield number, segment


def _at_label(label: Label, sources: Mapping[str, float], context: Context) -> Iterator[Party]:
    weight = max(sources.get(concept, 0.0) for concept in label.concepts)
    if weight <= 0 or (not label.firm and label.start > 0):
        return
    segment = context.layout.lines[label.line].segments[label.segment]
    word = key_of(segment.text[label.start : label.end])
    vague = _VAGUE.get(word, 1.0)
    rest = segment.text[label.end :]
    if not label.firm or (vague < 1 and rest.strip() and not rest.lstrip().startswith(":")):
        return
    for place in context.places.of(label):
        name = names.clean_name(_without_inner_label(place.text))
        if place.line == label.line and (names.is_name(name) or (place.weight == 1.0 and _short_name(name))):
            block = _below(label, place.line, place.x0, context)
            yield Party(name, weight * vague * label.score * (0.5 + 0.5 * place.weight), block)
            return
    block = _below(label, label.line, label.x0, context)[1:]
    for index, (number, below) in enumerate(block[:_NAME_LINES]):
        name = _name_on(number, below, context)
        if name and index + 1 < len(block):
            name = _with_next_line(name, *block[index + 1], context)
        if name:
            yield Party(name, weight * vague * label.score * 0.9, tuple(block[index:]))
            return


def _with_next_line(name: str, number: int, below: Segment, context: Context) -> str:
    """The whole name where the line below goes on with it: behind a form of address, or up to a legal form."""
    more = _name_on(number, below, context)
    goes_on = names.is_salutation(name) or (
        not names.has_legal_form(name) and more is not None and names.ends_with_legal_form(more)
    )
    return f"{name} {more}" if more and goes_on else name


def _short_name(text: str) -> bool:
    return len(text) > 2 and not names.is_contact(text) and any(char.isalpha() for char in text)


def _name_on(number: int, segment: Segment, context: Context) -> str | None:
    """The name on a line below a party's label: the line itself, or what stands behind the word `Name` on it."""
    labels = [label for label in context.labels_of(number, segment) if label.firm and label.start == 0]
    if labels:
        if key_of(segment.text[: labels[0].end]) not in _NAME_WORDS:
            return None
        texts = [place.text for place in context.places.of(labels[0]) if place.line == number]
    else:
        texts = [] if ":" in segment.text else [segment.text]
    cleaned = [names.clean_name(text) for text in texts]
    return next((name for name in cleaned if names.is_name(name)), None)


def _without_inner_label(text: str) -> str:
    return re.sub(r"^(?:name|nom|nombre|nome|naam|firma|company|société|empresa)\s*:\s*", "", text, flags=re.IGNORECASE)


def _below(label: Label, line: int, x0: float, context: Context) -> tuple[tuple[int, Segment], ...]:
    """The name's segment and those under it, as far as they stand close and in the label's column."""
    home = context.layout.lines[line]
    first = min(home.segments, key=lambda segment: abs(segment.x0 - x0))
    following = [segment.x0 for segment in context.layout.lines[label.line].segments[label.segment + 1 :]]
    right = min([x for x in following if x > first.x0 + 1] or [first.x0 + 0.45 * context.layout.width_of(home)])
    left = min(label.x0, x0) - first.height
    block = [(line, first)]
    last = first
    for number in range(line + 1, min(line + 3 * _BLOCK_LINES, len(context.layout.lines))):
        below = context.layout.lines[number]
        if number in context.tables or below.page != home.page or below.y0 - last.y1 > 2.5 * first.height or len(block) > _BLOCK_LINES:
            break
        mine = [segment for segment in below.segments if left <= segment.x0 < right and segment.y0 - last.y1 <= 2.5 * first.height]
        if mine:
            if _starts_with_label(number, mine[0], context):
                break
            block.append((number, mine[0]))
            last = mine[0]
    return tuple(block)


def _starts_with_label(number: int, segment: Segment, context: Context) -> bool:
    """Whether another party, a date or an amount begins here; a line with a tax number still belongs to the block."""
    segments = context.layout.lines[number].segments
    for label in context.labels_on(number):
        if label.start == 0 and label.firm and segments[label.segment] is segment:
            named = key_of(segment.text[: label.end]) in _NAME_WORDS
            return not named and not set(label.concepts) & _WITHIN_BLOCK
    return False


def _senders(context: Context) -> Iterator[Party]:
    """Senders' lines: name, street and town in one line, over an address window or across the head."""
    for number, line in enumerate(context.layout.lines):
        if line.page:
            return
        for segment in line.segments:
            parts = _sender_parts(segment.text)
            if parts and segment.y0 < 0.4 * context.layout.height_of(line):
                behind = tuple(part for part in parts[1:] if not names.is_contact(part) and ":" not in part)
                yield Party(names.clean_name(parts[0]), 0.75, ((number, segment),), behind)


def _sender_parts(text: str) -> list[str] | None:
    parts = [tidy(part) for part in _SENDER_LINE.split(text) if part.strip()]
    if len(parts) >= 3 and names.is_name(parts[0]) and not names.is_address(parts[0]):
        rest = parts[1:4]
        if sum(map(names.is_address, rest)) >= 2 or (any(map(names.has_postcode, rest)) and names.has_legal_form(parts[0])):
            return parts
    return None


def _letterheads(context: Context) -> Iterator[Party]:
    """The first name of each block at the top of page 1."""
    typical = _typical_height(context)
    blocks = _blocks(context)
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
                companions = 0.1 if any(names.is_address(s.text) or names.is_contact(s.text) for _, s in lines[1:]) else 0
                yield Party(name, 0.45 - 0.03 * min(order, 5) - 0.05 * index + large + companions, tuple(lines))
                break


def _next_block(name: Segment, blocks: Sequence[list[tuple[int, Segment]]]) -> list[tuple[int, Segment]]:
    """The block right below a name that is printed so large that it stands apart."""
    for block in blocks:
        first = block[0][1]
        if 0 < first.y0 - name.y1 < 1.5 * name.height and first.x0 < name.x1 and name.x0 < first.x1:
            return block
    return []


def _with_legal_form(context: Context) -> Iterator[Party]:
    for block in _blocks(context):
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
    for block in _blocks(context):
        line = context.layout.lines[block[0][0]]
        name = names.clean_name(block[0][1].text)
        texts = [segment.text for _, segment in block[1:]]
        low = block[0][1].y0 > 0.75 * context.layout.height_of(line)
        if low and names.is_name(name) and ":" not in name and any(names.has_postcode(text) for text in texts):
            yield Party(name, 0.5, tuple(block))


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
        if name not in _MAIL_PROVIDERS and match[1].lower().split(".")[0] not in _MAIL_PROVIDERS:
            found.add(key_of(name))
    return found


def _names_site(site: str, key: str) -> bool:
    return len(site) >= 4 and len(key) >= 4 and (site in key or key in site or fuzz.ratio(site, key) >= 80)


def _blocks(context: Context) -> list[list[tuple[int, Segment]]]:
    """Segments that stand under each other, aligned left, right or in the middle."""
    blocks: list[list[tuple[int, Segment]]] = []
    for number, line in enumerate(context.layout.lines):
        if number in context.tables:
            continue
        for segment in line.segments:
            home = next((block for block in reversed(blocks) if _continues(block, number, segment, context)), None)
            if home is None:
                blocks.append([(number, segment)])
            else:
                home.append((number, segment))
    return blocks


def _continues(block: Sequence[tuple[int, Segment]], number: int, segment: Segment, context: Context) -> bool:
    above_number, above = block[-1]
    if context.layout.lines[above_number].page != context.layout.lines[number].page or above_number == number:
        return False
    height = min(above.height, segment.height)
    gap = segment.y0 - above.y1
    left, right = abs(segment.x0 - above.x0), abs(segment.x1 - above.x1)
    middle = abs(segment.x0 + segment.x1 - above.x0 - above.x1) / 2
    close = gap <= 1.1 * height or (gap <= 2.6 * height and left <= 0.15 * height)
    return close and min(left, right, middle) <= 0.8 * height and max(above.height, segment.height) <= 1.9 * height


def _typical_height(context: Context) -> float:
    heights = sorted(segment.height for line in context.layout.lines for segment in line.segments)
    return max(1.0, heights[len(heights) // 2]) if heights else 1.0


def _alike(first: str, second: str) -> bool:
    one, two = key_of(first), key_of(second)
    return bool(one and two) and (fuzz.ratio(one, two) >= 85 or (min(len(one), len(two)) >= 5 and (one in two or two in one)))
