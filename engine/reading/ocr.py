"""OCR of one page image: words with boxes, upright and level, whatever way the page lay on the scanner.

Settings and their effect were measured on receipts and on rendered pages: one thread a process, since several
processes beat several threads; no classifier of line direction, since the whole page is turned instead.
"""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.documents import Page, Word
from engine.reading.layout import in_reading_order

# A page of A4 at 170 dpi. Larger images are made smaller to this area, long narrow ones keep more of their length.
_MOST_PIXELS = 2000 * 1414
# Text is looked for at a lower resolution than it is recognised at: again an area, that of 1280 by 905 pixels.
_DETECTION_SIDE = 1280
_A4 = math.sqrt(2)

# Lines that the recogniser is less sure of than this are noise rather than text.
_LEAST_CONFIDENCE = 0.5
# Lines with a mean confidence below this may be upside down.
_UPRIGHT_CONFIDENCE = 0.80
# Lines with fewer characters tell nothing about the way they run.
_TELLING_LENGTH = 4
# Smaller angles (degrees) do not mix lines of a page; greater ones are not scanning skew but slanted print.
_LEVEL, _MOST_SKEW = 0.3, 15.0
# The error of a box's edge in pixels; how near the middles of boxes on one line lie, in heights of a line; and by how
# many boxes more an angle must bring side by side to be believed over the boxes' own slope.
_BOX_ERROR, _SIDE_BY_SIDE, _BETTER = 5.0, 0.15, 0.8

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Line:
    """A recognised line: its corners in pixels, clockwise from its top left, its text and its characters' boxes."""

    corners: Points
    text: str
    confidence: float
    characters: tuple[Points, ...]


def read_page(image: Image.Image, scale: float) -> Page:
    """Recognise the text of an RGB image and return it as an upright page, `scale` points to a pixel."""
    pixels = np.asarray(image, dtype=np.uint8)[:, :, ::-1]
    lines = _recognise(pixels)
    turns = _turns_needed(pixels, lines)
    if turns:
        pixels = np.ascontiguousarray(np.rot90(pixels, turns))
        lines = _recognise(pixels)
    height, width = pixels.shape[:2]
    lines = _level(lines, width / 2, height / 2)
    # A line up the margin would part those it stands beside.
    words = [word for line in lines if not (_stands(line) and _tells(line)) for word in _words(line, scale)]
    return Page(width * scale, height * scale, in_reading_order(words), source="ocr")


@cache
def _engine() -> Any:
    """The recogniser, loaded once a process (0.3 s, 200 MB)."""
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    from rapidocr import RapidOCR  # slow to import, and not needed for a PDF with text

    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.max_side_len": 1 << 20,
            "Global.text_score": _LEAST_CONFIDENCE / 2,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.limit_type": "max",
            "Det.limit_side_len": _DETECTION_SIDE,
            "Rec.rec_batch_num": 1,
        }
    )


