"""Invoices as their programs print them: British, German and Spanish, each on a page of its own design."""

from __future__ import annotations

from decimal import Decimal

from scripts.samples.sheet import GREY, Column, Sheet, count, english, german
from scripts.samples.truth import Item, Sample, items, line_items

# The invoice that also arrives a second time, as a copy under another name.
TWICE = "invoices/halden-marine-00417.pdf"


def _net(lines: list[Item]) -> Decimal:
    return sum((line.total for line in lines), Decimal())


def _tax(net: Decimal, percent: int) -> Decimal:
    return (net * percent / 100).quantize(Decimal("0.01"))


def halden_marine() -> Sample:
    """British: plain rules, a number with leading zeros, thousands with a comma."""
    lines = items(
        ("Stainless shackle, 12 mm", "24", "8.75"),
        ("Three-strand mooring rope, 50 m coil", "6", "64.20"),
        ("Hand-held VHF radio", "3", "189.00"),
        ("Inflatable life raft, 6 persons", "1", "1245.00"),
        ("Delivery to boatyard", "1", "35.50"),
    )
    net = _net(lines)
    tax = _tax(net, 20)
    sheet = Sheet()
    sheet.about("Invoice 00417", "Halden Marine Supplies Ltd")
    sheet.text(50, 66, "Halden Marine Supplies Ltd", 17, bold=True)
    sheet.block(50, 86, ["14 Quayside Road", "Whitby YO22 4AB", "VAT No. GB917420339", "Tel. 01632 960 417"], 9.5)
    sheet.text(545, 70, "INVOICE", 24, bold=True, align="right")
    for place, (label, value) in enumerate(
        (
            ("Invoice number", "00417"),
            ("Invoice date", "3 March 2026"),
            ("Due date", "2 April 2026"),
            ("Customer number", "000912"),
        )
    ):
        sheet.text(360, 100 + 15 * place, label, 10, colour=GREY)
        sheet.text(545, 100 + 15 * place, value, 10, align="right")
    sheet.text(50, 182, "Bill to", 10, bold=True)
    sheet.block(50, 198, ["Orchard & Finch Boatyard", "3 Slipway Lane", "Scarborough YO11 1PH"], 10)
    columns = [
        Column("Description", 50),
        Column("Qty", 350, "right"),
        Column("Unit price", 440, "right"),
        Column("Amount", 545, "right"),
    ]
    sheet.rule(258, 50, 545, 1)
    sheet.head(273, columns)
    sheet.rule(280, 50, 545, 1)
    y = 297.0
    for line in lines:
        cells = [line.description, count(line.quantity), f"£{english(line.unit_price)}", f"£{english(line.total)}"]
        sheet.row(y, columns, cells)
        sheet.rule(y + 6, 50, 545, 0.3, GREY)
        y += 21
    for label, amount in (("Subtotal", net), ("VAT 20%", tax), ("Total", net + tax)):
        y += 17
        sheet.text(440, y, label, 10, bold=label == "Total", align="right")
        sheet.text(545, y, f"£{english(amount)}", 10, bold=label == "Total", align="right")
    sheet.rule(y + 8, 360, 545, 1)
    sheet.text(50, y + 60, "Payment by bank transfer within 30 days, please quote 00417.", 10)
    sheet.block(50, y + 78, ["Account name: Halden Marine Supplies Ltd", "IBAN: GB80 HLDN 6041 7700 9123 45"], 10)
    sheet.text(297, 800, "Registered in England and Wales no. 09914207", 8, align="centre", colour=GREY)
    return Sample(
        TWICE,
        sheet.pdf(),
        "written",
        document_type="invoice",
        fields={
            "number": "00417",
            "issue_date": "2026-03-03",
            "due_date": "2026-04-02",
            "currency": "GBP",
            "seller": {
                "name": "Halden Marine Supplies Ltd",
                "address": "14 Quayside Road, Whitby YO22 4AB",
                "vat_id": "GB917420339",
            },
            "buyer": {"name": "Orchard & Finch Boatyard", "address": "3 Slipway Lane, Scarborough YO11 1PH"},
            "iban": "GB80HLDN60417700912345",
            "net_total": net,
            "tax_total": tax,
            "grand_total": net + tax,
            "line_items": line_items(lines),
        },
    )


