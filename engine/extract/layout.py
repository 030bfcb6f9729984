"""Words with boxes become lines, and lines become segments: what the eye takes as one piece of print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from engine.documents import Page, Reading, Word

# A space inside a phrase is a quarter to six tenths of the height of the print (six in typewriter fonts); a wider gap
# is a column's or a form's.
_GAP = 1.15
_TABULATOR = re.compile(r"^[.\u2026_·:|-]{4,}$")  # dot leaders and rules drawn with characters


@dataclass(frozen=True, slots=True)
class Segment:
    """Neighbouring words of one line without a wide gap between them."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def x0(self) -> float:
        return self.words[0].x0

    @property
    def x1(self) -> float:
        return max(word.x1 for word in self.words)

    @property
    def y0(self) -> float:
        return min(word.y0 for word in self.words)

    @property
    def y1(self) -> float:
        return max(word.y1 for word in self.words)

    @property
    def height(self) -> float:
        return median(word.y1 - word.y0 for word in self.words)


@dataclass(frozen=True, slots=True)
class Line:
    """The segments that stand beside each other, from left to right, on page `page` (from 0)."""

    page: int
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        return "  ".join(segment.text for segment in self.segments)

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def y0(self) -> float:
        return min(segment.y0 for segment in self.segments)

    @property
    def y1(self) -> float:
        return max(segment.y1 for segment in self.segments)

    @property
    def x0(self) -> float:
        return self.segments[0].x0


@dataclass(frozen=True, slots=True)
class Layout:
    """The lines of all pages, from top to bottom, with the pages' sizes in points."""

    lines: tuple[Line, ...]
    pages: tuple[Page, ...]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    def height_of(self, line: Line) -> float:
        return self.pages[line.page].height

    def width_of(self, line: Line) -> float:
        return self.pages[line.page].width


def lay_out(reading: Reading) -> Layout:
    """Find the lines and segments of every page."""
    lines: list[Line] = []
    for number, page in enumerate(reading.pages):
        words = [word for word in page.words if word.text.strip() and not _TABULATOR.match(word.text)]
        lines += [Line(number, tuple(_segments(row))) for row in _rows(words)]
    return Layout(tuple(lines), reading.pages)


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    """Chain each word to the row whose last word overlaps it most: follows lines that a camera has tilted a little."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.x0):
        best, share = None, 0.5
        for row in rows:
            overlap = _overlap(row[-1], word)
            if overlap > share and not _on_top(row, word):
                best, share = row, overlap
        if best is None:
            rows.append([word])
        else:
            best.append(word)
    return sorted(rows, key=lambda row: median((word.y0 + word.y1) / 2 for word in row))


def _overlap(a: Word, b: Word) -> float:
    shared = min(a.y1, b.y1) - max(a.y0, b.y0)
    return shared / max(min(a.y1 - a.y0, b.y1 - b.y0), 0.1)


def _on_top(row: Sequence[Word], word: Word) -> bool:
    """Whether `word` would lie over the last word of the row instead of beside it."""
    last = row[-1]
    return word.x0 < last.x1 - 0.6 * min(last.x1 - last.x0, word.x1 - word.x0)


def _segments(row: Sequence[Word]) -> list[Segment]:
    segments: list[list[Word]] = []
    for word in row:
        if segments:
            last = segments[-1][-1]
            height = min(last.y1 - last.y0, word.y1 - word.y0)
            if word.x0 - last.x1 <= _GAP * height:
                segments[-1].append(word)
                continue
        segments.append([word])
    return [Segment(tuple(words)) for words in segments]
