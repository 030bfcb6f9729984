"""An invoice of three pages: furniture for a whole office, with a deposit already paid."""

from __future__ import annotations

from decimal import Decimal

from scripts.samples.sheet import GREY, Column, Sheet, count, english
from scripts.samples.truth import Item, Sample, items, line_items

_ROOMS = ("Reception", "Room 1.01", "Room 1.02", "Room 1.03", "Room 1.04", "Board room", "Canteen", "Library")
_COLUMNS = [
    Column("Item", 45),
    Column("Description", 85),
    Column("Quantity", 375, "right"),
    Column("Unit price EUR", 460, "right"),
    Column("Amount EUR", 550, "right"),
]
_FIRST_PAGE, _NEXT_PAGES = 22, 26
_PAGES = 3


def _lines() -> list[Item]:
    furniture = (
        ("sit-stand desk 160 x 80 cm", "649.00"),
        ("task chair, black", "318.50"),
        ("mobile pedestal, three drawers", "142.25"),
        ("LED desk lamp", "58.90"),
        ("acoustic panel 120 x 60 cm", "87.40"),
        ("cable tray", "19.95"),
        ("monitor arm", "104.00"),
    )
    rows = []
    for room_number, room in enumerate(_ROOMS):
        for piece_number, (piece, price) in enumerate(furniture):
            quantity = (room_number * 5 + piece_number * 3) % 9 + 1
            rows.append((f"{room}: {piece}", str(quantity), price))
    return [*items(*rows), *items(("Delivery and assembly", "1", "1860.00"), ("Removal of packaging", "1", "215.00"))]


def northgate() -> Sample:
    """Irish: 58 lines on three pages, headings repeated, amounts carried over, an amount due below the total."""
    lines = _lines()
    net = sum((line.total for line in lines), Decimal())
    tax = (net * 23 / 100).quantize(Decimal("0.01"))
    deposit = Decimal("15000.00")
    sheet = Sheet()
    sheet.about("Invoice 2026-1187", "Northgate Office Interiors Ltd")
    sheet.text(45, 58, "NORTHGATE", 20, bold=True)
    sheet.text(45, 74, "Office Interiors", 11, colour=GREY)
    sheet.block(
        550,
        52,
        ["Northgate Office Interiors Ltd", "Unit 7, Canal Business Park", "Dublin D12 X4T9", "VAT ID: IE3648120EH"],
        9.5,
        align="right",
    )
    sheet.text(45, 130, "Invoice", 18, bold=True)
    sheet.block(45, 152, ["Invoice to:", "Lindqvist Analytics Ltd", "88 Harbour Terrace", "Cork T12 W8KP"], 10)
    for place, (label, value) in enumerate(
        (("Invoice no.:", "2026-1187"), ("Date of invoice:", "27 February 2026"), ("Payment due:", "29 March 2026"))
    ):
        sheet.text(360, 152 + 14 * place, label, 10)
        sheet.text(550, 152 + 14 * place, value, 10, align="right")
    y = _heading(sheet, 228)
    carried, page, room_left = Decimal(), 1, _FIRST_PAGE
    for number, line in enumerate(lines, start=1):
        if not room_left:
            sheet.text(460, y, "Carried over", 9, align="right", font="Helvetica-Oblique")
            sheet.text(550, y, english(carried), 9, align="right", font="Helvetica-Oblique")
            _foot(sheet, page)
            sheet.next_page()
            page, room_left = page + 1, _NEXT_PAGES
            sheet.text(45, 52, "Northgate Office Interiors Ltd", 9.5, bold=True)
            sheet.text(550, 52, "Invoice no. 2026-1187", 9.5, align="right")
            y = _heading(sheet, 84)
            sheet.text(460, y, "Brought forward", 9, align="right", font="Helvetica-Oblique")
            sheet.text(550, y, english(carried), 9, align="right", font="Helvetica-Oblique")
            y += 22
        cells = [
            f"{number:03d}",
            line.description,
            count(line.quantity),
            english(line.unit_price),
            english(line.total),
        ]
        sheet.row(y, _COLUMNS, cells, 9)
        sheet.rule(y + 6, 45, 550, 0.25, GREY)
        carried += line.total
        y += 22
        room_left -= 1
    y += 6
    for label, amount in (
        ("Net total", net),
        ("VAT 23%", tax),
        ("Total EUR", net + tax),
        ("Deposit received", -deposit),
        ("Amount due EUR", net + tax - deposit),
    ):
        bold = label.endswith("EUR")
        sheet.text(460, y, label, 10, bold=bold, align="right")
        sheet.text(550, y, english(amount), 10, bold=bold, align="right")
        y += 17
    sheet.text(45, y + 20, "Please pay the amount due to IBAN IE71 NRTH 9901 2345 6789 01, BIC NRTHIE21.", 10)
    _foot(sheet, page)
    if page != _PAGES:
        raise ValueError(f"the footers say {_PAGES} pages, there are {page}")
    return Sample(
        "invoices/northgate-2026-1187.pdf",
        sheet.pdf(),
        "written",
        document_type="invoice",
        fields={
            "number": "2026-1187",
            "issue_date": "2026-02-27",
            "due_date": "2026-03-29",
            "currency": "EUR",
            "seller": {
                "name": "Northgate Office Interiors Ltd",
                "address": "Unit 7, Canal Business Park, Dublin D12 X4T9",
                "vat_id": "IE3648120EH",
            },
            "buyer": {"name": "Lindqvist Analytics Ltd", "address": "88 Harbour Terrace, Cork T12 W8KP"},
            "iban": "IE71NRTH99012345678901",
            "net_total": net,
            "tax_total": tax,
            "grand_total": net + tax,
            "amount_due": net + tax - deposit,
            "line_items": line_items(lines),
        },
    )


def _heading(sheet: Sheet, y: float) -> float:
    sheet.box(40, y - 13, 555, y + 6, fill=(0.90, 0.90, 0.90))
    sheet.head(y, _COLUMNS, 9)
    return y + 24


def _foot(sheet: Sheet, page: int) -> None:
    sheet.text(297, 815, f"Page {page} of {_PAGES}", 8, align="centre", colour=GREY)
