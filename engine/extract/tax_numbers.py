"""The VAT ids and tax numbers on a document, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping

from engine.extract.context import Context
from engine.extract.ids import vat_ids_in
from engine.extract.party import UNSURE, Party
from engine.extract.schema import Field
from engine.extract.values import Manner, vat_id

_WHOSE = {"buyer_vat_id": "buyer", "seller_vat_id": "seller"}
# A VAT id without a label, whose check digits are right.
_LONE = 0.45


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
        said_otherwise = {value for _, value, _, whose in self._found if self._other(whose, field)}
        others = said_otherwise | {value for _, value, owner, _ in self._found if owner not in (None, key)}
        for score, value, owner, whose in self._found:
            if value in said_otherwise or (owner not in (None, key) and whose is None):
                continue
            if owner == key or whose is not None:
                score += 0.5
            elif field.role not in ("issuer", "shop") or value in others:
                continue
            if best is None or score > best[0]:
                best = (score, value)
        return best[1] if best and best[0] >= UNSURE else None

    def _other(self, whose: str | None, field: Field) -> bool:
        """Whether a label says that the number is another party's."""
        return whose is not None and whose not in field.sources
