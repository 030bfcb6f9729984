"""Where the labels stand: every place in the layout where the print is a known label of a concept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.extract.currency import CODES
from engine.extract.layout import Layout, Segment
from engine.extract.lexicon import Index
from engine.extract.text import Token, tokens_of, without_slips
from engine.extract.words import words

_MOST_TOKENS = 6
# A label that runs into other words is probably part of a sentence.
_LOOSE = 0.5
_SHORT = 4
# Their short labels (`to`, `from`, `de`) are words of any sentence.
_VAGUE = frozenset({"seller", "buyer", "period", "date_word"})
# Words that make a total one with or without tax, and those that may stand around them.
_TOTALS = {"total", "grand_total", "net_total", "subtotal", "amount_due"}
_WITH_TAX = words("with_tax")
_WITHOUT_TAX = words("without_tax")
_TAX_WORDS = words("around_tax")
# A title with the word for number behind it labels the number.
_NUMBERED = {"invoice_title": "invoice_number", "order_title": "order_number"}
_NUMBER_SIGNS = words("number_signs")
# The rest of a longer word, a hyphen included: `Kunde` is no label in `Art-Nr-Kunde`.
_WITHIN_BEFORE, _WITHIN_AFTER = re.compile(r"(?:\w|\w-)$"), re.compile(r"[^\W\d]|-\w")
# Between the words of one label.
_INSIDE = re.compile(r"[\s.'’()/#-]*")
_AFTER_LABEL = re.compile(
    r"\s*(?:in\s+)?(?:$|[:.=#(|/)\]*+@\-–]|[\d$€£¥]|[A-Z]{2,3}\s*[\d$€£¥]|(?:RM|Rs|" + "|".join(sorted(CODES)) + r")\b)"
)
_BEFORE_LABEL = re.compile(r"(?:^|[:.,;|/()\[\]\d%€$£*•●–—-])\s*$")


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
                loose = not before or not after or (start > 0 and end - start <= _SHORT and set(concepts) & _VAGUE)
                score = alike * (_LOOSE if loose else 1.0)
                x0, x1 = x_at(segment, start), x_at(segment, end)
                found.append(Label(concepts, number, position, start, end, x0, x1, score))
    return found


def matches(text: str, index: Index, *, fuzzy: bool) -> Iterator[tuple[int, int, tuple[str, ...], float]]:
    """Labels in a text as (start, end, concepts, likeness); fuzzy ones at its beginning or after a colon only."""
    tokens = tokens_of(text)
    at = 0
    while at < len(tokens):
        best = _longest(text, tokens, at, index)
        if best is None and fuzzy and (at == 0 or ":" in text[tokens[at - 1].end : tokens[at].start]):
            best = _closest(text, tokens, at, index)
        if best is None:
            at += 1
            continue
        count, concepts, alike = best
        more, concepts = _with_tax(tokens[at + count :], concepts)
        count += more
        if at + count < len(tokens) and tokens[at + count].key in _NUMBER_SIGNS and set(concepts) <= _NUMBERED.keys():
            count, concepts = count + 1, tuple(_NUMBERED[concept] for concept in concepts)
        yield tokens[at].start, tokens[at + count - 1].end, concepts, alike
        at += count


def _with_tax(tokens: list[Token], concepts: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """How many tokens behind a total's label say whether tax is in it, and what it is then: `Total (incl. 19% VAT)`."""
    meaning: str | None = None
    if not _TOTALS & set(concepts):
        return 0, concepts
    reach = 0
    for position, token in enumerate(tokens):
        following = tokens[position + 1].key if position + 1 < len(tokens) else ""
        if token.key in _WITH_TAX:
            meaning = meaning or "grand_total"
        elif token.key in _WITHOUT_TAX:
            meaning = meaning or "net_total"
        elif token.key not in _TAX_WORDS and not (token.key.isdigit() and following == "%"):
            break
        reach = position + 1
    return (reach, (meaning,)) if meaning else (0, concepts)


def _whole(text: str, start: int, end: int) -> bool:
    """Whether a label does not stand within a longer word or code; the short ones not within `A4` or `DE08` either."""
    if _WITHIN_BEFORE.search(text[:start]) or _WITHIN_AFTER.match(text[end:]):
        return False
    return not (text[end : end + 1].isdigit() and end - start <= 3)


def _keys(text: str, tokens: list[Token], at: int, longest: int) -> Iterator[tuple[int, str]]:
    key = ""
    for count in range(1, min(_MOST_TOKENS, len(tokens) - at) + 1):
        token = tokens[at + count - 1]
        if count > 1 and not _INSIDE.fullmatch(text, tokens[at + count - 2].end, token.start):
            return
        key += token.key
        if len(key) > longest:
            return
        yield count, key


def _longest(text: str, tokens: list[Token], at: int, index: Index) -> tuple[int, tuple[str, ...], float] | None:
    best = None
    for count, key in _keys(text, tokens, at, index.longest):
        concepts = index.exact(key)
        if concepts and _whole(text, tokens[at].start, tokens[at + count - 1].end):
            best = (count, concepts, 1.0)
    return best


def _closest(text: str, tokens: list[Token], at: int, index: Index) -> tuple[int, tuple[str, ...], float] | None:
    best: tuple[int, tuple[str, ...], float] | None = None
    for count, key in _keys(text, tokens, at, index.longest):
        concepts, alike = index.alike(key)
        whole = _whole(text, tokens[at].start, tokens[at + count - 1].end)
        if concepts and whole and (best is None or alike > best[2]):
            best = (count, concepts, alike)
    return best


def x_at(segment: Segment, offset: int) -> float:
    """Where the character at `offset` of the segment's text stands on the page, in points."""
    start = 0
    for word in segment.words:
        end = start + len(word.text)
        if offset <= end:
            share = max(0, offset - start) / max(1, len(word.text))
            return word.x0 + (word.x1 - word.x0) * share
        start = end + 1
    return segment.x1
