"""Reading: a file becomes words with boxes, page by page.

A PDF's own text is taken where it has some; pages without, and images, go through OCR. Everything works offline: the
OCR models come with the `rapidocr` wheel.
"""

from __future__ import annotations

from pathlib import Path

from engine.documents import Reading, UnreadableDocumentError
from engine.reading.images import IMAGE_FORMATS, read_image
from engine.reading.pdf import read_pdf

__all__ = ["read"]


def read(path: Path, content_type: str) -> Reading:
    """Read the document at `path`, which is of `content_type` (`application/pdf` or one of the five image types).

    Coordinates are points of the upright page, origin top left. An image has no size on paper that could be trusted:
    its longer side counts as 842 points, the height of A4. At most `pdf.MAX_PAGES` pages of a PDF are read,
    `pdf.MAX_OCR_PAGES` of them by OCR, and `images.MAX_FRAMES` frames of an animation; what lies beyond is left out.

    Raises `UnreadableDocumentError` with the code `EMPTY_FILE`, `ENCRYPTED` or `UNREADABLE`.
    """
    if path.stat().st_size == 0:
        raise UnreadableDocumentError("EMPTY_FILE", "The file is empty.")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/pdf":
        return read_pdf(path)
    if kind in IMAGE_FORMATS:
        return read_image(path, kind)
    raise UnreadableDocumentError("UNREADABLE", "The file's type is not one that can be read.")