def brunnthal() -> Sample:
    """German, laid out as a business letter: the buyer in the window, the company's data in the footer."""
    lines = items(
        ("Fräswerkzeug HM 16 mm, vierschneidig", "12", "48.90"),
        ("Spannzangensatz ER32", "2", "219.00"),
        ("Kühlschmierstoff, Kanister 20 l", "5", "137.80"),
        ("CNC-Schraubstock 125 mm", "1", "1849.00"),
    )
    net = _net(lines)
    tax = _tax(net, 19)
    sheet = Sheet(font="Times-Roman", bold="Times-Bold")
    sheet.about("Rechnung RE-2026-0388", "Brunnthal Werkzeugbau GmbH")
    sheet.text(540, 60, "Brunnthal Werkzeugbau GmbH", 18, bold=True, align="right")
    sheet.text(540, 76, "Zerspanung · Vorrichtungen · Messmittel", 10, align="right", colour=GREY)
    sheet.text(60, 132, "Brunnthal Werkzeugbau GmbH · Hammerweg 8 · 85649 Brunnthal", 7.5, colour=GREY)
    sheet.rule(136, 60, 290, 0.4, GREY)
    sheet.block(60, 152, ["Feinmechanik Aumüller KG", "Industriestraße 21", "93055 Regensburg"], 11)
    for place, (label, value) in enumerate(
        (
            ("Rechnungsnummer", "RE-2026-0388"),
            ("Rechnungsdatum", "14.01.2026"),
            ("Lieferdatum", "12.01.2026"),
            ("Kundennummer", "004711"),
            ("Ansprechpartnerin", "Petra Wimmer"),
        )
    ):
        sheet.text(350, 152 + 14 * place, f"{label}:", 10)
        sheet.text(455, 152 + 14 * place, value, 10)
    sheet.text(60, 268, "Rechnung Nr. RE-2026-0388", 14, bold=True)
    sheet.text(60, 294, "Sehr geehrte Damen und Herren, für unsere Lieferung berechnen wir Ihnen:", 11)
    columns = [
        Column("Pos.", 60),
        Column("Bezeichnung", 95),
        Column("Menge", 360, "right"),
        Column("Einzelpreis", 450, "right"),
        Column("Gesamt", 540, "right"),
    ]
    sheet.box(55, 310, 545, 328, fill=(0.88, 0.91, 0.94))
    sheet.head(323, columns, 10.5)
    y = 346.0
    for position, line in enumerate(lines, start=1):
        cells = [
            str(position),
            line.description,
            count(line.quantity),
            f"{german(line.unit_price)} €",
            f"{german(line.total)} €",
        ]
        sheet.row(y, columns, cells, 10.5)
        y += 19
    sheet.rule(y - 6, 55, 545)
    for label, amount in (("Nettobetrag", net), ("zzgl. 19 % MwSt.", tax), ("Gesamtbetrag", net + tax)):
        y += 16
        sheet.text(450, y, label, 11, bold=label == "Gesamtbetrag", align="right")
        sheet.text(540, y, f"{german(amount)} €", 11, bold=label == "Gesamtbetrag", align="right")
    sheet.block(
        60,
        y + 46,
        ["Zahlbar bis 13.02.2026 ohne Abzug.", "Vielen Dank für Ihren Auftrag.", "", "Brunnthal Werkzeugbau GmbH"],
        11,
    )
    sheet.rule(758, 60, 540, 0.4, GREY)
    sheet.block(60, 772, ["Hammerweg 8", "85649 Brunnthal", "Tel. 089 99998 410"], 8)
    sheet.block(215, 772, ["USt-IdNr.: DE298412006", "Amtsgericht München", "HRB 999417"], 8)
    sheet.block(385, 772, ["Bankhaus Isartor", "IBAN: DE56 9905 1234 0004 7110 88", "BIC: ISTRDEM1XXX"], 8)
    return Sample(
        "invoices/brunnthal-RE-2026-0388.pdf",
        sheet.pdf(),
        "written",
        document_type="invoice",
        fields={
            "number": "RE-2026-0388",
            "issue_date": "2026-01-14",
            "due_date": "2026-02-13",
            "currency": "EUR",
            "seller": {
                "name": "Brunnthal Werkzeugbau GmbH",
                "address": "Hammerweg 8, 85649 Brunnthal",
                "vat_id": "DE298412006",
            },
            "buyer": {"name": "Feinmechanik Aumüller KG", "address": "Industriestraße 21, 93055 Regensburg"},
            "iban": "DE56990512340004711088",
            "net_total": net,
            "tax_total": tax,
            "grand_total": net + tax,
            "line_items": line_items(lines),
        },
    )


