"""PDF files: the text they carry, and OCR of the pages that carry none."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from PIL import Image

from engine.documents import Page, Reading, UnreadableDocumentError
from engine.reading.ocr import read_page
from engine.reading.pdf_text import text_page
from engine.reading.tables import add_tables

# Text costs milliseconds a page, OCR seconds; nothing on later pages has ever decided what a document is.
MAX_PAGES = 300
MAX_OCR_PAGES = 20

# A page with fewer characters may carry its content as a picture (by the part of the page it covers) or as letters
# drawn in outlines (by the number of strokes, some fifteen a letter).
_FEW_CHARACTERS = 24
_PICTURE_COVERS, _OUTLINE_STROKES = 0.05, 300
# A scan may have a stamp or a footer printed over it as text: the page is a scan all the same.
_STAMP_CHARACTERS, _SCAN_COVERS = 250, 0.6

# It logs what a user can do nothing about, such as form techniques that its build leaves out.
logging.getLogger("pypdfium2").setLevel(logging.CRITICAL)

# The lines of a table of two rows and three columns, from point to point; and of a drawing, which would take long to
# follow.
_TABLE_STROKES, _DRAWING_STROKES = 14, 4000

_RENDERED_SIDE = 2000  # pixels; 170 dpi for A4, beyond which recognition gained nothing


def read_pdf(path: Path) -> Reading:
    """Read a PDF's pages; scanned ones by OCR.

    Raises `UnreadableDocumentError` when it needs a password, is broken, or has no pages.
    """
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium_c.FPDF_ERR_PASSWORD:
            raise UnreadableDocumentError("ENCRYPTED", "The PDF is encrypted and needs a password.") from error
        raise UnreadableDocumentError("UNREADABLE", "The PDF cannot be opened.") from error
    try:
        pages, ruled = _pages(document)
    except pdfium.PdfiumError as error:
        raise UnreadableDocumentError("UNREADABLE", "The PDF is broken.") from error
    finally:
        document.close()
    if not pages:
        raise UnreadableDocumentError("UNREADABLE", "The PDF has no pages.")
    return Reading(add_tables(path, pages, ruled))


def _pages(document: pdfium.PdfDocument) -> tuple[list[Page], list[int]]:
    """The pages, and the numbers (from 0) of those with a table's worth of lines."""
    if document.get_formtype() != pdfium_c.FORMTYPE_NONE:
        document.init_forms()
    pages: list[Page] = []
    ruled: list[int] = []
    recognised = 0
    for index in range(min(len(document), MAX_PAGES)):
        page = _with_filled_fields(document, index)
        read = text_page(page)
        if recognised < MAX_OCR_PAGES and _needs_ocr(page, read):
            recognised += 1
            read = _recognised(page)
        pages.append(read)
        if _TABLE_STROKES <= _strokes(page, _DRAWING_STROKES) < _DRAWING_STROKES:
            ruled.append(index)
        page.close()
    return pages, ruled


def _with_filled_fields(document: pdfium.PdfDocument, index: int) -> pdfium.PdfPage:
    """The page with the values of its form fields as part of its text."""
    page = document[index]
    if document.formenv is None:
        return page
    with contextlib.suppress(pdfium.PdfiumError):  # fields that cannot be drawn leave the rest of the page
        page.flatten()
    page.close()
    return document[index]


def _needs_ocr(page: pdfium.PdfPage, read: Page) -> bool:
    characters = sum(len(word.text) for word in read.words)
    if characters >= _STAMP_CHARACTERS:
        return False
    if characters == 0:
        return bool(pdfium_c.FPDFPage_CountObjects(page) > 0)
    covered = _image_share(page)
    if characters < _FEW_CHARACTERS:
        return covered >= _PICTURE_COVERS or _strokes(page, _OUTLINE_STROKES) == _OUTLINE_STROKES
    return covered >= _SCAN_COVERS


def _strokes(page: pdfium.PdfPage, at_most: int) -> int:
    """The strokes of all shapes drawn on the page; counting ends at `at_most`."""
    strokes = 0
    for shape in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_PATH], max_depth=3):
        strokes += max(0, pdfium_c.FPDFPath_CountSegments(shape))
        if strokes >= at_most:
            return at_most
    return strokes


def _image_share(page: pdfium.PdfPage) -> float:
    """The part of the page that its largest image covers."""
    left, bottom, right, top = page.get_bbox()
    area = max(1.0, (right - left) * (top - bottom))
    share = 0.0
    for image in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        x0, y0, x1, y1 = image.get_bounds()
        width = min(x1, right) - max(x0, left)
        height = min(y1, top) - max(y0, bottom)
        share = max(share, max(0.0, width) * max(0.0, height) / area)
    return share


def _recognised(page: pdfium.PdfPage) -> Page:
    width, height = page.get_size()
    scale = _RENDERED_SIDE / max(width, height, 1.0)
    image: Image.Image = page.render(scale=scale).to_pil().convert("RGB")
    return read_page(image, 1 / scale)
