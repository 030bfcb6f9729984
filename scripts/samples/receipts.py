"""Receipts: one sent as a PDF by a till, three on paper that somebody scanned or photographed."""

from __future__ import annotations

from decimal import Decimal

from scripts.samples.scan import Scanner, greys, photograph, saved, scan
from scripts.samples.sheet import Sheet, count, english, german
from scripts.samples.truth import Sample, items, line_items

# 80 mm, the width of a till's paper, in points.
_SLIP = 227


def copper_kettle() -> Sample:
    """British: a narrow PDF; prices include VAT, the number has leading zeros, paid by card."""
    lines = items(
        ("Sourdough loaf", "2", "4.20"),
        ("Cinnamon bun", "3", "2.85"),
        ("Flat white", "2", "3.40"),
        ("Quiche, slice", "1", "5.95"),
    )
    total = sum((line.total for line in lines), Decimal())
    sheet = Sheet((_SLIP, 400), font="Courier")
    sheet.text(113, 36, "THE COPPER KETTLE BAKERY", 11, bold=True, align="centre")
    sheet.text(113, 51, "9 Fishergate, York YO10 4AR", 9, align="centre")
    sheet.text(113, 64, "VAT No. GB386250342", 9, align="centre")
    sheet.text(14, 90, "Receipt no. 0088213", 9)
    sheet.text(14, 103, "21/03/2026", 9)
    sheet.text(213, 103, "08:47", 9, align="right")
    sheet.rule(111, 14, 213, 0.6)
    sheet.text(14, 124, "Qty Item", 9, bold=True)
    sheet.text(165, 124, "Price", 9, bold=True, align="right")
    sheet.text(213, 124, "Total", 9, bold=True, align="right")
    y = 140.0
    for line in lines:
        sheet.text(14, y, f"{count(line.quantity):<3} {line.description}", 9)
        sheet.text(165, y, english(line.unit_price), 9, align="right")
        sheet.text(213, y, english(line.total), 9, align="right")
        y += 14
    sheet.rule(y - 6, 14, 213, 0.6)
    sheet.text(14, y + 10, "TOTAL GBP", 12, bold=True)
    sheet.text(213, y + 10, english(total), 12, bold=True, align="right")
    sheet.text(14, y + 30, "includes VAT", 9)
    sheet.text(213, y + 30, "2.13", 9, align="right")
    sheet.text(14, y + 48, "Paid by card", 9)
    sheet.text(213, y + 48, english(total), 9, align="right")
    sheet.text(14, y + 61, "VISA DEBIT **** 4417", 9)
    sheet.text(113, y + 92, "Thank you, see you soon!", 9, align="centre")
    return Sample(
        "receipts/copper-kettle-0088213.pdf",
        sheet.pdf(),
        "written",
        document_type="receipt",
        fields={
            "merchant": {
                "name": "THE COPPER KETTLE BAKERY",
                "address": "9 Fishergate, York YO10 4AR",
                "tax_id": "GB386250342",
            },
            "number": "0088213",
            "date": "2026-03-21",
            "time": "08:47",
            "currency": "GBP",
            "tax_total": Decimal("2.13"),
            "total": total,
            "payment_method": "card",
            "line_items": line_items(lines),
        },
    )


