"""The text a PDF page carries, as words with boxes on the page as a person sees it."""

from __future__ import annotations

import ctypes
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from engine.documents import Page, Word
from engine.reading.layout import in_reading_order

# In heights of the character: the gap that parts two words, and how far a character of the same word may lie off its
# line. A space is rarely narrower than a quarter of the height; letters of spaced print rarely lie further apart.
_GAP = 0.30
_OFF_LINE = 0.45

# A text with more characters than this share that mean nothing (no mapping to Unicode) is as good as none.
_MOST_UNMAPPED = 0.2

# Degrees off a quarter turn from which on print is aslant. A scan's text layer may follow the scan's slight skew.
_ASLANT = 10.0

_HYPHEN_AT_LINE_END = "\x02"

Turn = Callable[[float, float, float, float], tuple[float, float, float, float]]


@dataclass(frozen=True, slots=True)
class _Character:
    """One character with its box, in points from the top left of the upright page."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


_SPACE = _Character(" ", 0, 0, 0, 0)


def text_page(page: pdfium.PdfPage) -> Page:
    """The page's own words, upright; none when its fonts do not say which characters they show.

    Text that runs another way than most of the page (a note up the margin, a stamp aslant) is left out: it would
    part the lines that it crosses.
    """
    text = page.get_textpage()
    try:
        ways = _ways(text)
        most = Counter(way for way in ways if way is not None).most_common(1)
        # Text usually runs against the rotation that the viewer gives the page (/Rotate).
        turned = -90 * (most[0][0] or 0) % 360 if most else page.get_rotation()
        width, height, turn = _upright(page, turned)
        characters = list(_characters(text, ways, most[0][0] if most else None, turn))
    finally:
        text.close()
    if sum(_unmapped(c.text) for c in characters) > _MOST_UNMAPPED * len(characters):
        return Page(width, height, ())
    seen = [w for w in _words(characters) if w.x1 > 0 and w.x0 < width and w.y1 > 0 and w.y0 < height]
    return Page(width, height, in_reading_order(seen))


def _ways(text: pdfium.PdfTextPage) -> list[int | None]:
    """The way each character runs in PDF space: quarter turns clockwise; None for spaces; -1 for aslant."""
    ways: list[int | None] = []
    for index in range(text.count_chars()):
        if not _shown(pdfium_c.FPDFText_GetUnicode(text, index)).strip():
            ways.append(None)
            continue
        degrees = math.degrees(pdfium_c.FPDFText_GetCharAngle(text, index))
        quarter = round(degrees / 90)
        ways.append(quarter % 4 if abs(degrees - 90 * quarter) <= _ASLANT else -1)
    return ways


def _characters(
    text: pdfium.PdfTextPage, ways: Sequence[int | None], wanted: int | None, turn: Turn
) -> Iterator[_Character]:
    rect = pdfium_c.FS_RECTF()
    before: _Character | None = None
    for index, way in enumerate(ways):
        shown = _shown(pdfium_c.FPDFText_GetUnicode(text, index))
        if not shown:
            continue
        if way != wanted or not pdfium_c.FPDFText_GetLooseCharBox(text, index, ctypes.byref(rect)):
            yield _SPACE
            continue
        character = _Character(shown, *turn(rect.left, rect.bottom, rect.right, rect.top))
        if before is not None and _printed_twice(before, character):
            continue
        before = character
        yield character


def _shown(code: int) -> str:
    """The character as text: ligatures and wide forms taken apart, control codes as a space."""
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return "\N{REPLACEMENT CHARACTER}"
    character = chr(code)
    if character in (_HYPHEN_AT_LINE_END, "\N{SOFT HYPHEN}"):
        return "-"
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    if category == "Cf":
        return ""
    if 0xFB00 <= code <= 0xFB06 or 0xFF01 <= code <= 0xFF5E:
        return unicodedata.normalize("NFKC", character)
    return character


def _unmapped(text: str) -> bool:
    return text == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(text[0]) in ("Co", "Cn")


def _printed_twice(before: _Character, character: _Character) -> bool:
    """Bold is sometimes made by printing a character twice, a little aside.

    Two equal letters in exactly one box are something else: a glyph for both of them, as for the tt of "netto".
    """
    if before.text != character.text or before == character:
        return False
    aside = 0.2 * (before.x1 - before.x0)
    return abs(before.x0 - character.x0) < aside and abs(before.y0 - character.y0) < aside


def _words(characters: list[_Character]) -> Iterator[Word]:
    run: list[_Character] = []
    for character in characters:
        if character.text == " ":
            if run:
                yield _word(run)
            run = []
            continue
        if run and not _joined(run[-1], character):
            yield _word(run)
            run = []
        run.append(character)
    if run:
        yield _word(run)


def _joined(before: _Character, character: _Character) -> bool:
    height = max(before.y1 - before.y0, character.y1 - character.y0, 1.0)
    gap = character.x0 - before.x1
    off_line = abs((character.y0 + character.y1) - (before.y0 + before.y1)) / 2
    return -height < gap < _GAP * height and off_line < _OFF_LINE * height


def _word(run: list[_Character]) -> Word:
    return Word(
        "".join(character.text for character in run),
        min(character.x0 for character in run),
        min(character.y0 for character in run),
        max(character.x1 for character in run),
        max(character.y1 for character in run),
    )


def _upright(page: pdfium.PdfPage, turned: int) -> tuple[float, float, Turn]:
    """Width and height of the page turned clockwise by so many degrees, and the way from PDF space to it."""
    left, bottom, right, top = page.get_bbox()
    across, up = right - left, top - bottom

    def turn(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        # First from the page's lower left with y up to its upper left with y down.
        x0, y0, x1, y1 = x0 - left, top - y1, x1 - left, top - y0
        if turned == 90:
            return up - y1, x0, up - y0, x1
        if turned == 180:
            return across - x1, up - y1, across - x0, up - y0
        if turned == 270:
            return y0, across - x1, y1, across - x0
        return x0, y0, x1, y1

    return (up, across, turn) if turned in (90, 270) else (across, up, turn)
