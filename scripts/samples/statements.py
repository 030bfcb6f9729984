"""Bank statements: a British one of two pages with money out and in in columns, a German one scanned, with signs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from scripts.samples.scan import Scanner, greys, saved, scan
from scripts.samples.sheet import GREY, Column, Sheet, english, german
from scripts.samples.truth import Sample

Booking = tuple[date, str, Decimal]

_COASTAL = [
    Column("Date", 45),
    Column("Description", 110),
    Column("Paid out", 380, "right"),
    Column("Paid in", 460, "right"),
    Column("Balance", 550, "right"),
]
_COASTAL_FIRST_PAGE = 24


def _bookings(month: int, *lines: tuple[int, str, str]) -> list[Booking]:
    return [(date(2026, month, day), text, Decimal(amount)) for day, text, amount in lines]


def _transactions(bookings: list[Booking], opening: Decimal, *, balances: bool) -> list[dict[str, Any]]:
    rows, balance = [], opening
    for day, text, amount in bookings:
        balance += amount
        row = {"date": day.isoformat(), "description": text, "amount": amount}
        rows.append({**row, "balance": balance} if balances else row)
    return rows


def coastal() -> Sample:
    """British: two pages, an account number with leading zeros, columns for money out and in, a running balance."""
    bookings = _bookings(
        2,
        (2, "Rent Harbour Street 12", "-1450.00"),
        (2, "Card payment Baytree Grocers", "-64.18"),
        (3, "Transfer from K Adeyemi", "250.00"),
        (4, "Direct debit Northern Water", "-38.75"),
        (4, "Card payment Pier Cafe", "-12.40"),
        (5, "Card payment Lantern Books", "-27.99"),
        (6, "Invoice 1182 Fairweather Design", "2400.00"),
        (6, "Card payment Rail tickets", "-86.50"),
        (9, "Direct debit Council tax", "-174.00"),
        (9, "Card payment Baytree Grocers", "-58.02"),
        (10, "Cash machine Market Square", "-100.00"),
        (11, "Standing order Savings", "-500.00"),
        (12, "Card payment Hollis Hardware", "-43.65"),
        (13, "Invoice 1183 Brindle & Co", "1875.50"),
        (13, "Card payment The Old Forge", "-71.30"),
        (16, "Card payment Baytree Grocers", "-61.47"),
        (16, "Direct debit Brightline Energy", "-129.80"),
        (17, "Card payment Petrol A64", "-68.21"),
        (18, "Refund Lantern Books", "14.99"),
        (19, "Direct debit Mobile phone", "-21.00"),
        (20, "Card payment Dr Moss Dental", "-82.00"),
        (20, "Invoice 1184 Fairweather Design", "12650.00"),
        (23, "Transfer to tax reserve", "-3800.00"),
        (23, "Card payment Baytree Grocers", "-55.36"),
        (24, "Direct debit Home insurance", "-31.42"),
        (25, "Card payment Sea View Hotel", "-240.00"),
        (26, "Card payment Pier Cafe", "-9.80"),
        (27, "Monthly account fee", "-7.50"),
        (27, "Credit interest", "3.08"),
    )
    opening = Decimal("3218.64")
    closing = opening + sum((amount for _, _, amount in bookings), Decimal())
    sheet = Sheet()
    sheet.about("Statement of account", "Coastal & Provincial Bank")
    sheet.text(45, 58, "Coastal & Provincial Bank", 18, bold=True)
    sheet.text(550, 58, "Bank statement", 15, align="right")
    sheet.block(45, 100, ["Account holder: Amara Lindley", "12 Harbour Street", "Whitby YO21 3PU"], 10)
    for place, (label, value) in enumerate(
        (
            ("Account number", "00482913"),
            ("Sort code", "40-21-85"),
            ("IBAN", "GB75 CSTL 4021 8500 4829 13"),
            ("Statement period", "1 February 2026 to 28 February 2026"),
        )
    ):
        sheet.text(290, 100 + 15 * place, label, 10, colour=GREY)
        sheet.text(380, 100 + 15 * place, value, 10)
    sheet.box(45, 176, 550, 206, fill=(0.89, 0.94, 0.96))
    sheet.text(55, 195, "Opening balance", 10)
    sheet.text(215, 195, f"£{english(opening)}", 10, bold=True, align="right")
    sheet.text(330, 195, "Closing balance", 10)
    sheet.text(490, 195, f"£{english(closing)}", 10, bold=True, align="right")
    y = _coastal_heading(sheet, 236)
    balance = opening
    for number, (day, text, amount) in enumerate(bookings):
        if number == _COASTAL_FIRST_PAGE:
            sheet.text(297, 815, "Page 1 of 2", 8, align="centre", colour=GREY)
            sheet.next_page()
            sheet.text(45, 52, "Coastal & Provincial Bank", 10, bold=True)
            sheet.text(550, 52, "Account number 00482913", 10, align="right")
            y = _coastal_heading(sheet, 86)
        balance += amount
        money = english(abs(amount))
        cells = [
            f"{day.day:02d} {day:%b} {day.year}",
            text,
            money if amount < 0 else "",
            money if amount > 0 else "",
            english(balance),
        ]
        sheet.row(y, _COASTAL, cells, 9.5)
        sheet.rule(y + 6, 45, 550, 0.25, GREY)
        y += 22
    sheet.text(297, 815, "Page 2 of 2", 8, align="centre", colour=GREY)
    return Sample(
        "statements/coastal-2026-02.pdf",
        sheet.pdf(),
        "written",
        document_type="bank_statement",
        fields={
            "bank_name": "Coastal & Provincial Bank",
            "account_holder": "Amara Lindley",
            "account_number": "00482913",
            "iban": "GB75CSTL40218500482913",
            "currency": "GBP",
            "period_start": "2026-02-01",
            "period_end": "2026-02-28",
            "opening_balance": opening,
            "closing_balance": closing,
            "transactions": _transactions(bookings, opening, balances=True),
        },
    )


def _coastal_heading(sheet: Sheet, y: float) -> float:
    sheet.head(y, _COASTAL, 9.5)
    sheet.rule(y + 6, 45, 550, 1)
    return y + 24


def isartal() -> Sample:
    """German: a grey PNG scan; one column of signed amounts with thousands points, no running balance."""
    bookings = _bookings(
        3,
        (2, "Miete Ladenlokal", "-1890.00"),
        (3, "Kartenumsätze Kasse", "3412.75"),
        (5, "Lastschrift Stadtwerke", "-246.31"),
        (9, "Gutschrift Hofmann OHG", "1158.20"),
        (12, "Überweisung Gehälter", "-5320.00"),
        (17, "Kartenumsätze Kasse", "4076.90"),
        (20, "Lastschrift Versicherung", "-187.45"),
        (26, "Umsatzsteuer Finanzamt", "-1264.00"),
        (31, "Kontoführung", "-14.90"),
    )
    opening = Decimal("8145.62")
    closing = opening + sum((amount for _, _, amount in bookings), Decimal())
    sheet = Sheet(font="Vera")
    sheet.text(55, 72, "Volkskasse Isartal eG", 18, bold=True)
    sheet.text(540, 72, "Kontoauszug", 18, bold=True, align="right")
    sheet.rule(82, 55, 540, 2)
    sheet.block(55, 118, ["Kontoinhaber", "IBAN", "Zeitraum", "Währung"], 10.5, 19)
    sheet.block(
        175,
        118,
        ["Blumenhaus Seidl e.K.", "DE23 9903 3045 0088 1200 67", "01.03.2026 bis 31.03.2026", "EUR"],
        10.5,
        19,
    )
    columns = [Column("Buchungstag", 55), Column("Verwendungszweck", 165), Column("Betrag EUR", 540, "right")]
    sheet.head(226, columns, 10.5)
    sheet.rule(234, 55, 540, 1.2)
    sheet.text(165, 258, "Alter Kontostand", 10.5, bold=True)
    sheet.text(540, 258, german(opening), 10.5, bold=True, align="right")
    y = 284.0
    for day, text, amount in bookings:
        sign = "-" if amount < 0 else "+"
        sheet.row(y, columns, [f"{day:%d.%m.%Y}", text, f"{sign}{german(abs(amount))}"], 10.5)
        y += 25
    sheet.rule(y - 10, 55, 540, 1.2)
    sheet.text(165, y + 12, "Neuer Kontostand", 10.5, bold=True)
    sheet.text(540, y + 12, german(closing), 10.5, bold=True, align="right")
    sheet.text(55, y + 70, "Bitte prüfen Sie die Buchungen und melden Sie Einwendungen binnen sechs Wochen.", 9)
    image = scan(sheet.pdf(), Scanner(dpi=150, skew=0.7, grain=2.5, shade=10, paper=250, ink=40, blur=0.4, seed=331))
    return Sample(
        "scans/kontoauszug-isartal.png",
        saved(greys(image, 8), "PNG", optimize=True),
        "written",
        document_type="bank_statement",
        fields={
            "bank_name": "Volkskasse Isartal eG",
            "account_holder": "Blumenhaus Seidl e.K.",
            "iban": "DE23990330450088120067",
            "currency": "EUR",
            "period_start": "2026-03-01",
            "period_end": "2026-03-31",
            "opening_balance": opening,
            "closing_balance": closing,
            "transactions": _transactions(bookings, opening, balances=False),
        },
    )