def fernhill() -> Sample:
    """American: a JPEG photo, askew on a table, badly lit and grainy; cash and change."""
    lines = items(
        ("BANANAS", "3", "0.79"),
        ("WHOLE MILK 1 GAL", "1", "4.29"),
        ("CHEDDAR 8 OZ", "2", "3.49"),
        ("OLIVE OIL 17 OZ", "1", "11.99"),
        ("PAPER TOWELS", "1", "7.45"),
        ("COFFEE BEANS 2 LB", "1", "18.99"),
    )
    net = sum((line.total for line in lines), Decimal())
    tax = Decimal("2.60")
    total, cash = net + tax, Decimal("60.00")
    sheet = Sheet((_SLIP + 10, 430), font="Vera", bold="Vera-Bold")
    sheet.text(118, 38, "FERNHILL GROCERS", 15, bold=True, align="centre")
    sheet.text(118, 54, "1180 Maple Street, Portland, OR 97205", 8.5, align="centre")
    sheet.text(118, 67, "Tel 503-555-0187", 8.5, align="centre")
    sheet.text(14, 92, "Receipt #: 40291", 9.5)
    sheet.text(14, 106, "Date: Mar 14, 2026", 9.5)
    sheet.text(222, 106, "17:32", 9.5, align="right")
    sheet.text(14, 120, "Cashier: Dana", 9.5)
    y = 145.0
    for line in lines:
        sheet.text(14, y, count(line.quantity), 9.5)
        sheet.text(30, y, line.description, 9.5)
        sheet.text(176, y, english(line.unit_price), 9.5, align="right")
        sheet.text(222, y, english(line.total), 9.5, align="right")
        y += 16
    sheet.rule(y - 6, 14, 222, 0.8)
    for label, amount in (("SUBTOTAL", net), ("TAX", tax)):
        y += 10
        sheet.text(14, y, label, 9.5)
        sheet.text(222, y, english(amount), 9.5, align="right")
        y += 5
    y += 15
    sheet.text(14, y, "TOTAL", 14, bold=True)
    sheet.text(222, y, f"${english(total)}", 14, bold=True, align="right")
    y += 8
    for label, amount in (("CASH", cash), ("CHANGE", cash - total)):
        y += 15
        sheet.text(14, y, label, 9.5)
        sheet.text(222, y, english(amount), 9.5, align="right")
    sheet.text(118, y + 34, "THANK YOU FOR SHOPPING WITH US", 8.5, align="centre")
    image = photograph(
        sheet.pdf(),
        Scanner(dpi=190, skew=-3.2, grain=9, shade=55, paper=232, ink=45, blur=0.8, seed=40291),
        margin=70,
        table=96,
    )
    return Sample(
        "receipts/fernhill-photo.jpg",
        saved(image, "JPEG", quality=60),
        "written",
        document_type="receipt",
        fields={
            "merchant": {"name": "FERNHILL GROCERS", "address": "1180 Maple Street, Portland, OR 97205"},
            "number": "40291",
            "date": "2026-03-14",
            "time": "17:32",
            "currency": "USD",
            "subtotal": net,
            "tax_total": tax,
            "total": total,
            "payment_method": "cash",
            "cash": cash,
            "change": cash - total,
            "line_items": line_items(lines),
        },
    )