def _recognise(pixels: Pixels) -> list[_Line]:
    height, width = pixels.shape[:2]
    if min(height, width) < 8:
        return []
    # An area, not a side, bounds the work: a till roll keeps the resolution across that its text needs.
    stretch = math.sqrt(max(height, width) / min(height, width) / _A4)
    shrink = min(1.0, math.sqrt(_MOST_PIXELS / (height * width)))
    if shrink < 1.0:
        size = (max(8, round(width * shrink)), max(8, round(height * shrink)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    engine = _engine()
    if engine.text_det is not None:
        engine.text_det.limit_side_len = round(_DETECTION_SIDE * max(1.0, min(stretch, 2.0)))
    found = engine(
        np.ascontiguousarray(pixels),
        use_det=True,
        use_cls=False,
        use_rec=True,
        return_word_box=True,
        return_single_char_box=True,
    )
    if found.boxes is None or found.txts is None:
        return []
    boxes = [np.asarray(box, dtype=np.float64) / shrink for box in found.boxes]
    characters = found.word_results if len(found.word_results) == len(boxes) else ((),) * len(boxes)
    return [
        _Line(
            box,
            str(text),
            float(score),
            tuple(np.asarray(quad, dtype=np.float64) / shrink for _, _, quad in quads),
        )
        for box, text, score, quads in zip(boxes, found.txts, found.scores, characters, strict=True)
    ]


def _turns_needed(pixels: Pixels, lines: Sequence[_Line]) -> int:
    """Quarter turns against the clock that bring the page upright; a good first reading is judged as it is."""
    telling = [line for line in lines if _tells(line)]
    if not telling:
        return 0
    standing = [line for line in telling if _stands(line)]
    if 2 * len(standing) > len(telling):
        # The recogniser turns such lines a quarter against the clock before it reads them.
        return 1 if statistics.fmean(line.confidence for line in standing) >= _UPRIGHT_CONFIDENCE else 3
    lying = sorted((line for line in telling if not _stands(line)), key=lambda line: -len(line.text))[:6]
    as_is = statistics.fmean(line.confidence for line in lying)
    if as_is >= _UPRIGHT_CONFIDENCE:
        return 0
    flipped = statistics.fmean(_confidence_upside_down(pixels, line) for line in lying)
    return 2 if flipped > as_is else 0


def _confidence_upside_down(pixels: Pixels, line: _Line) -> float:
    x0, y0 = np.floor(line.corners.min(axis=0)).astype(int)
    x1, y1 = np.ceil(line.corners.max(axis=0)).astype(int)
    crop = np.ascontiguousarray(np.rot90(pixels[y0:y1, x0:x1], 2))
    if min(crop.shape[:2]) < 8:
        return 0.0
    read = _engine()(crop, use_det=False, use_cls=False, use_rec=True, return_word_box=False)
    return float(read.scores[0]) if read.scores else 0.0


def _level(lines: Sequence[_Line], x: float, y: float) -> list[_Line]:
    """Turn the lines about (x, y) so that they run level; the image itself need not be read again."""
    angle = _skew(lines)
    if not _LEVEL <= abs(math.degrees(angle)) <= _MOST_SKEW:
        return list(lines)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    centre = np.array([x, y])

    def turned(points: Points) -> Points:
        return np.asarray((points - centre) @ turn + centre, dtype=np.float64)

    return [
        _Line(turned(line.corners), line.text, line.confidence, tuple(turned(quad) for quad in line.characters))
        for line in lines
    ]


def _skew(lines: Sequence[_Line]) -> float:
    """The angle in radians that the lines run at: their own slope, and the one at which most stand side by side."""
    telling = [line for line in lines if _tells(line) and not _stands(line)]
    longest = sorted(telling, key=lambda line: -_side(line, 0))[: max(3, len(telling) // 2)]
    if len(longest) < 3:
        return 0.0
    own = statistics.median(_angle(line) for line in longest)
    # A box is off by a few pixels, which tilts that of a short line by degrees.
    doubt = _BOX_ERROR / statistics.median(_side(line, 0) for line in longest)
    middles = np.array([line.corners.mean(axis=0) for line in telling])
    near = statistics.median(_side(line, 1) for line in telling) * _SIDE_BY_SIDE

    def aligned(angle: float) -> float:
        heights = np.sort(middles[:, 1] * math.cos(angle) - middles[:, 0] * math.sin(angle))
        return float(np.exp(-((np.diff(heights) / near) ** 2)).sum())

    best = max(np.linspace(own - doubt, own + doubt, 81), key=aligned)
    return float(best) if aligned(best) >= aligned(own) + _BETTER else own


def _words(line: _Line, scale: float) -> list[Word]:
    """Split a line into words, each with the box of its characters."""
    if line.confidence < _LEAST_CONFIDENCE:
        return []
    (left, top), (right, bottom) = line.corners.min(axis=0) * scale, line.corners.max(axis=0) * scale
    spans = _spans(line, left, right, scale)
    words = []
    for start, end in _pieces(line.text, spans, bottom - top):
        x0, x1 = max(left, spans[start][0]), min(right, spans[end - 1][1])
        words.append(Word(line.text[start:end], float(x0), float(top), float(x1), float(bottom), line.confidence))
    return words


def _spans(line: _Line, left: float, right: float, scale: float) -> list[tuple[float, float]]:
    """Left and right edge of every character of the line, spaces too."""
    printed = [index for index, character in enumerate(line.text) if not character.isspace()]
    pitch = (right - left) / len(line.text)
    spans = [(left + index * pitch, left + (index + 1) * pitch) for index in range(len(line.text))]
    if len(printed) == len(line.characters):
        for index, quad in zip(printed, line.characters, strict=True):
            spans[index] = (float(quad[:, 0].min()) * scale, float(quad[:, 0].max()) * scale)
        # The outermost characters reach to the edges that the detector saw.
        spans[printed[0]] = (left, max(spans[printed[0]][1], left))
        spans[printed[-1]] = (min(spans[printed[-1]][0], right), right)
    return spans


def _pieces(text: str, spans: Sequence[tuple[float, float]], height: float) -> list[tuple[int, int]]:
    """Start and end of each word: between spaces, and where a gap is too wide to lie within a word."""
    pieces: list[tuple[int, int]] = []
    start: int | None = None
    for index, character in enumerate(text):
        if character.isspace():
            if start is not None:
                pieces.append((start, index))
            start = None
            continue
        if start is None:
            start = index
        elif spans[index][0] - spans[index - 1][1] > height:
            pieces.append((start, index))
            start = index
    if start is not None:
        pieces.append((start, len(text)))
    return pieces


def _side(line: _Line, first: int) -> float:
    return float(np.linalg.norm(line.corners[first + 1] - line.corners[first]))


def _tells(line: _Line) -> bool:
    return len(line.text) >= _TELLING_LENGTH


def _stands(line: _Line) -> bool:
    return _side(line, 1) > 1.5 * _side(line, 0)


def _angle(line: _Line) -> float:
    x, y = line.corners[1] - line.corners[0]
    return math.atan2(y, x)
