"""Makes paper of a PDF page: rendered, laid askew, lit unevenly, blurred, grainy, saved as an image."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

_POINTS_PER_INCH = 72


@dataclass(frozen=True, slots=True)
class Scanner:
    """How a page comes out. Degrees turn against the clock; grey values are 0 (black) to 255 (white).

    `grain` is the standard deviation of the noise, `shade` how much darker the far corner is, `paper` and `ink` the
    grey of the page and of black print, `blur` a radius in pixels.
    """

    dpi: int
    skew: float = 0.0
    grain: float = 0.0
    shade: float = 0.0
    paper: int = 255
    ink: int = 0
    blur: float = 0.0
    specks: int = 0
    seed: int = 1


def scan(pdf: bytes, scanner: Scanner) -> Image.Image:
    """The first page of a document, in greys."""
    image = _render(pdf, scanner.dpi)
    image = image.point([round(scanner.ink + value * (scanner.paper - scanner.ink) / 255) for value in range(256)])
    if scanner.skew:
        image = image.rotate(scanner.skew, Image.Resampling.BICUBIC, expand=False, fillcolor=scanner.paper)
    if scanner.blur:
        image = image.filter(ImageFilter.GaussianBlur(scanner.blur))
    return Image.fromarray(_worn(np.asarray(image, dtype=np.float64), scanner))


def photograph(pdf: bytes, scanner: Scanner, *, margin: int, table: int) -> Image.Image:
    """The first page lying on a darker table, a little askew: `margin` pixels of the table, of grey `table`, show."""
    page = _render(pdf, scanner.dpi)
    page = page.point([round(scanner.ink + value * (scanner.paper - scanner.ink) / 255) for value in range(256)])
    size = (page.width + 2 * margin, page.height + 2 * margin)
    lying = Image.new("L", size, table)
    lying.paste(page, (margin, margin))
    lying = lying.rotate(scanner.skew, Image.Resampling.BICUBIC, expand=False, fillcolor=table)
    lying = lying.filter(ImageFilter.GaussianBlur(scanner.blur))
    return Image.fromarray(_worn(np.asarray(lying, dtype=np.float64), scanner))


def saved(image: Image.Image, kind: str, **options: int | bool) -> bytes:
    """The image in the format that Pillow calls `kind`."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def greys(image: Image.Image, levels: int) -> Image.Image:
    """The image in that many evenly spaced greys, which scanners do to keep files small."""
    step = 255 / (levels - 1)
    even = image.point([round(round(value / step) * step) for value in range(256)])
    return even.quantize(levels, dither=Image.Dither.NONE)


def as_pdf(image: Image.Image, dpi: int, quality: int) -> bytes:
    """A PDF page that holds the image and no text, as a scanner with a document feeder makes it."""
    width, height = (side * _POINTS_PER_INCH / dpi for side in image.size)
    jpeg = ImageReader(io.BytesIO(saved(image, "JPEG", quality=quality)))
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(width, height), invariant=1, pageCompression=1)
    canvas.drawImage(jpeg, 0, 0, width, height)
    canvas.save()
    return buffer.getvalue()


def _render(pdf: bytes, dpi: int) -> Image.Image:
    document = pypdfium2.PdfDocument(pdf)
    try:
        rendered: Image.Image = document[0].render(scale=dpi / _POINTS_PER_INCH, grayscale=True).to_pil()
        return rendered.convert("L")
    finally:
        document.close()


def _worn(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.float64]], scanner: Scanner
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    height, width = pixels.shape
    chance = np.random.default_rng(scanner.seed)
    if scanner.shade:
        down, across = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None, :]
        pixels = pixels - scanner.shade * (down + across) / 2
    if scanner.grain:
        pixels = pixels + chance.normal(0, scanner.grain, pixels.shape)
    for _ in range(scanner.specks):
        y, x = int(chance.integers(2, height - 2)), int(chance.integers(2, width - 2))
        pixels[y : y + int(chance.integers(1, 3)), x : x + int(chance.integers(1, 3))] = chance.integers(60, 140)
    worn: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return worn