def zur_linde() -> Sample:
    """German: a PNG scan of an inn's slip; VAT included, cash and change with a decimal comma."""
    lines = items(
        ("Rinderroulade", "2", "18.90"),
        ("Käsespätzle", "1", "13.50"),
        ("Apfelschorle 0,5", "3", "4.20"),
        ("Helles 0,5", "1", "4.40"),
    )
    total, tax, cash = sum((line.total for line in lines), Decimal()), Decimal("6.07"), Decimal("70.00")
    sheet = Sheet((_SLIP, 380), font="Courier-Bold", bold="Courier-Bold")
    sheet.text(113, 34, "Gasthaus zur Linde", 15, align="centre")
    sheet.text(113, 50, "Kirchplatz 4, 97070 Würzburg", 9.5, align="centre")
    sheet.text(113, 64, "USt-IdNr. DE266551003", 9.5, align="centre")
    sheet.text(14, 90, "Bon-Nr. 004512", 9.5)
    sheet.text(14, 104, "Datum 07.03.2026", 9.5)
    sheet.text(213, 104, "20:47", 9.5, align="right")
    sheet.text(14, 118, "Tisch 12   Es bediente Sie: Jana", 9.5)
    y = 144.0
    for line in lines:
        sheet.text(14, y, f"{count(line.quantity)} x {line.description}", 9.5)
        sheet.text(160, y, german(line.unit_price), 9.5, align="right")
        sheet.text(213, y, german(line.total), 9.5, align="right")
        y += 15
    sheet.rule(y - 6, 14, 213, 0.8)
    sheet.text(14, y + 12, "SUMME EUR", 14)
    sheet.text(213, y + 12, german(total), 14, align="right")
    y += 32
    for label, amount in (("inkl. MwSt.", tax), ("Gegeben bar", cash), ("Rückgeld", cash - total)):
        sheet.text(14, y, label, 9.5)
        sheet.text(213, y, german(amount), 9.5, align="right")
        y += 14
    sheet.text(113, y + 20, "Vielen Dank für Ihren Besuch!", 9.5, align="centre")
    image = scan(sheet.pdf(), Scanner(dpi=200, skew=0.8, grain=5, shade=14, paper=244, ink=50, blur=0.6, seed=4512))
    return Sample(
        "receipts/zur-linde.png",
        saved(greys(image, 16), "PNG", optimize=True),
        "written",
        document_type="receipt",
        fields={
            "merchant": {
                "name": "Gasthaus zur Linde",
                "address": "Kirchplatz 4, 97070 Würzburg",
                "tax_id": "DE266551003",
            },
            "number": "004512",
            "date": "2026-03-07",
            "time": "20:47",
            "currency": "EUR",
            "tax_total": tax,
            "total": total,
            "payment_method": "cash",
            "cash": cash,
            "change": cash - total,
            "line_items": line_items(lines),
        },
    )


def lindner() -> Sample:
    """German: a GIF of a chemist's slip, one price a line and no quantities, paid by card."""
    bought = (("Zahncreme Minze", "1.95"), ("Shampoo 300 ml", "3.45"), ("Sonnencreme LSF 50", "8.95"))
    total = sum((Decimal(price) for _, price in bought), Decimal())
    sheet = Sheet((_SLIP, 330), font="Vera")
    sheet.text(113, 40, "Drogerie Lindner", 17, bold=True, align="centre")
    sheet.text(113, 58, "Hauptstr. 51, 69117 Heidelberg", 9, align="centre")
    sheet.text(113, 72, "Kassenbon", 11, align="centre")
    sheet.text(213, 96, "EUR", 9.5, align="right")
    y = 114.0
    for description, price in bought:
        sheet.text(14, y, description, 10)
        sheet.text(213, y, german(Decimal(price)), 10, align="right")
        y += 17
    sheet.rule(y - 8, 14, 213, 1)
    sheet.text(14, y + 12, "Summe", 14, bold=True)
    sheet.text(213, y + 12, german(total), 14, bold=True, align="right")
    sheet.text(14, y + 34, "Kartenzahlung girocard", 9.5)
    sheet.text(213, y + 34, german(total), 9.5, align="right")
    sheet.text(14, y + 52, "19,00 % MwSt. enthalten", 9.5)
    sheet.text(213, y + 52, "2,29", 9.5, align="right")
    sheet.text(14, y + 78, "18.03.2026   11:05 Uhr", 9.5)
    sheet.text(14, y + 92, "Beleg-Nr. 7730", 9.5)
    sheet.text(113, y + 120, "Vielen Dank für Ihren Einkauf", 9, align="centre")
    image = scan(sheet.pdf(), Scanner(dpi=180, skew=-0.6, grain=4, shade=20, paper=240, ink=40, blur=0.5, seed=7730))
    return Sample(
        "receipts/lindner.gif",
        saved(greys(image, 12), "GIF"),
        "written",
        document_type="receipt",
        fields={
            "merchant": {"name": "Drogerie Lindner", "address": "Hauptstr. 51, 69117 Heidelberg"},
            "number": "7730",
            "date": "2026-03-18",
            "time": "11:05",
            "currency": "EUR",
            "tax_total": Decimal("2.29"),
            "total": total,
            "payment_method": "card",
            "line_items": [{"description": description, "line_total": Decimal(price)} for description, price in bought],
        },
    )
