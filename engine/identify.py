"""Which of the candidate types a document is of, how sure that is, and the other candidates ranked.

Every type brings weighted phrases (`identifyHints`) and titles (`titleHints`). A phrase counts in full where it stands
as a label or a heading, and little within running text. A title counts when a line near the top of the first page
says it, the more the larger it is printed; one that starts with `!` speaks against the type, when it is printed larger
than the rest. Phrases that start with `@` are features of the page, 0 to 1:

- `@narrow`  the print is only as wide as a till slip's (in characters across)
- `@wide`    the print spans a full page: 1 - narrow
- `@ledger`  rows that start with a date and end with an amount
- `@amounts` money amounts stand on it at all
- `@prose`   the share of the words that are running text

The scores are turned into confidences by a softmax over all candidates and the catch-all `other`, which wins when no
candidate reaches a score of its own.
"""

from __future__ import annotations

import math
import re
import statistics
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from engine.documents import Candidate, DocumentType, Identification, Page, Reading, Word
from engine.reading.layout import lines_of

OTHER_CODE, OTHER_NAME = "other", "Other"

# The first pages say what a document is: each counts less than the one before.
_PAGE_WEIGHTS = (1.0, 0.5, 0.3)
# Words in a row, without a wide gap, from which on a line is running text and not a label.
_PROSE_WORDS = 9
_PROSE_WEIGHT = 0.15

# A score of its own, in the units of the hints' weights, below which a candidate loses to `other`.
_OTHER_SCORE = 3.6
_OTHER_PROSE = 3.0
# Many phrases of one type are no proof times many: sums level out towards this.
_CEILING = 12.0
# Nor do many phrases against it undo what speaks for a type: such a document is for a person to look at.
_FLOOR = -3.0
_TITLE = 3.5
_TEMPERATURE = 0.8

# What a type says of itself stands in for hints, with the weights that such phrases have among written hints.
_NAME_WEIGHT, _LABEL_WEIGHT, _WORD_WEIGHT, _DESCRIPTION_WEIGHT = 2.0, 1.2, 0.4, 0.3
_TELLING_WORD = 6

# Headings stand in the upper third of the first page, or half way down below the window for an address.
_TITLE_HIGH, _TITLE_LOWEST = 0.35, 0.55
# How much of a title's weight one in print of the usual size has, and at which size it begins to have more.
_LEAST_SIZE, _LARGER, _GROWTH = 0.5, 1.1, 1.5
# German titles end compounds: a title of at least this many letters may be the end of a longer word.
_COMPOUND = 8
_BESIDE_TITLE = re.compile(r".*\d.*|no|number|numero|nummer|id|date|datum|fecha|from|vom|of|du|de|del|der|[a-z]{1,2}")

_NUMBER_SIGN = re.compile(r"#|№|\bn[°º]")
_NUMBER_WORD = re.compile(r"\b(?:nr|nro|num)\b")
_DATE = re.compile(r"^\d{1,4}[./-](?:\d{1,2}|[a-z]{3,9})(?:[./-]\d{2,4})?\b|^\d{1,2} [a-z]{3,9}\b")
_AMOUNT = re.compile(r"\d[.,]\d{2}(?!\d)|[$€£¥]\s?\d|\d\s?[€£]")


@dataclass(frozen=True, slots=True)
class _Segment:
    """Words of one line without a wide gap between them: a label, a heading, a cell, or running text."""

    text: str
    words: int
    height: float
    top: float  # 0 at the upper edge of the page, 1 at the lower
    page: int

    @property
    def weight(self) -> float:
        return _PAGE_WEIGHTS[self.page] * (1.0 if self.words < _PROSE_WORDS else _PROSE_WEIGHT)


