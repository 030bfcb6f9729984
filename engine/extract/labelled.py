"""Parties that a label names: `Bill to`, with the name behind it, beside it or below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from engine.extract import names
from engine.extract.blocks import parted
from engine.extract.context import Context
from engine.extract.labels import Label
from engine.extract.layout import Segment
from engine.extract.party import WITHIN_BLOCK, Party
from engine.extract.text import key_of
from engine.extract.words import words

_BLOCK_LINES, _NAME_LINES = 9, 4
# `from`, `to` and the like lead to a party less surely than the rest.
_VAGUE = 0.6


def labelled_party(sources: Mapping[str, float], context: Context) -> Party | None:
    """The party that a label of one of the concepts leads to."""
    found = [party for label in context.labels for party in _at_label(label, sources, context)]
    return max(found, key=lambda party: party.score, default=None)


def _at_label(label: Label, sources: Mapping[str, float], context: Context) -> Iterator[Party]:
    weight = max(sources.get(concept, 0.0) for concept in label.concepts)
    if weight <= 0 or (not label.firm and label.start > 0):
        return
    segment = context.layout.lines[label.line].segments[label.segment]
    word = key_of(segment.text[label.start : label.end])
    vague = _VAGUE if word in words("vague_party_labels") else 1.0
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
        first = _name_on(number, below, context)
        if first:
            name = _with_next_line(first, *block[index + 1], context) if index + 1 < len(block) else first
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
        if key_of(segment.text[: labels[0].end]) not in words("name_labels"):
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
        if (
            number in context.tables
            or below.page != home.page
            or below.y0 - last.y1 > 2.5 * first.height
            or len(block) > _BLOCK_LINES
        ):
            break
        mine = [
            segment
            for segment in below.segments
            if left <= segment.x0 < right and segment.y0 - last.y1 <= 2.5 * first.height
        ]
        if mine:
            if _starts_with_label(number, mine[0], context):
                break
            block.append((number, mine[0]))
            last = mine[0]
    return (block[0], *parted(block[1:])[0]) if len(block) > 1 else tuple(block)


def _starts_with_label(number: int, segment: Segment, context: Context) -> bool:
    """Whether another party, a date or an amount begins here; a line with a tax number still belongs to the block."""
    segments = context.layout.lines[number].segments
    for label in context.labels_on(number):
        if label.start == 0 and label.firm and segments[label.segment] is segment:
            named = key_of(segment.text[: label.end]) in words("name_labels")
            return not named and not set(label.concepts) & WITHIN_BLOCK
    return False
