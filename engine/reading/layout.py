"""Reading order: words into lines, lines down the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.documents import Word

# Two words stand on one line when their boxes share at least this part of the lower one's height.
_SHARED_HEIGHT = 0.5


def lines_of(words: Iterable[Word]) -> list[list[Word]]:
    """Group words into lines, top to bottom, each from left to right.

    A line is a run of words across the whole page whose boxes overlap in height; columns are not told apart.
    """
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (w.y0 + w.y1, w.x0)):
        line = _line_for(word, lines)
        if line is None:
            lines.append([word])
        else:
            line.append(word)
    lines = [sorted(line, key=lambda w: w.x0) for line in lines]
    return sorted(lines, key=lambda line: sum(w.y0 + w.y1 for w in line) / len(line))


def in_reading_order(words: Iterable[Word]) -> tuple[Word, ...]:
    """The words line by line."""
    return tuple(word for line in lines_of(words) for word in line)


def _line_for(word: Word, lines: Sequence[list[Word]]) -> list[Word] | None:
    best: tuple[float, list[Word]] | None = None
    # Words come sorted by their middle, so only the last few lines can still take one.
    for line in lines[-4:]:
        nearest = min(line[-12:], key=lambda other: abs(other.x0 - word.x0))
        lower = min(word.y1 - word.y0, nearest.y1 - nearest.y0)
        shared = min(word.y1, nearest.y1) - max(word.y0, nearest.y0)
        if lower > 0 and shared / lower >= _SHARED_HEIGHT and (best is None or shared / lower > best[0]):
            best = (shared / lower, line)
    return best[1] if best else None