def identify(reading: Reading, candidates: Sequence[DocumentType]) -> Identification:
    """Rank `candidates` and `other` for a document; confidences add up to 1.

    Raises `ValueError` when there is no candidate.
    """
    if not candidates:
        raise ValueError("identify needs at least one candidate type")
    look = _Look(reading)
    scores = [(kind.code, kind.name, _score(look, kind)) for kind in candidates if kind.code != OTHER_CODE]
    scores.append((OTHER_CODE, OTHER_NAME, _OTHER_SCORE + _OTHER_PROSE * look.features["@prose"]))
    best = max(score for _, _, score in scores)
    weights = [math.exp((score - best) / _TEMPERATURE) for _, _, score in scores]
    ranked = sorted(
        (Candidate(code, name, round(w / sum(weights), 4)) for (code, name, _), w in zip(scores, weights, strict=True)),
        key=lambda candidate: -candidate.confidence,
    )
    return Identification(ranked[0], tuple(ranked))


class _Look:
    """What identification sees of a document: its segments, and the features of its first page."""

    def __init__(self, reading: Reading) -> None:
        self.pages = reading.pages[: len(_PAGE_WEIGHTS)]
        self._lines = [lines_of(page.words) for page in self.pages]
        self.segments = [
            segment
            for number, (page, lines) in enumerate(zip(self.pages, self._lines, strict=True))
            for line in lines
            for segment in _segments(line, page, number)
        ]
        # One text to search; the offsets lead back to the segments.
        self._text = " | ".join(segment.text for segment in self.segments)
        self._ends: list[int] = []
        for segment in self.segments:
            self._ends.append((self._ends[-1] + 3 if self._ends else 0) + len(segment.text))
        self._packed = self._text.replace(" ", "")

    @cached_property
    def features(self) -> dict[str, float]:
        words = [word for page in self.pages[:1] for word in page.words]
        narrow = _narrow(words)
        rows = sum(_is_ledger_row(line) for lines in self._lines for line in lines)
        amounts = sum(bool(_AMOUNT.search(word.text)) for page in self.pages for word in page.words)
        prose = sum(s.words for s in self.segments if s.words >= _PROSE_WORDS)
        return {
            "@narrow": narrow,
            "@wide": 1.0 - narrow,
            "@ledger": min(1.0, rows / 5),
            "@amounts": min(1.0, amounts / 3),
            "@prose": prose / max(1, sum(s.words for s in self.segments)),
        }

    @cached_property
    def typical_height(self) -> float:
        return statistics.median([s.height for s in self.segments if s.page == 0] or [1.0])

    def presence(self, phrase: str) -> float:
        """How much the document says `phrase`: 1 as a label on the first page, less elsewhere, 0 if not at all."""
        best, at = 0.0, self._text.find(phrase)
        while at >= 0:
            if self._is_whole(at, at + len(phrase)):
                best = max(best, self.segments[self._segment_at(at)].weight)
                if best >= 1.0:
                    return best
            at = self._text.find(phrase, at + 1)
        if not best and " " in phrase and len(phrase) >= 10 and phrase.replace(" ", "") in self._packed:
            return 0.7  # OCR lost the space
        return best

    def _is_whole(self, start: int, end: int) -> bool:
        before = self._text[start - 1] if start else " "
        after = self._text[end] if end < len(self._text) else " "
        return not before.isalnum() and not after.isalnum()

    def _segment_at(self, offset: int) -> int:
        low, high = 0, len(self._ends) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if offset < self._ends[middle] else (middle + 1, high)
        return low


def _score(look: _Look, kind: DocumentType) -> float:
    weighed = [
        weight * (look.features.get(phrase, 0.0) if phrase.startswith("@") else look.presence(_folded(phrase)))
        for phrase, weight in (kind.identify_hints or _described(kind)).items()
    ]
    for_it = sum(weight for weight in weighed if weight > 0)
    against = max(_FLOOR, sum(weight for weight in weighed if weight < 0))
    titles = [kind.name, *(title for title in kind.title_hints if not title.startswith("!"))]
    other_titles = [title for title in kind.title_hints if title.startswith("!")]
    heading = _title(look, titles, _LEAST_SIZE) - _title(look, other_titles, 0.0)
    return _CEILING * (1 - math.exp(-for_it / _CEILING)) + against + _TITLE * heading


