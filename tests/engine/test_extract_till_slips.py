"""Slips of tills: lines without a heading, quantities in front, totals with a currency, tax that is included."""

from __future__ import annotations

from typing import Any

from engine.catalog import load_catalog
from engine.extract import extract
from tests.printed import printed

TYPES = load_catalog().types
SMALL = (250.0, 500.0)


def lines_of(data: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (line["description"], line["quantity"], line["unit_price"], line["line_total"]) for line in data["line_items"]
    ]


def test_lines_with_quantity_name_price_and_amount() -> None:
    """Without a heading, the arithmetic tells quantity and price from the amount."""
    found = extract(
        printed(
            """
                MEADOW FOODS
              4 Market Row, York YO1 8AA

            14/03/2026            10:42
            3 APPLES        0.50   1.50
            1 BREAD         2.20   2.20
            2 MILK 1 PINT   0.80   1.60

            TOTAL                  5.30
            CARD                   5.30
            """,
            size=SMALL,
        ),
        TYPES["receipt"],
    )
    assert lines_of(found) == [("APPLES", 3, 0.5, 1.5), ("BREAD", 1, 2.2, 2.2), ("MILK 1 PINT", 2, 0.8, 1.6)]


def test_a_times_sign_between_quantity_and_name() -> None:
    """`2 x Suppe 4,50 9,00` is two soups."""
    found = extract(
        printed(
            """
               Gasthaus Krone
            Marktplatz 1, 89073 Ulm

            Datum 14.03.2026
            2 x Suppe         4,50    9,00
            1 x Braten       16,00   16,00

            Summe EUR                25,00
            """,
            size=SMALL,
        ),
        TYPES["receipt"],
    )
    assert lines_of(found) == [("Suppe", 2, 4.5, 9), ("Braten", 1, 16, 16)]


def test_a_total_in_a_currency_and_the_tax_it_includes() -> None:
    """`TOTAL GBP` is the total; `includes VAT` says how much of it is tax."""
    found = extract(
        printed(
            """
               The Brass Pot
            9 Hill Street, Derby DE1 1AB

            14/03/2026            10:42
            Coffee                 4.00
            Lunch menu            20.00

            TOTAL GBP             24.00
            includes VAT           4.00
            """,
            size=SMALL,
        ),
        TYPES["receipt"],
    )
    assert (found["total"], found["tax_total"], found["currency"]) == (24, 4, "GBP")
