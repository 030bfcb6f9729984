"""Purchase orders: a British one, a German one that states no tax, and a form that was filled in and scanned."""

from __future__ import annotations

from decimal import Decimal

from scripts.samples.scan import Scanner, saved, scan
from scripts.samples.sheet import GREY, Column, Sheet, count, english, german
from scripts.samples.truth import Sample, items, line_items


def pennine() -> Sample:
    """British: number with leading zeros, supplier and place of delivery side by side, VAT below."""
    lines = items(
        ("Steel tube 40 x 40 x 3 mm, 6 m", "120", "41.30"),
        ("Flat bar 50 x 8 mm, 6 m", "80", "27.65"),
        ("Welding wire, 15 kg spool", "18", "52.00"),
        ("Zinc primer, 20 l", "10", "138.40"),
    )
    net = sum((line.total for line in lines), Decimal())
    tax = (net * 20 / 100).quantize(Decimal("0.01"))
    sheet = Sheet(font="Times-Roman", bold="Times-Bold")
    sheet.about("Purchase order 007731", "Pennine Gate Fabrications Ltd")
    sheet.text(50, 60, "Pennine Gate Fabrications Ltd", 16, bold=True)
    sheet.block(50, 78, ["Mill Lane Works, Halifax HX1 5QN", "VAT registration GB221970324"], 10)
    sheet.text(545, 60, "PURCHASE ORDER", 18, bold=True, align="right")
    for place, (label, value) in enumerate(
        (("PO number:", "007731"), ("Order date:", "10 March 2026"), ("Delivery date:", "24 March 2026"))
    ):
        sheet.text(385, 84 + 15 * place, label, 11)
        sheet.text(545, 84 + 15 * place, value, 11, align="right")
    sheet.rule(136, 50, 545, 2)
    sheet.text(50, 158, "Supplier", 11, bold=True)
    sheet.block(50, 174, ["Ashworth Steel Stockholders", "Canal Road", "Bradford BD1 4AX"], 11)
    sheet.text(310, 158, "Deliver to", 11, bold=True)
    sheet.block(310, 174, ["Goods inwards, gate 2", "Mill Lane Works", "Halifax HX1 5QN"], 11)
    columns = [
        Column("Line", 50),
        Column("Description", 90),
        Column("Quantity", 355, "right"),
        Column("Unit price", 445, "right"),
        Column("Total GBP", 545, "right"),
    ]
    sheet.head(246, columns, 11)
    sheet.rule(252, 50, 545, 1)
    y = 270.0
    for number, line in enumerate(lines, start=1):
        cells = [
            str(number * 10),
            line.description,
            count(line.quantity),
            english(line.unit_price),
            english(line.total),
        ]
        sheet.row(y, columns, cells, 11)
        y += 20
    sheet.rule(y - 8, 50, 545, 1)
    for label, amount in (("Net total", net), ("VAT 20%", tax), ("Order total", net + tax)):
        y += 16
        sheet.text(445, y, label, 11, bold=label == "Order total", align="right")
        sheet.text(545, y, english(amount), 11, bold=label == "Order total", align="right")
    sheet.block(
        50,
        y + 50,
        ["Please confirm this order within two working days and quote", "our PO number on all papers.", "", ""],
        11,
    )
    sheet.text(50, y + 116, "Authorised by: R. Holroyd, Purchasing", 11)
    return Sample(
        "orders/pennine-PO-007731.pdf",
        sheet.pdf(),
        "written",
        document_type="purchase_order",
        fields={
            "number": "007731",
            "issue_date": "2026-03-10",
            "delivery_date": "2026-03-24",
            "currency": "GBP",
            "buyer": {
                "name": "Pennine Gate Fabrications Ltd",
                "address": "Mill Lane Works, Halifax HX1 5QN",
                "vat_id": "GB221970324",
            },
            "seller": {"name": "Ashworth Steel Stockholders", "address": "Canal Road, Bradford BD1 4AX"},
            "net_total": net,
            "tax_total": tax,
            "grand_total": net + tax,
            "line_items": line_items(lines),
        },
    )


