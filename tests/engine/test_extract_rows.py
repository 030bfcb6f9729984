"""Line items: headings, rows, and what belongs to a row."""

from __future__ import annotations

from typing import Any

from engine.catalog import load_catalog
from engine.documents import Page, Reading
from engine.extract import extract
from tests.printed import printed

TYPES = load_catalog().types


def items(*pages: str, document_type: str = "invoice") -> list[tuple[Any, ...]]:
    found = extract(printed(*pages), TYPES[document_type])["line_items"]
    return [tuple(row.values()) for row in found]


def test_a_description_goes_on_below_its_row() -> None:
    """Lines without figures belong to the row above them, until the totals."""
    assert items("""
        Description              Qty    Price    Amount
        Oak shelf                  2    40.00     80.00
        oiled, with brackets
        Screws                     1     5.00      5.00
        Total                                     85.00
    """) == [("Oak shelf oiled, with brackets", 2.0, 40.0, 80.0), ("Screws", 1.0, 5.0, 5.0)]


def test_names_above_their_figures_are_read_with_them() -> None:
    """As on slips, where the name has a line of its own."""
    assert items("""
        Description        Qty    Price    Amount
        Green tea
                            2      1.00      2.00
        Noodle soup
                            1     12.80     12.80
        Total                               14.80
    """) == [("Green tea", 2.0, 1.0, 2.0), ("Noodle soup", 1.0, 12.8, 12.8)]


def test_headings_on_two_lines_are_read_together() -> None:
    """`Unit` over `price` is one heading."""
    assert items("""
                                Unit       Line
        Description      Qty    price      total
        Paint              3     7.50      22.50
    """) == [("Paint", 3.0, 7.5, 22.5)]


def test_of_two_amounts_the_one_that_the_product_proves_is_taken() -> None:
    """Gross and net prices stand side by side: quantity times price tells which belongs to the total."""
    assert items("""
        Description     Unit price    Net price    Qty    Amount
        Steel tube           10.50        10.00      6     60.00
        Bolt                  1.20         1.00      5      5.00
    """) == [("Steel tube", 6.0, 10.0, 60.0), ("Bolt", 5.0, 1.0, 5.0)]


def test_a_price_left_of_the_quantity_is_no_quantity() -> None:
    """The columns' order follows the headings."""
    assert items("""
        Beschreibung         Nettopreis     Menge      Betrag
        Kugelhahn                 43,20     3 Std      129,60
    """) == [("Kugelhahn", 3.0, 43.2, 129.6)]


def test_a_table_goes_on_on_the_next_page() -> None:
    """With its headings again, and with a line that carries the sum over, which is no item."""
    first = """
        Description       Qty    Price    Amount
        Desk                1   649.00    649.00
        Carried over                      649.00
    """
    second = """
        Description       Qty    Price    Amount
        Carried over                      649.00
        Chair               4   318.50  1,274.00
        Total                           1,923.00
    """
    assert items(first, second) == [("Desk", 1.0, 649.0, 649.0), ("Chair", 4.0, 318.5, 1274.0)]


def test_another_table_ends_the_first() -> None:
    """A summary of taxes below the items has headings of its own."""
    assert items("""
        Description       Qty    Price    Amount
        Desk                1   649.00    649.00

        Tax rate     Net amount    Tax amount    Gross amount
        20 %             649.00        129.80          778.80
    """) == [("Desk", 1.0, 649.0, 649.0)]


def test_units_and_currencies_beside_figures_are_left_out() -> None:
    """`8 Unit(s)` is eight, `€ 2.321,00` an amount."""
    assert items("""
        Artikel             Aantal       Prijs per stuk      Bedrag
        Laptop              2 stuks         € 2.321,00     € 4.642,00
    """) == [("Laptop", 2.0, 2321.0, 4642.0)]


def test_numbers_within_a_description_stay_there() -> None:
    """Sizes and pack counts are no quantities."""
    assert items("""
        Description               Qty    Price    Amount
        Desk 160 x 80 cm            2   300.00    600.00
        Water 12 x 1,0l PET        20     5.49    109.80
    """) == [("Desk 160 x 80 cm", 2.0, 300.0, 600.0), ("Water 12 x 1,0l PET", 20.0, 5.49, 109.8)]


def test_tables_that_the_reader_found_by_their_rules_are_used() -> None:
    """Cells keep apart what the position on the page does not."""
    table = (("Item", "Requested\n(A)greed Qty", "Unit\nprice", "Line total"), ("Bolt\nM8", "6", "0.50", "3.00"))
    reading = printed("Order 7001")
    page = reading.pages[0]
    ruled = Reading((Page(page.width, page.height, page.words, (table,)),))
    found = extract(ruled, TYPES["purchase_order"])["line_items"]
    assert [tuple(row.values()) for row in found] == [("Bolt M8", 6.0, 0.5, 3.0)]


def test_sums_are_no_rows_in_ruled_tables() -> None:
    """The rows end where a label of a total begins one."""
    table = (("Description", "Amount"), ("Cleaning", "90.00"), ("Subtotal", "90.00"), ("VAT", "18.00"))
    reading = Reading((Page(595, 842, printed("Invoice 1").pages[0].words, (table,)),))
    found = extract(reading, TYPES["invoice"])["line_items"]
    assert [row["description"] for row in found] == ["Cleaning"]


def test_plain_lines_with_amounts_are_items_on_slips_only() -> None:
    """An invoice's letters and sums without headings are no table."""
    page = """
        Coffee                    2.80
        Cake                      3.10
        Total                     5.90
    """
    assert [row[0] for row in items(page, document_type="receipt")] == ["Coffee", "Cake"]
    assert items(page) == []


def test_a_quantity_in_front_of_a_name_is_not_part_of_it() -> None:
    """`2 Flat white` is two of them."""
    assert items("2 Flat white    3.40    6.80\nTotal    6.80", document_type="receipt") == [
        ("Flat white", 2.0, 3.4, 6.8)
    ]
