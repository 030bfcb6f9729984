"""Small documents, drawn on the spot."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

INVOICE = (
    "Nordwind Tools Ltd",
    "INVOICE",
    "Invoice number: NW-2041",
    "Invoice date: 2026-03-04",
    "Due date: 2026-04-03",
    "Bill to: Jane Miller",
    "Net total: 100.00 EUR",
    "VAT 20%: 20.00 EUR",
    "Total: 120.00 EUR",
    "IBAN: DE89 3704 0044 0532 0130 00",
)


def pdf(lines: Sequence[str] = INVOICE) -> bytes:
    """A page of A4 with its text as text."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1)
    for number, line in enumerate(lines):
        canvas.setFont("Helvetica", 22 if line.isupper() else 11)
        canvas.drawString(72, 770 - 28 * number, line)
    canvas.save()
    return file.getvalue()


def image(lines: Sequence[str] = INVOICE, kind: str = "PNG") -> bytes:
    """A picture of a page, in one of Pillow's formats."""
    page = Image.new("RGB", (900, 60 * len(lines) + 80), "white")
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        pen.text((60, 40 + 60 * number), line, fill="black", font=ImageFont.load_default(size=30))
    file = io.BytesIO()
    page.save(file, kind)
    return file.getvalue()
