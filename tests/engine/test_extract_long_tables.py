"""Tables over pages: position numbers, figures within descriptions, lines carried over, dates of several words."""

from __future__ import annotations

from typing import Any

import pytest

from engine.catalog import load_catalog
from engine.extract import extract
from tests.printed import printed

TYPES = load_catalog().types

FIRST = """
    Harrow Fittings Ltd                                            Invoice HF-2210
    3 Quay Street, Bristol BS1 4EX

    Bill to                                                        Invoice date   4 May 2026
    Orchard House Trust
    12 Mill Lane, Bath BA1 1AA

    Item   Description                                   Qty    Unit price      Amount
    001    Bench: oak top 120 x 60 cm                      2        210.00      420.00
    002    Shelf, pack of 10                               3         15.50       46.50
    003    Lamp 40 W, 230 V                                4         22.00       88.00
           Carried over                                                         554.50
"""
SECOND = """
    Harrow Fittings Ltd                                            Invoice HF-2210

    Item   Description                                   Qty    Unit price      Amount
           Brought forward                                                      554.50
    004    Cable 5 m                                       1          9.50        9.50
    005    Delivery                                        1         36.00       36.00

                                                   Net total                    600.00
                                                   VAT 20 %                     120.00
                                                   Grand total                  720.00
                                                   Amount due GBP               720.00
"""


@pytest.fixture(scope="module")
def invoice() -> dict[str, Any]:
    return extract(printed(FIRST, SECOND), TYPES["invoice"])


def test_position_numbers_stay_out_of_descriptions_and_figures_within_stay(invoice: dict[str, Any]) -> None:
    """The numbers of an item column belong to no description; sizes and counts inside a description do."""
    assert [line["description"] for line in invoice["line_items"]] == [
        "Bench: oak top 120 x 60 cm",
        "Shelf, pack of 10",
        "Lamp 40 W, 230 V",
        "Cable 5 m",
        "Delivery",
    ]


def test_a_table_goes_on_on_the_next_page(invoice: dict[str, Any]) -> None:
    """What is carried over and brought forward between the pages is no line item."""
    assert [(line["quantity"], line["unit_price"], line["line_total"]) for line in invoice["line_items"]] == [
        (2, 210, 420),
        (3, 15.5, 46.5),
        (4, 22, 88),
        (1, 9.5, 9.5),
        (1, 36, 36),
    ]


def test_the_table_below_is_no_part_of_an_address(invoice: dict[str, Any]) -> None:
    """A buyer's address ends with the buyer's block."""
    assert (invoice["buyer"]["name"], invoice["buyer"]["address"]) == (
        "Orchard House Trust",
        "12 Mill Lane, Bath BA1 1AA",
    )


def test_a_currency_in_a_label_is_part_of_the_label(invoice: dict[str, Any]) -> None:
    """`Amount due GBP` labels the amount behind the currency."""
    assert (invoice["amount_due"], invoice["currency"]) == (720, "GBP")


def test_an_only_total_that_says_net_is_the_net_total() -> None:
    """An order that states no tax has its `Nettobetrag EUR` and nothing else."""
    order = extract(
        printed("""
            Bestellung Nr. 4711-20                              Datum 03.02.2026

            Pos.  Bezeichnung                 Menge    Einzelpreis     Betrag
            10    Dichtung DN 40                100           2,50     250,00
            20    Flansch DN 50                  10          20,00     200,00

                                              Nettobetrag EUR          450,00
        """),
        TYPES["purchase_order"],
    )
    assert (order["net_total"], order["tax_total"]) == (450, None)


STATEMENT = (
    """
    Harbour Savings Bank
    Statement of account

    Account holder      Iris Pellow
    Statement period    1 March 2026 to 31 March 2026
    Currency            GBP

    Date            Description                    Paid out      Paid in      Balance
    1 March 2026    Opening balance                                            500.00
    2 March 2026    Rent Oakfield                    300.00                    200.00
    5 March 2026    Salary Brook & Co                           1,000.00     1,200.00

    Page 1 of 2
    """,
    """
    Harbour Savings Bank

    Date            Description                    Paid out      Paid in      Balance
    9 March 2026    Card 4417 Grocer                  50.00                  1,150.00
    31 March 2026   Closing balance                                          1,150.00

    Page 2 of 2
    """,
)


@pytest.fixture(scope="module")
def statement() -> dict[str, Any]:
    return extract(printed(*STATEMENT), TYPES["bank_statement"])


def test_the_year_of_a_date_is_no_part_of_the_description(statement: dict[str, Any]) -> None:
    """Dates of three words are one cell; the number of the page is no cell at all."""
    assert [(line["date"], line["description"], line["amount"]) for line in statement["transactions"]] == [
        ("2026-03-02", "Rent Oakfield", -300),
        ("2026-03-05", "Salary Brook & Co", 1000),
        ("2026-03-09", "Card 4417 Grocer", -50),
    ]


def test_a_period_is_two_dates(statement: dict[str, Any]) -> None:
    """One label stands before the first and the last day of a statement."""
    assert (statement["period_start"], statement["period_end"]) == ("2026-03-01", "2026-03-31")


def test_a_bank_names_itself_at_the_top(statement: dict[str, Any]) -> None:
    """The bank is who the letterhead names, not the title of the paper."""
    assert statement["bank_name"] == "Harbour Savings Bank"


def test_a_minus_behind_an_amount_is_its_sign() -> None:
    """Statements print `640,00 -` for what leaves the account, with or without the space."""
    found = extract(
        printed("""
            Raiffeisenkasse Moosach eG
            Kontoauszug Nr. 3/2026

            Zeitraum: 01.03.2026 - 31.03.2026

            Buchungstag   Verwendungszweck                  Betrag EUR
            28.02.2026    Alter Kontostand                  1.000,00 +
            02.03.2026    Miete                               640,00 -
            09.03.2026    Strom                                 60,00-
            15.03.2026    Gehalt                            2.100,00 +
            31.03.2026    Neuer Kontostand                  2.400,00 +
        """),
        TYPES["bank_statement"],
    )
    assert [line["amount"] for line in found["transactions"]] == [-640, -60, 2100]
    assert (found["opening_balance"], found["closing_balance"]) == (1000, 2400)


def test_figures_that_stand_askew_keep_their_order() -> None:
    """A quantity printed nearer to the next heading than to its own is still the quantity: the left of the two."""
    found = extract(
        printed("""
            Plumb & Pipe Ltd                                  Invoice 8817
            6 Weir Road, Exeter EX2 4AB                       Date 4 May 2026

            Description                    Qty        Unit price       Total
            Sink                                     4      62           248
            Boiler                                   2      82           164

                                                      Total due      $412.00
        """),
        TYPES["invoice"],
    )
    assert [(line["quantity"], line["unit_price"]) for line in found["line_items"]] == [(4, 62), (2, 82)]
