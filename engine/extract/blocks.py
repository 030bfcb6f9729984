"""Blocks of print: segments that stand under each other, close and aligned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from engine.extract.context import Context
from engine.extract.layout import Segment

# Fewer gaps than this do not show what is usual; gaps this much wider than usual part a block.
_FEWEST_GAPS, _WIDER = 3, 2.2

Block = list[tuple[int, Segment]]


def blocks_of(context: Context) -> list[Block]:
    """Segments that stand under each other, aligned left, right or in the middle."""
    blocks: list[Block] = []
    for number, line in enumerate(context.layout.lines):
        if number in context.tables:
            continue
        for segment in line.segments:
            home = next((block for block in reversed(blocks) if _continues(block, number, segment, context)), None)
            if home is None:
                blocks.append([(number, segment)])
            else:
                home.append((number, segment))
    return [part for block in blocks for part in parted(block)]


def parted(block: Block) -> list[Block]:
    """A block, parted where lines stand much wider apart than the others in it."""
    gaps = [below.y0 - above.y1 for (_, above), (_, below) in pairwise(block)]
    if len(gaps) < _FEWEST_GAPS:
        return [block]
    usual = sorted(gaps)[len(gaps) // 2]
    parts: list[Block] = [[block[0]]]
    for gap, line in zip(gaps, block[1:], strict=True):
        height = line[1].height
        if gap > max(height, _WIDER * usual + 0.2 * height):
            parts.append([])
        parts[-1].append(line)
    return parts


def _continues(block: Sequence[tuple[int, Segment]], number: int, segment: Segment, context: Context) -> bool:
    above_number, above = block[-1]
    if context.layout.lines[above_number].page != context.layout.lines[number].page or above_number == number:
        return False
    height = min(above.height, segment.height)
    gap = segment.y0 - above.y1
    left, right = abs(segment.x0 - above.x0), abs(segment.x1 - above.x1)
    middle = abs(segment.x0 + segment.x1 - above.x0 - above.x1) / 2
    close = gap <= 1.1 * height or (gap <= 2.6 * height and left <= 0.15 * height)
    return close and min(left, right, middle) <= 0.8 * height and max(above.height, segment.height) <= 1.9 * height


def typical_height(context: Context) -> float:
    heights = sorted(segment.height for line in context.layout.lines for segment in line.segments)
    return max(1.0, heights[len(heights) // 2]) if heights else 1.0