def talblick() -> Sample:
    """German: an order that states its net value only, so that tax and total stay empty."""
    lines = items(
        ("Edelstahlblech 1.4301, 2 mm", "60", "84.50"),
        ("Dichtungssatz DN 50", "200", "6.15"),
        ("Kugelhahn DN 50, PN 40", "48", "117.25"),
    )
    net = sum((line.total for line in lines), Decimal())
    sheet = Sheet()
    sheet.about("Bestellung 4500012873", "Talblick Anlagenbau AG")
    sheet.box(50, 40, 545, 74, fill=(0.13, 0.22, 0.38))
    sheet.text(62, 63, "Talblick Anlagenbau AG", 16, bold=True, colour=(1, 1, 1))
    sheet.text(50, 92, "Am Wehr 17 · 88212 Ravensburg · USt-IdNr. DE814776004", 9, colour=GREY)
    sheet.text(50, 128, "Lieferant", 9, colour=GREY)
    sheet.block(50, 144, ["Rohrhandel Nordsee GmbH", "Speicherstraße 4", "26122 Oldenburg"], 11)
    sheet.text(50, 222, "Bestellung", 18, bold=True)
    for place, (label, value) in enumerate(
        (("Bestellnummer", "4500012873"), ("Bestelldatum", "05.03.2026"), ("Liefertermin", "27.03.2026"))
    ):
        sheet.text(50 + 165 * place, 250, label, 9, colour=GREY)
        sheet.text(50 + 165 * place, 265, value, 11, bold=True)
    columns = [
        Column("Pos", 56),
        Column("Artikel", 95),
        Column("Menge", 350, "right"),
        Column("Einzelpreis EUR", 450, "right"),
        Column("Gesamt EUR", 540, "right"),
    ]
    for edge in (296.0, 316.0, *(316.0 + 24 * (row + 1) for row in range(len(lines)))):
        sheet.rule(edge, 50, 545, 0.5)
    for side in (50.0, 88.0, 300.0, 356.0, 456.0, 545.0):
        sheet.line(side, 296, side, 316 + 24 * len(lines), 0.5)
    sheet.head(310, columns, 9.5)
    for row, line in enumerate(lines):
        cells = [
            str(row + 1),
            line.description,
            count(line.quantity),
            german(line.unit_price),
            german(line.total),
        ]
        sheet.row(332 + 24 * row, columns, cells, 10)
    y = 316.0 + 24 * len(lines) + 26
    sheet.text(450, y, "Nettobetrag EUR", 11, bold=True, align="right")
    sheet.text(540, y, german(net), 11, bold=True, align="right")
    sheet.block(
        50,
        y + 44,
        [
            "Lieferung frei Werk Ravensburg, Tor 3. Bitte bestätigen Sie den Liefertermin",
            "und geben Sie auf allen Papieren unsere Bestellnummer an.",
            "",
            "Mit freundlichen Grüßen",
            "Einkauf, Sabine Kolb",
        ],
        10.5,
    )
    return Sample(
        "orders/talblick-bestellung-4500012873.pdf",
        sheet.pdf(),
        "written",
        document_type="purchase_order",
        fields={
            "number": "4500012873",
            "issue_date": "2026-03-05",
            "delivery_date": "2026-03-27",
            "currency": "EUR",
            "buyer": {
                "name": "Talblick Anlagenbau AG",
                "address": "Am Wehr 17, 88212 Ravensburg",
                "vat_id": "DE814776004",
            },
            "seller": {"name": "Rohrhandel Nordsee GmbH", "address": "Speicherstraße 4, 26122 Oldenburg"},
            "net_total": net,
            "line_items": line_items(lines),
        },
    )


def meadowbrook() -> Sample:
    """English: a school's order form in a ruled box, scanned askew into a WebP."""
    lines = items(
        ("Exercise books A4, pack of 50", "30", "18.40"),
        ("Whiteboard markers, box", "25", "9.60"),
        ("Microscope, 400x", "4", "236.00"),
    )
    total = sum((line.total for line in lines), Decimal())
    sheet = Sheet(font="Vera")
    sheet.text(297, 70, "Meadowbrook College", 19, bold=True, align="centre")
    sheet.text(297, 88, "Elm Road, Reading RG1 9ZZ", 10, align="centre")
    sheet.text(297, 124, "Purchase Order", 17, bold=True, align="centre")
    for x0, x1, label, value in (
        (55.0, 215.0, "Order number", "MC-5582"),
        (215.0, 378.0, "Order date", "16/02/2026"),
        (378.0, 540.0, "Delivery date", "02/03/2026"),
    ):
        sheet.box(x0, 146, x1, 188)
        sheet.text(x0 + 8, 161, label, 9)
        sheet.text(x0 + 8, 180, value, 12)
    sheet.box(55, 188, 540, 262)
    sheet.text(63, 204, "Vendor", 9)
    sheet.block(63, 222, ["Classroom Direct Supplies", "20 Foundry Way", "Swindon SN1 8YY"], 11)
    columns = [
        Column("Description", 63),
        Column("Qty", 340, "right"),
        Column("Unit price", 435, "right"),
        Column("Amount", 532, "right"),
    ]
    sheet.box(55, 282, 540, 304)
    sheet.head(298, columns, 10.5)
    for row, line in enumerate(lines):
        cells = [line.description, count(line.quantity), f"£{english(line.unit_price)}", f"£{english(line.total)}"]
        sheet.row(326 + 26 * row, columns, cells, 10.5)
    sheet.box(55, 304, 540, 312 + 26 * len(lines))
    y = 340.0 + 26 * len(lines)
    sheet.text(435, y, "Order total", 12, bold=True, align="right")
    sheet.text(532, y, f"£{english(total)}", 12, bold=True, align="right")
    sheet.text(63, y + 60, "Approved by: J. Okafor, Bursar", 11)
    image = scan(sheet.pdf(), Scanner(dpi=160, skew=-1.6, grain=5, shade=22, paper=242, ink=40, blur=0.6, seed=5582))
    return Sample(
        "scans/meadowbrook-order.webp",
        saved(image, "WEBP", quality=45, method=4),
        "written",
        document_type="purchase_order",
        fields={
            "number": "MC-5582",
            "issue_date": "2026-02-16",
            "delivery_date": "2026-03-02",
            "currency": "GBP",
            "buyer": {"name": "Meadowbrook College", "address": "Elm Road, Reading RG1 9ZZ"},
            "seller": {"name": "Classroom Direct Supplies", "address": "20 Foundry Way, Swindon SN1 8YY"},
            "grand_total": total,
            "line_items": line_items(lines),
        },
    )
