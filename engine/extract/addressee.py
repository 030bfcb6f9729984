"""The recipient of a document that no label names: the block of print that is a postal address."""

from __future__ import annotations

from engine.extract import names
from engine.extract.blocks import blocks_of
from engine.extract.context import Context
from engine.extract.layout import Segment
from engine.extract.letterhead import sender_parts
from engine.extract.party import Party, alike


def recipient(context: Context, other: Party | None) -> Party | None:
    """The party that the document is addressed to, where no label names it: an address on the upper half of page 1."""
    best: Party | None = None
    for block in blocks_of(context):
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
        if other is not None and (alike(name, other.name) or any(alike(text, other.name) for text in texts[start:])):
            continue
        score = 0.6 - 0.3 * abs(height - 0.2)
        if best is None or score > best.score:
            best = Party(name, score, tuple(block[start:]))
    return best


def _is_addressee(number: int, segment: Segment, context: Context) -> bool:
    labelled = any(label.firm and label.start == 0 for label in context.labels_of(number, segment))
    return not labelled and names.is_name(segment.text) and not sender_parts(segment.text)
