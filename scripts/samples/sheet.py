"""A sheet to draw on: reportlab's canvas with the origin at the top left, and how amounts are printed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

Align = Literal["left", "right", "centre"]
Colour = tuple[float, float, float]

BLACK: Colour = (0.0, 0.0, 0.0)
GREY: Colour = (0.42, 0.42, 0.42)

# Fonts that reportlab brings along, embedded into the document.
for _name, _file in (("Vera", "Vera.ttf"), ("Vera-Bold", "VeraBd.ttf"), ("Vera-Italic", "VeraIt.ttf")):
    pdfmetrics.registerFont(TTFont(_name, _file))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading and where its text stands."""

    title: str
    x: float
    align: Align = "left"


class Sheet:
    """Pages of one size. Coordinates are points from the top left; `y` is the baseline of a text."""

    def __init__(
        self, size: tuple[float, float] = A4, *, font: str = "Helvetica", bold: str = "", password: str = ""
    ) -> None:
        self.width, self.height = size
        self.font, self.bold = font, bold or f"{font}-Bold"
        self._bytes = io.BytesIO()
        # Invariant: no time stamp and no random id, so that the same drawing gives the same bytes.
        self._canvas = Canvas(
            self._bytes,
            pagesize=size,
            invariant=1,
            pageCompression=1,
            encrypt=StandardEncryption(password, strength=128) if password else None,
        )

    def about(self, title: str, author: str) -> None:
        """What the document's properties say."""
        self._canvas.setTitle(title)
        self._canvas.setAuthor(author)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 10,
        *,
        bold: bool = False,
        font: str = "",
        align: Align = "left",
        colour: Colour = BLACK,
    ) -> None:
        """One line of text; with `align` its right end or its middle stands at `x`."""
        self._canvas.setFont(font or (self.bold if bold else self.font), size)
        self._canvas.setFillColorRGB(*colour)
        draw = {
            "left": self._canvas.drawString,
            "right": self._canvas.drawRightString,
            "centre": self._canvas.drawCentredString,
        }[align]
        draw(x, self.height - y, text)

    def block(
        self, x: float, y: float, lines: Sequence[str], size: float = 10, leading: float = 0, *, align: Align = "left"
    ) -> float:
        """Lines below each other, the first at `y`. Returns where the next would stand."""
        for line in lines:
            self.text(x, y, line, size, align=align)
            y += leading or size * 1.35
        return y

    def row(
        self, y: float, columns: Sequence[Column], cells: Sequence[str], size: float = 10, *, bold: bool = False
    ) -> None:
        """The cells of one row, each in its column."""
        for column, cell in zip(columns, cells, strict=True):
            self.text(column.x, y, cell, size, bold=bold, align=column.align)

    def head(self, y: float, columns: Sequence[Column], size: float = 10) -> None:
        """The headings of a table."""
        self.row(y, columns, [column.title for column in columns], size, bold=True)

    def rule(self, y: float, x0: float, x1: float, width: float = 0.6, colour: Colour = BLACK) -> None:
        """A horizontal line."""
        self.line(x0, y, x1, y, width, colour)

    def line(self, x0: float, y0: float, x1: float, y1: float, width: float = 0.6, colour: Colour = BLACK) -> None:
        """A line between two points."""
        self._canvas.setStrokeColorRGB(*colour)
        self._canvas.setLineWidth(width)
        self._canvas.line(x0, self.height - y0, x1, self.height - y1)

    def box(
        self, x0: float, y0: float, x1: float, y1: float, *, fill: Colour | None = None, width: float = 0.6
    ) -> None:
        """A rectangle: filled without a border, or a border without filling."""
        if fill:
            self._canvas.setFillColorRGB(*fill)
        self._canvas.setStrokeColorRGB(*BLACK)
        self._canvas.setLineWidth(width)
        self._canvas.rect(x0, self.height - y1, x1 - x0, y1 - y0, stroke=0 if fill else 1, fill=1 if fill else 0)

    def next_page(self) -> None:
        """Ends this page; what follows stands on the next."""
        self._canvas.showPage()

    def pdf(self) -> bytes:
        """The finished document."""
        self._canvas.save()
        return self._bytes.getvalue()


def english(amount: Decimal) -> str:
    """1,234.50"""
    return f"{amount:,.2f}"


def german(amount: Decimal) -> str:
    """1.234,50, in Spain as well."""
    return english(amount).translate(str.maketrans(",.", ".,"))


def swiss(amount: Decimal) -> str:
    """1'234.50"""
    return english(amount).replace(",", "'")


def count(quantity: Decimal) -> str:
    """A quantity without trailing zeros, with a decimal point: 12, 6.5"""
    return f"{quantity.normalize():f}"
