"""Where the labels stand: every place in the layout where the print is a known label of a concept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.extract.layout import Layout, Segment
from engine.extract.lexicon import Index
from engine.extract.text import Token, tokens_of, without_slips

_MOST_TOKENS = 6
# A label that runs into other words is probably part of a sentence.
_LOOSE = 0.5
_AFTER_LABEL = re.compile(r"\s*(?:$|[:.=#(|/)\]*+\-–]|[\d$€£¥]|[A-Z]{2,3}\s*[\d$€£¥]|RM|Rs)")
_BEFORE_LABEL = re.compile(r"(?:^|[:.,;|/()\[\]\d%€$£*•●-])\s*$")


@dataclass(frozen=True, slots=True)
class Label:
    """A known label in the print.

    `line` and `segment` count in the layout, `start` and `end` in the segment's text; `score` is 1 for a label that
    stands alone or before a value, and less within a sentence or when OCR has it almost right.
    """

    concepts: tuple[str, ...]
    line: int
    segment: int
    start: int
    end: int
    x0: float
    x1: float
    score: float

    @property
    def firm(self) -> bool:
        return self.score > 0.8


def find_labels(layout: Layout, index: Index) -> list[Label]:
    """All labels, from top to bottom and from left to right; of overlapping ones the longest."""
    found: list[Label] = []
    for number, line in enumerate(layout.lines):
        by_ocr = layout.pages[line.page].source == "ocr"
        for position, segment in enumerate(line.segments):
            text = without_slips(segment.text) if by_ocr else segment.text
            for start, end, concepts, alike in matches(text, index, fuzzy=by_ocr):
                before, after = _BEFORE_LABEL.search(text[:start]), _AFTER_LABEL.match(text[end:])
                score = alike * (1.0 if before and after else _LOOSE)
                x0, x1 = _x_at(segment, start), _x_at(segment, end)
                found.append(Label(concepts, number, position, start, end, x0, x1, score))
    return found


def matches(text: str, index: Index, *, fuzzy: bool) -> Iterator[tuple[int, int, tuple[str, ...], float]]:
    """Labels in a text as (start, end, concepts, likeness); fuzzy ones at its beginning or after a colon only."""
    tokens = tokens_of(text)
    at = 0
    while at < len(tokens):
        best = _longest(tokens, at, index)
        if best is None and fuzzy and (at == 0 or ":" in text[tokens[at - 1].end : tokens[at].start]):
            best = _closest(tokens, at, index)
        if best is None:
            at += 1
            continue
        count, concepts, alike = best
        yield tokens[at].start, tokens[at + count - 1].end, concepts, alike
        at += count


def _keys(tokens: list[Token], at: int, longest: int) -> Iterator[tuple[int, str]]:
    key = ""
    for count in range(1, min(_MOST_TOKENS, len(tokens) - at) + 1):
        key += tokens[at + count - 1].key
        if len(key) > longest:
            return
        yield count, key


def _longest(tokens: list[Token], at: int, index: Index) -> tuple[int, tuple[str, ...], float] | None:
    hits = [(count, concepts, 1.0) for count, key in _keys(tokens, at, index.longest) if (concepts := index.exact(key))]
    return hits[-1] if hits else None


def _closest(tokens: list[Token], at: int, index: Index) -> tuple[int, tuple[str, ...], float] | None:
    hits = []
    for count, key in _keys(tokens, at, index.longest):
        concepts, alike = index.alike(key)
        if concepts:
            hits.append((count, concepts, alike))
    return max(hits, key=lambda hit: hit[2]) if hits else None


def _x_at(segment: Segment, offset: int) -> float:
    """Where the character at `offset` of the segment's text stands on the page, in points."""
    start = 0
    for word in segment.words:
        end = start + len(word.text)
        if offset <= end:
            share = max(0, offset - start) / max(1, len(word.text))
            return word.x0 + (word.x1 - word.x0) * share
        start = end + 1
    return segment.x1
