"""Reading of PDF files: text with boxes, turned pages, scans, form fields, tables, and files that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from engine.documents import Page, UnreadableDocumentError, Word
from engine.reading import pdf, read

A4 = (595.0, 842.0)
Draw = Callable[[Canvas], None]


def written(path: Path, draw: Draw, size: tuple[float, float] = A4, **options: object) -> Path:
    """A PDF at `path` with what `draw` puts on it; `draw` ends pages other than the last itself."""
    canvas = Canvas(str(path), pagesize=size, **options)
    draw(canvas)
    canvas.save()
    return path


def pages_of(path: Path) -> tuple[Page, ...]:
    return read(path, "application/pdf").pages


def texts(page: Page) -> list[str]:
    return [word.text for word in page.words]


def word(page: Page, text: str) -> Word:
    return next(word for word in page.words if word.text == text)


def hello(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 20)
    canvas.drawString(100, 742, "Grand total 1,234.50")
    canvas.drawString(100, 700, "Thank you")


def test_words_come_with_boxes_in_points_from_the_top_left(tmp_path: Path) -> None:
    """A word's box surrounds its print; its confidence is full; the page has its size and says it is text."""
    (page,) = pages_of(written(tmp_path / "a.pdf", hello))
    assert (page.width, page.height, page.source) == (*A4, "text")
    assert texts(page) == ["Grand", "total", "1,234.50", "Thank", "you"]
    grand = word(page, "Grand")
    assert grand.x0 == pytest.approx(100, abs=3)
    assert grand.y0 < 842 - 742 - 10 < grand.y1
    assert 40 < grand.x1 - grand.x0 < 65
    assert grand.confidence == 1.0


def test_words_are_in_reading_order_however_they_were_drawn(tmp_path: Path) -> None:
    """Lines go from top to bottom and words from left to right, also when drawn the other way round."""

    def backwards(canvas: Canvas) -> None:
        for x, y, text in ((300, 600, "four"), (100, 600, "three"), (300, 700, "two"), (100, 700, "one")):
            canvas.drawString(x, y, text)

    (page,) = pages_of(written(tmp_path / "a.pdf", backwards))
    assert texts(page) == ["one", "two", "three", "four"]


def test_letters_without_spaces_between_columns_are_parted(tmp_path: Path) -> None:
    """Print that stands apart makes two words even if the file holds no space between."""

    def columns(canvas: Canvas) -> None:
        text = canvas.beginText(100, 700)
        text.textOut("Amount")
        text.setTextOrigin(180, 700)
        text.textOut("42.00")
        canvas.drawText(text)

    (page,) = pages_of(written(tmp_path / "a.pdf", columns))
    assert texts(page) == ["Amount", "42.00"]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_page_that_viewers_turn_is_read_upright(tmp_path: Path, degrees: int) -> None:
    """Content drawn lying, with a page rotation that brings it upright, comes as a person sees it."""

    def lying(canvas: Canvas) -> None:
        canvas.setPageRotation(degrees)  # clockwise; the content is drawn turned the other way
        canvas.translate(*{90: (595, 0), 180: (595, 842), 270: (0, 842)}[degrees])
        canvas.rotate(degrees)
        canvas.drawString(50, 400, "left")
        canvas.drawString(200, 400, "right")
        canvas.drawString(50, 300, "below")

    # The canvas swaps the sides of a page that it turns a quarter.
    size = A4 if degrees == 180 else (842.0, 595.0)
    (page,) = pages_of(written(tmp_path / "a.pdf", lying, size))
    assert texts(page) == ["left", "right", "below"]
    assert (page.width, page.height) == size
    assert word(page, "left").x0 == pytest.approx(50, abs=3)
    assert word(page, "left").x1 - word(page, "left").x0 > word(page, "left").y1 - word(page, "left").y0


def test_a_page_printed_sideways_is_turned(tmp_path: Path) -> None:
    """Text that runs up the page, without any page rotation, is read as if the page were turned."""

    def sideways(canvas: Canvas) -> None:
        canvas.translate(300, 100)
        canvas.rotate(90)
        canvas.drawString(0, 0, "upwards we go")

    (page,) = pages_of(written(tmp_path / "a.pdf", sideways))
    assert texts(page) == ["upwards", "we", "go"]
    assert (page.width, page.height) == (842.0, 595.0)


