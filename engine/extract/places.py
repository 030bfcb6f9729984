"""Where a label's value may stand: behind it, to its right, or below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.extract.labels import Label
from engine.extract.layout import Layout, Segment

_SEPARATORS = re.compile(r"^[\s.:;=|#)\]°*]+|^[\s:.]*[-–]\s+")
# How far below its label a value may stand, in heights of the label's line.
_DEEPEST = 3.5


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of text that may hold a value; `weight` is 1 where values usually stand."""

    text: str
    line: int
    x0: float
    x1: float
    weight: float


class Places:
    """Looks up places, with all the labels of the layout as the fences between them."""

    def __init__(self, layout: Layout, labels: Sequence[Label]) -> None:
        self._layout = layout
        self._fences: dict[tuple[int, int], list[Label]] = {}
        for label in labels:
            if label.firm:
                self._fences.setdefault((label.line, label.segment), []).append(label)

    def of(self, label: Label) -> Iterator[Place]:
        """The places of a label's value, the most usual first."""
        behind = self._behind(label)
        if behind.text:
            yield behind
            if re.search(r"\d", behind.text):
                yield from self._right(label, 0.8)
                return
        blocked = behind.text and len(behind.text) > 30
        if not blocked:
            yield from self._right(label, 0.97)
            yield from self._below(label)

    def _behind(self, label: Label) -> Place:
        segment = self._layout.lines[label.line].segments[label.segment]
        text = self._cut(label.line, label.segment, label.end)
        return Place(_strip(text), label.line, label.x1, segment.x1, 1.0)

    def _right(self, label: Label, weight: float) -> Iterator[Place]:
        if any(fence.start >= label.end for fence in self._fences.get((label.line, label.segment), ())):
            return
        segments = self._layout.lines[label.line].segments
        for position in range(label.segment + 1, len(segments)):
            text = self._cut(label.line, position, 0)
            if text.strip():
                yield Place(_strip(text), label.line, segments[position].x0, segments[position].x1, weight)
            if (label.line, position) in self._fences:
                return
            weight *= 0.97

    def _cut(self, line: int, segment: int, start: int) -> str:
        """The text of a segment from `start` up to the next label."""
        text = self._layout.lines[line].segments[segment].text
        fences = [fence.start for fence in self._fences.get((line, segment), ()) if fence.start >= start]
        return text[start : min(fences)] if fences else text[start:]

    def _below(self, label: Label) -> Iterator[Place]:
        home = self._layout.lines[label.line]
        segment = home.segments[label.segment]
        height = max(segment.height, 1.0)
        following = home.segments[label.segment + 1 :]
        right = following[0].x0 if following else float("inf")
        next_fence = [f.x0 for f in self._fences.get((label.line, label.segment), ()) if f.start > label.end]
        right = min([right, *next_fence])
        count = 0
        for number in range(label.line + 1, len(self._layout.lines)):
            line = self._layout.lines[number]
            if line.page != home.page or line.y0 - segment.y1 > _DEEPEST * height:
                return
            for position, below in enumerate(line.segments):
                if not _under(below, label, right, height):
                    continue
                if any(fence.start == 0 for fence in self._fences.get((number, position), ())):
                    return
                yield Place(_strip(_within(below, label, right)), number, below.x0, below.x1, 0.8 - 0.15 * count)
                if count == 0 and not following:
                    # A label on two lines: its value stands beside the second.
                    for beside in line.segments[position + 1 : position + 2]:
                        yield Place(_strip(beside.text), number, beside.x0, beside.x1, 0.65)
                count += 1
                if count == 2:
                    return


def _under(below: Segment, label: Label, right: float, height: float) -> bool:
    if below.y0 < 0:
        return False
    return below.x0 < min(label.x1, right) + 0.5 * height and below.x1 > label.x0 - 0.5 * height


def _within(below: Segment, label: Label, right: float) -> str:
    """The words of a segment below that do not reach under the next label of the row."""
    if below.x1 <= right:
        return below.text
    words = [word.text for word in below.words if (word.x0 + word.x1) / 2 < right and word.x1 > label.x0 - 10]
    return " ".join(words) or below.text


def _strip(text: str) -> str:
    return _SEPARATORS.sub("", text).strip()
