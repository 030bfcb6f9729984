"""Invoices on paper: a Swiss one through a document feeder, an American one lying sideways, a German one by fax."""

from __future__ import annotations

from decimal import Decimal

from PIL import Image
from reportlab.lib.pagesizes import LETTER

from scripts.samples.scan import Scanner, as_pdf, saved, scan
from scripts.samples.sheet import Column, Sheet, count, english, german, swiss
from scripts.samples.truth import Sample, items, line_items

_FAX_THRESHOLD = 150


def alpenblick() -> Sample:
    """Swiss: a PDF that holds a picture of the page and no text; amounts with an apostrophe."""
    lines = items(
        ("Einbauschrank Eiche, nach Mass", "1", "4380.00"),
        ("Tablar Eiche 90 x 35 cm", "8", "72.50"),
        ("Montage, Stunden", "14", "96.00"),
    )
    net = sum((line.total for line in lines), Decimal())
    tax = (net * Decimal("0.081")).quantize(Decimal("0.01"))
    sheet = Sheet(font="Vera")
    sheet.text(60, 74, "Schreinerei Alpenblick GmbH", 17, bold=True)
    sheet.block(60, 94, ["Dorfstrasse 5", "3715 Adelboden", "MWST-Nr. CHE-318.442.103"], 9.5)
    sheet.block(350, 152, ["Familie Zurbrügg", "Sonnenweg 12", "3714 Frutigen"], 10.5)
    sheet.text(60, 236, "RECHNUNG", 16, bold=True)
    sheet.block(60, 262, ["Rechnungsnummer", "Rechnungsdatum", "Zahlbar bis"], 10, 17)
    sheet.block(190, 262, ["2026-044", "20.03.2026", "19.04.2026"], 10, 17)
    columns = [
        Column("Beschreibung", 60),
        Column("Menge", 355, "right"),
        Column("Preis CHF", 445, "right"),
        Column("Betrag CHF", 540, "right"),
    ]
    sheet.head(342, columns, 10)
    sheet.rule(349, 60, 540, 1.2)
    y = 370.0
    for line in lines:
        cells = [line.description, count(line.quantity), swiss(line.unit_price), swiss(line.total)]
        sheet.row(y, columns, cells, 10)
        y += 22
    sheet.rule(y - 10, 60, 540, 1.2)
    for label, amount in (("Zwischensumme", net), ("MWST 8.1 %", tax), ("Total CHF", net + tax)):
        y += 12
        sheet.text(445, y, label, 10, bold=label == "Total CHF", align="right")
        sheet.text(540, y, swiss(amount), 10, bold=label == "Total CHF", align="right")
        y += 8
    sheet.text(60, y + 60, "Wir danken für Ihren Auftrag und bitten um Zahlung auf unser Konto:", 10)
    sheet.text(60, y + 78, "IBAN CH20 0990 0000 4273 1806 5", 10, bold=True)
    image = scan(sheet.pdf(), Scanner(dpi=170, skew=-0.4, grain=3, shade=10, paper=250, ink=35, blur=0.5, seed=44))
    return Sample(
        "scans/rechnung-alpenblick.pdf",
        as_pdf(image, dpi=170, quality=50),
        "written",
        document_type="invoice",
        fields={
            "number": "2026-044",
            "issue_date": "2026-03-20",
            "due_date": "2026-04-19",
            "currency": "CHF",
            "seller": {
                "name": "Schreinerei Alpenblick GmbH",
                "address": "Dorfstrasse 5, 3715 Adelboden",
                "vat_id": "CHE318442103",
            },
            "buyer": {"name": "Familie Zurbrügg", "address": "Sonnenweg 12, 3714 Frutigen"},
            "iban": "CH2009900000427318065",
            "net_total": net,
            "tax_total": tax,
            "grand_total": net + tax,
            "line_items": line_items(lines),
        },
    )