def test_notes_up_the_margin_and_stamps_aslant_are_left_out(tmp_path: Path) -> None:
    """Text that runs another way than most of the page does not part its lines."""

    def stamped(canvas: Canvas) -> None:
        canvas.drawString(100, 700, "Invoice number 4711 of the shop")
        canvas.saveState()
        canvas.translate(90, 600)
        canvas.rotate(90)
        canvas.drawString(0, 0, "margin")
        canvas.restoreState()
        canvas.translate(150, 690)
        canvas.rotate(30)
        canvas.drawString(0, 0, "PAID")

    (page,) = pages_of(written(tmp_path / "a.pdf", stamped))
    assert texts(page) == ["Invoice", "number", "4711", "of", "the", "shop"]


def test_a_crop_box_moves_the_origin(tmp_path: Path) -> None:
    """Coordinates count from the corner of what is shown, and what lies outside is not read."""

    def cropped(canvas: Canvas) -> None:
        canvas.setCropBox((100, 100, 500, 700))
        canvas.drawString(150, 650, "inside")
        canvas.drawString(150, 800, "outside")

    (page,) = pages_of(written(tmp_path / "a.pdf", cropped))
    assert texts(page) == ["inside"]
    assert (page.width, page.height) == (400.0, 600.0)
    assert word(page, "inside").x0 == pytest.approx(50, abs=3)


def test_bold_made_by_printing_twice_is_read_once(tmp_path: Path) -> None:
    """Letters printed again, a hair aside, do not double."""

    def bold(canvas: Canvas) -> None:
        for letter, x in zip("SUM", (100, 110, 120), strict=True):
            canvas.drawString(x, 700, letter)
            canvas.drawString(x + 0.3, 700, letter)

    (page,) = pages_of(written(tmp_path / "a.pdf", bold))
    assert "".join(texts(page)) == "SUM"


