"""Which of the candidate types a document is of, how sure that is, and the other candidates ranked.

Every type brings weighted phrases (`identifyHints`) and titles (`titleHints`). A phrase counts in full where it stands
as a label or a heading, and little within running text. A title counts when a line near the top of the first page
says it, the more the larger it is printed. Hints that start with `@` are features of the page, 0 to 1:

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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from engine.documents import Candidate, DocumentType, Identification, Page, Reading, Word
from engine.reading.layout import lines_of

OTHER_CODE, OTHER_NAME = "other", "Other"

# The first pages say what a document is: each counts less than the one before.
_PAGE_WEIGHTS = (1.0, 0.6, 0.4)
# Words in a row, without a wide gap, from which on a line is running text and not a label.
_PROSE_WORDS = 9
_PROSE_WEIGHT = 0.25

# A score of its own, in the units of the hints' weights, below which a candidate loses to `other`.
_OTHER_SCORE = 3.6
_OTHER_PROSE = 3.0
# Many phrases of one type are no proof times many: sums level out towards this.
_CEILING = 12.0
_TITLE = 3.5
_TEMPERATURE = 1.0

_DATE = re.compile(r"^\d{1,4}[./-](?:\d{1,2}|[a-z]{3,9})(?:[./-]\d{2,4})?\b|^\d{1,2} [a-z]{3,9}\b")
_AMOUNT = re.compile(r"\d[.,]\d{2}\b")


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
        prose = sum(s.words for s in self.segments if s.words >= _PROSE_WORDS)
        return {
            "@narrow": narrow,
            "@wide": 1.0 - narrow,
            "@ledger": min(1.0, rows / 5),
            "@amounts": min(1.0, len(_AMOUNT.findall(self._text)) / 3),
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
    hints, titles = _hints(kind)
    total = 0.0
    against = 0.0
    for phrase, weight in hints:
        there = look.features.get(phrase, 0.0) if phrase.startswith("@") else look.presence(phrase)
        if weight > 0:
            total += weight * there
        else:
            against += weight * there
    return _CEILING * (1 - math.exp(-total / _CEILING)) + _TITLE * _title(look, titles) + against


def _title(look: _Look, titles: Sequence[str]) -> float:
    """How clearly the first page is headed by one of `titles`, 0 to 1."""
    best = 0.0
    for segment in look.segments:
        if segment.page or segment.top > 0.5 or segment.words > 7:
            continue
        for title in titles:
            if title not in segment.text:
                continue
            match = re.search(rf"\b{re.escape(title)}\b", segment.text)
            if not match:
                continue
            rest = len(re.sub(r"[\W\d_]", "", segment.text)) - len(re.sub(r"[\W\d_]", "", title))
            alone = 1.0 if rest <= 2 else 0.6 if match.start() == 0 and rest <= 6 else 0.3
            large = min(1.0, max(0.45, segment.height / look.typical_height - 0.75))
            high = 1.0 if segment.top < 0.35 else 0.7
            best = max(best, alone * large * high)
    return best


@lru_cache(maxsize=256)
def _parsed(
    items: tuple[tuple[str, float], ...], titles: tuple[str, ...]
) -> tuple[tuple[tuple[str, float], ...], tuple[str, ...]]:
    hints = tuple((phrase if phrase.startswith("@") else _folded(phrase), weight) for phrase, weight in items)
    return hints, tuple(_folded(title) for title in titles)


def _hints(kind: DocumentType) -> tuple[tuple[tuple[str, float], ...], tuple[str, ...]]:
    return _parsed(tuple(kind.identify_hints.items()), (*kind.title_hints, kind.name))


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


def _folded(text: str) -> str:
    """Lower case without accents; punctuation as spaces, save within numbers; the sign for a number as `no`."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("#", " no ").replace("№", " no "))
    plain = "".join(c for c in plain.lower() if not unicodedata.combining(c))
    plain = re.sub(r"(?<!\d)[^\w\s|]+|[^\w\s|]+(?!\d)", " ", plain)
    return " ".join(plain.replace("|", " ").split())


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
