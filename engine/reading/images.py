"""Image files: frames, orientation and transparency, then OCR."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence

from engine.documents import Reading, UnreadableDocumentError
from engine.reading.ocr import read_page

# Pillow's name of the format that each accepted content type stands for.
IMAGE_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/webp": "WEBP",
}

# Pages are sometimes sent as the frames of a GIF or WebP; an animation of hundreds is no document. The further images
# in a JPEG are previews and depth maps.
MAX_FRAMES = 5
_PAGED = ("GIF", "WEBP")

# 100 million pixels are 300 MB once decoded: an A0 sheet at 200 dpi still passes.
MAX_PIXELS = 100_000_000

# An image says nothing reliable about its size on paper; its longer side counts as the height of A4, in points.
_LONGER_SIDE_POINTS = 842.0


def read_image(path: Path, content_type: str) -> Reading:
    """Read an image file by OCR, every frame a page.

    Raises `UnreadableDocumentError` when the bytes are not such an image, are cut off, or decode to too many pixels.
    """
    return Reading(
        tuple(read_page(frame, _LONGER_SIDE_POINTS / max(frame.size)) for frame in _frames(path, content_type))
    )


def _frames(path: Path, content_type: str) -> list[Image.Image]:
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata, and of images between one and two times its own limit.
            warnings.simplefilter("ignore")
            # Only the format that the content type names: Pillow knows many more, some of which start other programs.
            with Image.open(path, formats=[IMAGE_FORMATS[content_type]]) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise UnreadableDocumentError("UNREADABLE", "The image has too many pixels.")
                return list(_distinct(image))
    except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, Image.DecompressionBombError) as error:
        raise UnreadableDocumentError("UNREADABLE", "The image cannot be decoded.") from error


def _distinct(image: Image.Image) -> Iterator[Image.Image]:
    """The first frames, upright, those left out that repeat the one before."""
    before = b""
    for frame in islice(ImageSequence.Iterator(image), MAX_FRAMES if image.format in _PAGED else 1):
        upright = _on_white(ImageOps.exif_transpose(frame))
        content = upright.tobytes()
        if content != before:
            yield upright
        before = content


def _on_white(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    if image.mode.startswith("I;16"):
        # 16 bits a channel: the upper eight hold the picture.
        return image.point(lambda value: value / 256).convert("L").convert("RGB")
    return image.convert("RGB")