def test_a_glyph_for_two_equal_letters_is_both_of_them(tmp_path: Path) -> None:
    """Fonts draw the tt of "netto" as one glyph: both letters are in its box, and neither was printed twice."""
    cmap = b"1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfchar <01> <00740074> endbfchar"
    content = b"BT /F1 20 Tf 100 700 Td (ne\\001o) Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/FirstChar 1/LastChar 1/Widths[556]/ToUnicode 6 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(cmap), cmap),
    ]
    body = b"".join(b"%d 0 obj%s endobj\n" % (number, text) for number, text in enumerate(objects, 1))
    (tmp_path / "ligature.pdf").write_bytes(b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF")
    reading = read(tmp_path / "ligature.pdf", "application/pdf")
    assert [word.text for word in reading.pages[0].words] == ["netto"]


def test_filled_form_fields_are_read(tmp_path: Path) -> None:
    """What someone typed into a form stands among the words, where it stands on the page."""

    def form(canvas: Canvas) -> None:
        canvas.drawString(100, 700, "Name of the customer")
        canvas.acroForm.textfield(name="customer", x=250, y=690, width=200, height=24, value="Weaver")

    (page,) = pages_of(written(tmp_path / "a.pdf", form))
    assert word(page, "Weaver").x0 > word(page, "customer").x1


def test_every_page_is_read(tmp_path: Path) -> None:
    """Several pages come in their order, a blank one among them without words."""

    def three(canvas: Canvas) -> None:
        canvas.drawString(100, 700, "The first page has some words")
        canvas.showPage()
        canvas.showPage()
        canvas.drawString(100, 700, "The third page has more words")

    first, second, third = pages_of(written(tmp_path / "a.pdf", three))
    assert "first" in texts(first)
    assert second.words == ()
    assert "third" in texts(third)


def test_ruled_tables_come_as_rows_of_cells(tmp_path: Path) -> None:
    """Cells between drawn lines are found, empty ones too."""

    def ruled(canvas: Canvas) -> None:
        rows = [("Item", "Quantity", "Amount"), ("Bolt", "4", "12.00"), ("Nut", "", "3.50"), ("Total", "", "15.50")]
        for index, row in enumerate(rows):
            for column, text in enumerate(row):
                canvas.drawString(105 + 100 * column, 685 - 20 * index, text)
        canvas.grid([100, 200, 300, 400], [620, 640, 660, 680, 700])

    (page,) = pages_of(written(tmp_path / "a.pdf", ruled))
    assert page.tables == (
        (("Item", "Quantity", "Amount"), ("Bolt", "4", "12.00"), ("Nut", "", "3.50"), ("Total", "", "15.50")),
    )


def scan(*lines: str) -> ImageReader:
    """A page of print as an image."""
    image = Image.new("RGB", (900, 420), "white")
    draw = ImageDraw.Draw(image)
    for index, line in enumerate(lines):
        draw.text((60, 40 + 70 * index), line, fill="black", font=ImageFont.load_default(34))
    return ImageReader(image)


def test_a_scanned_page_is_recognised(tmp_path: Path) -> None:
    """A page that is an image goes through OCR, with boxes in points of the page, though a footer is printed on it."""

    def scanned(canvas: Canvas) -> None:
        canvas.drawImage(scan("Invoice 4711", "Total 99.50"), 0, 0, 595, 278)
        canvas.drawString(30, 10, "Scanned by the copier")

    (page,) = pages_of(written(tmp_path / "a.pdf", scanned, size=(595.0, 278.0)))
    assert page.source == "ocr"
    assert {"Invoice", "4711", "Total", "99.50"} <= set(texts(page))
    assert word(page, "4711").x0 == pytest.approx(60 * 595 / 900 + 82, abs=15)


def test_letters_drawn_in_outlines_are_recognised(tmp_path: Path) -> None:
    """A page whose print is shapes rather than text goes through OCR."""

    def outlines(canvas: Canvas) -> None:
        for index, letter in enumerate("TILT" * 8):
            shape = canvas.beginPath()
            x, y = 40 + 15 * (index % 4) + 90 * (index // 4 % 4), 200 - 60 * (index // 16)
            strokes = {
                "T": ((0, 20, 12, 3), (4.5, 0, 3, 20)),
                "I": ((4.5, 0, 3, 23),),
                "L": ((1, 0, 3, 23), (1, 0, 10, 3)),
            }
            for left, bottom, width, height in strokes[letter]:
                shape.rect(x + left, y + bottom, width, height)
            canvas.drawPath(shape, stroke=0, fill=1)

    (page,) = pages_of(written(tmp_path / "a.pdf", outlines, size=(595.0, 278.0)))
    assert texts(page).count("TILT") == 8


def test_a_picture_beside_text_needs_no_recognition(tmp_path: Path) -> None:
    """A logo on a page of text leaves the page's own text in use."""

    def letter(canvas: Canvas) -> None:
        canvas.drawImage(scan("LOGO"), 400, 700, 100, 60)
        canvas.drawString(100, 600, "A page with a sentence of its own text")

    (page,) = pages_of(written(tmp_path / "a.pdf", letter))
    assert page.source == "text"


def test_only_so_many_pages_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OCR ends at its limit; later scans stay without words, and later text is read."""
    monkeypatch.setattr(pdf, "MAX_OCR_PAGES", 1)

    def pages(canvas: Canvas) -> None:
        for number in (1, 2):
            canvas.drawImage(scan(f"Sheet {number}"), 0, 0, 595, 278)
            canvas.showPage()
        canvas.drawString(60, 100, "The last page is text again")

    first, second, third = pages_of(written(tmp_path / "a.pdf", pages, size=(595.0, 278.0)))
    assert "Sheet" in texts(first)
    assert second.words == ()
    assert "again" in texts(third)


def test_a_pdf_with_a_password_is_encrypted(tmp_path: Path) -> None:
    """A file that needs a password to open is told apart from a broken one."""
    path = written(tmp_path / "a.pdf", hello, encrypt=StandardEncryption("secret", canPrint=0))
    with pytest.raises(UnreadableDocumentError) as caught:
        read(path, "application/pdf")
    assert caught.value.code == "ENCRYPTED"


def test_a_pdf_with_only_an_owner_password_is_read(tmp_path: Path) -> None:
    """A file that anyone may open, and only its owner may change, reads like any other."""
    path = written(tmp_path / "a.pdf", hello, encrypt=StandardEncryption("", ownerPassword="owner"))
    assert "Grand" in texts(pages_of(path)[0])


@pytest.mark.parametrize("content", [b"just a text with the name of a PDF", b"%PDF-1.7\n" + b"\0" * 200])
def test_what_is_no_pdf_is_unreadable(tmp_path: Path, content: bytes) -> None:
    """Other bytes, and a PDF's head without a body, cannot be read; the message says nothing of the content."""
    path = tmp_path / "a.pdf"
    path.write_bytes(content)
    with pytest.raises(UnreadableDocumentError) as caught:
        read(path, "application/pdf")
    assert caught.value.code == "UNREADABLE"
    assert "text" not in str(caught.value)


def test_an_empty_file_is_told_as_such(tmp_path: Path) -> None:
    """No bytes at all have a code of their own."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"")
    with pytest.raises(UnreadableDocumentError) as caught:
        read(path, "application/pdf")
    assert caught.value.code == "EMPTY_FILE"


def test_an_unknown_type_is_unreadable(tmp_path: Path) -> None:
    """Only the six content types of the API are read."""
    path = tmp_path / "a.svg"
    path.write_bytes(b"<svg/>")
    with pytest.raises(UnreadableDocumentError) as caught:
        read(path, "image/svg+xml")
    assert caught.value.code == "UNREADABLE"