def _title(look: _Look, titles: Sequence[str], least: float) -> float:
    """How clearly the first page is headed by one of `titles`, 0 to 1; print of usual size counts `least`."""
    folded = [_folded(title) for title in titles]
    best = 0.0
    for segment in look.segments:
        if segment.page or segment.top > _TITLE_LOWEST or segment.words > _PROSE_WORDS:
            continue
        alone = max((_heads(segment.text, title) for title in folded), default=0.0)
        large = min(1.0, max(least, _GROWTH * (segment.height / look.typical_height - _LARGER)))
        high = 1.0 if segment.top < _TITLE_HIGH else 0.7
        best = max(best, alone * large * high)
    return best


def _heads(text: str, title: str) -> float:
    """How much of a heading's text is the title: 1 when nothing but numbers and dates stand beside it."""
    at = text.find(title)
    if at < 0 or text[at + len(title) : at + len(title) + 1].isalnum():
        return 0.0
    inside_word = at > 0 and text[at - 1].isalnum()
    if inside_word and len(title) < _COMPOUND:
        return 0.0
    before = text[:at].split()[:-1] if inside_word else text[:at].split()
    after = text[at + len(title) :].split()
    others = sum(not _BESIDE_TITLE.fullmatch(word) for word in (*before, *after))
    if others == 0:
        return 1.0
    return (0.7 if not before else 0.5) if others <= 2 else 0.2


def _described(kind: DocumentType) -> dict[str, float]:
    """Phrases from the type's titles, the labels its schema names, and the longer words of its description."""
    phrases = {word: _DESCRIPTION_WEIGHT for word in _folded(kind.description).split() if len(word) >= _TELLING_WORD}
    for label in _labels(kind.json_schema):
        # A label of one word, such as Date or Total, is on documents of any type.
        phrases[label] = _LABEL_WEIGHT if " " in label else _WORD_WEIGHT
    for title in (kind.name, *kind.title_hints):
        phrases[_folded(title)] = -_NAME_WEIGHT if title.startswith("!") else _NAME_WEIGHT
    return phrases


def _labels(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, field in (schema.get("properties") or {}).items():
        yield _folded(str(field.get("title") or name.replace("_", " ")))
        yield from _labels(field)
        yield from _labels(field.get("items") or {})


def _segments(line: Sequence[Word], page: Page, number: int) -> Iterable[_Segment]:
    start = 0
    for index in range(1, len(line) + 1):
        height = line[index - 1].y1 - line[index - 1].y0
        if index < len(line) and line[index].x0 - line[index - 1].x1 < 1.2 * height:
            continue
        words = line[start:index]
        text = _folded(" ".join(word.text for word in words))
        if text:
            yield _Segment(
                text,
                len(words),
                statistics.median(word.y1 - word.y0 for word in words),
                words[0].y0 / max(page.height, 1.0),
                number,
            )
        start = index


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    """Lower case without accents; punctuation as spaces, save within numbers; every sign for "number" as `no`."""
    plain = unicodedata.normalize("NFKD", _NUMBER_SIGN.sub(" no ", text.lower()).replace("ß", "ss"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub(r"(?<!\d)[^\w\s]+|[^\w\s]+(?!\d)|\|", " ", plain)
    return " ".join(_NUMBER_WORD.sub("no", plain).split())


def _narrow(words: Sequence[Word]) -> float:
    """1 for print at most 46 characters across (till printers have 32 to 48), 0 from 72 on (A4 has 80 to 120)."""
    if len(words) < 4:
        return 0.0
    across = max(w.x1 for w in words) - min(w.x0 for w in words)
    character = statistics.median((w.x1 - w.x0) / len(w.text) for w in words)
    return min(1.0, max(0.0, (72 - across / max(character, 0.1)) / (72 - 46)))


def _is_ledger_row(line: Sequence[Word]) -> bool:
    return len(line) >= 3 and bool(
        _DATE.match(_folded(" ".join(w.text for w in line[:2]))) and _AMOUNT.search(line[-1].text)
    )