def almazara() -> Sample:
    """Spanish: a band of colour, seller and buyer side by side, and the buyer's tax number too."""
    lines = items(
        ("Aceite de oliva virgen extra, garrafa 5 l", "40", "38.50"),
        ("Aceite de oliva virgen extra, botella 500 ml", "144", "6.25"),
        ("Estuche de regalo, tres botellas", "30", "24.90"),
    )
    net = _net(lines)
    tax = _tax(net, 10)
    sheet = Sheet(font="Vera")
    sheet.about("Factura F26-0093", "Almazara Luz Azul S.L.")
    sheet.box(0, 0, 595, 84, fill=(0.20, 0.33, 0.22))
    sheet.text(45, 52, "Almazara Luz Azul S.L.", 18, bold=True, colour=(1, 1, 1))
    sheet.text(550, 52, "FACTURA", 20, bold=True, align="right", colour=(1, 1, 1))
    for place, (label, value) in enumerate(
        (("Factura Nº:", "F26-0093"), ("Fecha de factura:", "09/02/2026"), ("Vencimiento:", "11/03/2026"))
    ):
        sheet.text(45, 112 + 15 * place, label, 9.5, bold=True)
        sheet.text(160, 112 + 15 * place, value, 9.5)
    sheet.text(45, 178, "Emisor", 9.5, bold=True)
    sheet.block(45, 194, ["Almazara Luz Azul S.L.", "Camino de los Olivos 7", "23400 Úbeda", "NIF: B23765001"], 9.5)
    sheet.text(320, 178, "Cliente", 9.5, bold=True)
    sheet.block(320, 194, ["Mercado Gourmet Triana S.A.", "Calle Betis 112", "41010 Sevilla", "NIF: A41535006"], 9.5)
    columns = [
        Column("Concepto", 50),
        Column("Cantidad", 370, "right"),
        Column("Precio unitario", 465, "right"),
        Column("Importe", 545, "right"),
    ]
    sheet.box(45, 270, 550, 290)
    sheet.head(284, columns, 9)
    for line_number, line in enumerate(lines):
        y = 308.0 + 22 * line_number
        cells = [
            line.description,
            count(line.quantity),
            f"{german(line.unit_price)} €",
            f"{german(line.total)} €",
        ]
        sheet.row(y, columns, cells, 9)
    sheet.box(45, 290, 550, 384)
    y = 400.0
    for label, amount in (("Base imponible", net), ("IVA 10%", tax), ("Total factura", net + tax)):
        y += 18
        sheet.text(465, y, label, 10, bold=label == "Total factura", align="right")
        sheet.text(545, y, f"{german(amount)} €", 10, bold=label == "Total factura", align="right")
    sheet.text(45, 520, "Forma de pago: transferencia bancaria a 30 días", 9.5)
    sheet.text(45, 536, "IBAN: ES49 9912 0045 1300 1284 7733", 9.5)
    sheet.text(297, 800, "Gracias por confiar en nosotros.", 9, align="centre", font="Vera-Italic")
    return Sample(
        "invoices/almazara-F26-0093.pdf",
        sheet.pdf(),
        "written",
        document_type="invoice",
        fields={
            "number": "F26-0093",
            "issue_date": "2026-02-09",
            "due_date": "2026-03-11",
            "currency": "EUR",
            "seller": {
                "name": "Almazara Luz Azul S.L.",
                "address": "Camino de los Olivos 7, 23400 Úbeda",
                "vat_id": "B23765001",
            },
            "buyer": {
                "name": "Mercado Gourmet Triana S.A.",
                "address": "Calle Betis 112, 41010 Sevilla",
                "vat_id": "A41535006",
            },
            "iban": "ES4999120045130012847733",
            "net_total": net,
            "tax_total": tax,
            "grand_total": net + tax,
            "line_items": line_items(lines),
        },
    )
