"""Readings without a reader: text laid out with spaces becomes words with boxes, as a typewriter would print it."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Literal

from engine.documents import Page, Reading, Word

# Points: a character is 6 wide and 10 high: one space is a gap within a phrase, two are one between columns.
WIDTH, HEIGHT, LINE = 6.0, 10.0, 13.0


def printed(
    *pages: str, source: Literal["text", "ocr"] = "text", size: tuple[float, float] = (595.0, 842.0)
) -> Reading:
    """A reading of pages printed as they stand in the source, indentation aside; empty lines are space."""
    return Reading(tuple(_page(dedent(page).strip("\n"), source, size) for page in pages))


def _page(text: str, source: Literal["text", "ocr"], size: tuple[float, float]) -> Page:
    words = []
    for row, line in enumerate(text.split("\n")):
        for match in re.finditer(r"\S+", line):
            x0, y0 = 40 + match.start() * WIDTH, 40 + row * LINE
            words.append(Word(match.group(), x0, y0, x0 + len(match.group()) * WIDTH, y0 + HEIGHT))
    return Page(size[0], size[1], tuple(words), (), source)