def copper_canyon() -> Sample:
    """American: a JPEG of a page that lay on the scanner sideways."""
    lines = items(
        ("Tri-fold brochures, full color", "2500", "0.38"),
        ("Business cards, 16 pt matte", "1000", "0.09"),
        ("Vinyl banner 3 x 8 ft", "4", "112.75"),
        ("Rush fee", "1", "75.00"),
    )
    net = sum((line.total for line in lines), Decimal())
    tax = (net * Decimal("0.08")).quantize(Decimal("0.01"))
    sheet = Sheet(LETTER)
    sheet.text(54, 76, "Copper Canyon Print Works", 20, bold=True)
    sheet.text(54, 94, "2210 Mesa Verde Ave, Tucson, AZ 85701", 10.5)
    sheet.text(54, 109, "Phone 520-555-0142", 10.5)
    sheet.text(558, 140, "Invoice", 22, bold=True, align="right")
    sheet.box(350, 152, 558, 214)
    for place, (label, value) in enumerate(
        (("Invoice #", "CC-20817"), ("Invoice date", "Feb 6, 2026"), ("Due date", "Mar 8, 2026"))
    ):
        sheet.text(358, 168 + 19 * place, label, 11)
        sheet.text(550, 168 + 19 * place, value, 11, align="right")
        sheet.rule(174 + 19 * place, 350, 558)
    sheet.text(54, 166, "BILL TO", 11, bold=True)
    sheet.block(54, 184, ["Saguaro Dental Group", "415 N Alvernon Way", "Tucson, AZ 85711"], 11)
    columns = [
        Column("Qty", 96, "right"),
        Column("Description", 112),
        Column("Unit price", 470, "right"),
        Column("Amount", 550, "right"),
    ]
    sheet.box(54, 256, 558, 274)
    sheet.head(269, columns, 11)
    for line_number, line in enumerate(lines):
        y = 292.0 + 22 * line_number
        cells = [count(line.quantity), line.description, english(line.unit_price), english(line.total)]
        sheet.row(y, columns, cells, 11)
    sheet.box(54, 274, 558, 274 + 22 * len(lines) + 6)
    y = 274.0 + 22 * len(lines) + 30
    for label, amount in (("Subtotal", net), ("Sales tax 8%", tax), ("Total", net + tax), ("Amount due", net + tax)):
        sheet.text(470, y, label, 11, bold=label == "Amount due", align="right")
        sheet.text(550, y, f"${english(amount)}", 11, bold=label == "Amount due", align="right")
        y += 20
    sheet.text(54, y + 40, "Please make checks payable to Copper Canyon Print Works.", 10.5)
    image = scan(sheet.pdf(), Scanner(dpi=150, skew=0.5, grain=4, shade=18, paper=246, ink=30, blur=0.4, seed=20817))
    return Sample(
        "scans/copper-canyon-sideways.jpg",
        saved(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=55),
        "written",
        document_type="invoice",
        fields={
            "number": "CC-20817",
            "issue_date": "2026-02-06",
            "due_date": "2026-03-08",
            "currency": "USD",
            "seller": {"name": "Copper Canyon Print Works", "address": "2210 Mesa Verde Ave, Tucson, AZ 85701"},
            "buyer": {"name": "Saguaro Dental Group", "address": "415 N Alvernon Way, Tucson, AZ 85711"},
            "net_total": net,
            "tax_total": tax,
            "grand_total": net + tax,
            "amount_due": net + tax,
            "line_items": line_items(lines),
        },
    )


def sommerfeld() -> Sample:
    """German: a BMP in pure black and white with specks, as from a fax machine; hours with a decimal comma."""
    lines = items(
        ("Zählerschrank erneuern, Material", "1", "684.00"),
        ("Leitung NYM-J 5 x 2,5, Meter", "35", "3.20"),
        ("Arbeitszeit Geselle, Stunden", "6.5", "62.00"),
        ("Anfahrt", "2", "25.00"),
    )
    net = sum((line.total for line in lines), Decimal())
    tax = (net * 19 / 100).quantize(Decimal("0.01"))
    sheet = Sheet(font="Vera")
    sheet.text(297, 70, "Elektro Sommerfeld e.K.", 19, bold=True, align="centre")
    sheet.text(297, 90, "Lindenallee 33, 14050 Berlin, Tel. 030 23125 417", 10, align="centre")
    sheet.rule(100, 60, 540, 1.5)
    sheet.block(60, 140, ["An", "Hausverwaltung Petersen", "Kantstraße 90", "10627 Berlin"], 11, 17)
    sheet.block(330, 140, ["Rechnung Nr.", "Datum", "Fällig am"], 11, 17)
    sheet.block(540, 140, ["00719", "02.02.2026", "16.02.2026"], 11, 17, align="right")
    columns = [
        Column("Leistung", 60),
        Column("Menge", 345, "right"),
        Column("Einzelpreis", 440, "right"),
        Column("Betrag", 540, "right"),
    ]
    sheet.head(252, columns, 11)
    sheet.rule(260, 60, 540, 1.2)
    y = 284.0
    for line in lines:
        quantity = count(line.quantity).replace(".", ",")
        sheet.row(y, columns, [line.description, quantity, german(line.unit_price), german(line.total)], 10.5)
        y += 24
    sheet.rule(y - 8, 60, 540, 1.2)
    for label, amount in (("Summe netto", net), ("19 % MwSt", tax), ("Rechnungsbetrag EUR", net + tax)):
        y += 14
        bold = label.startswith("Rechnung")
        sheet.text(440, y, label, 11, bold=bold, align="right")
        sheet.text(540, y, german(amount), 11, bold=bold, align="right")
        y += 8
    sheet.text(60, y + 50, "Bankverbindung: IBAN DE61 9908 7120 0012 6453 09", 10.5)
    sheet.text(60, y + 70, "USt-IdNr. DE317204002", 10.5)
    image = scan(sheet.pdf(), Scanner(dpi=180, skew=0.3, grain=6, blur=0.6, specks=260, seed=719))
    fax = image.point([255 if value > _FAX_THRESHOLD else 0 for value in range(256)]).convert("1")
    return Sample(
        "scans/fax-sommerfeld.bmp",
        saved(fax, "BMP"),
        "written",
        document_type="invoice",
        fields={
            "number": "00719",
            "issue_date": "2026-02-02",
            "due_date": "2026-02-16",
            "currency": "EUR",
            "seller": {
                "name": "Elektro Sommerfeld e.K.",
                "address": "Lindenallee 33, 14050 Berlin",
                "vat_id": "DE317204002",
            },
            "buyer": {"name": "Hausverwaltung Petersen", "address": "Kantstraße 90, 10627 Berlin"},
            "iban": "DE61990871200012645309",
            "net_total": net,
            "tax_total": tax,
            "grand_total": net + tax,
            "line_items": line_items(lines),
        },
    )
