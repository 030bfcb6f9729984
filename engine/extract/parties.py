"""Who issued a document and whom it is for: their names, addresses and tax numbers.

A party with a label is what the label leads to. Without one, the property's role says where to look (`x-role`): for the
issuer in the letterhead, for the recipient in the address, for the shop in the head of a slip.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.extract.addressee import recipient
from engine.extract.context import Context
from engine.extract.labelled import labelled_party
from engine.extract.letterhead import issuer
from engine.extract.party import Party, address
from engine.extract.schema import Field, Path
from engine.extract.shop import shop
from engine.extract.tax_numbers import TaxNumbers

# From here on a labelled party needs no comparison with the letterhead.
_SURE = 0.8


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
