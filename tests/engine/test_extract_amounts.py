"""Amounts that a document's own sums decide between."""

from __future__ import annotations

from engine.catalog import load_catalog
from engine.extract import extract
from tests.printed import printed

TYPES = load_catalog().types


def test_the_total_is_what_is_paid_after_rounding() -> None:
    """Where cash is rounded, the total before rounding is not the receipt's."""
    found = extract(
        printed("""
            CORNER CAFE
            Date: 03/04/2026
            Total incl. GST           12.03
            Rounding                  -0.03
            Total                     12.00
            Cash                      20.00
            Change                     8.00
        """),
        TYPES["receipt"],
    )
    assert (found["total"], found["cash"], found["change"]) == (12.0, 20.0, 8.0)


def test_words_behind_a_total_say_whether_tax_is_in_it() -> None:
    """`Total (incl. 19 % VAT)` and `Total excl. VAT` are two totals."""
    found = extract(
        printed("""
            Total excl. VAT              100.00
            VAT                           19.00
            Total (incl. 19 % VAT) EUR   119.00
        """),
        TYPES["invoice"],
    )
    assert (found["net_total"], found["tax_total"], found["grand_total"]) == (100.0, 19.0, 119.0)


def test_taxes_of_several_rates_add_up_to_the_tax_total() -> None:
    """No line states the sum, but net and total do."""
    found = extract(
        printed("""
            Summe netto           300,00
            MwSt. 7 %               7,00
            MwSt. 19 %             38,00
            Gesamtbetrag          345,00
        """),
        TYPES["invoice"],
    )
    assert found["tax_total"] == 45.0


def test_a_printed_amount_without_a_known_label_is_taken_where_the_sum_needs_it() -> None:
    """Total less tax stands on the page behind words that nothing knows."""
    found = extract(
        printed("""
            Sum of everything so far       412.00
            After goodwill                 406.00
            Sales tax                       28.42
            Invoice total                  434.42
        """),
        TYPES["invoice"],
    )
    assert found["net_total"] == 406.0


def test_an_amount_that_no_label_and_no_sum_names_is_null() -> None:
    """Numbers alone are not a total."""
    found = extract(printed("Invoice no. 77-1\n\n12.00    13.00    14.00"), TYPES["invoice"])
    assert found["grand_total"] is None
    assert found["net_total"] is None


def test_ocr_that_lost_the_point_is_outvoted_by_the_payment() -> None:
    """`8817` beside a payment of 88.17 is 88.17."""
    found = extract(printed("Total      RM 8817\nVisa       RM 88.17\nPump 7     2.23", source="ocr"), TYPES["receipt"])
    assert found["total"] == 88.17


def test_a_payment_printed_with_a_minus_is_what_was_paid() -> None:
    """Some tills print cash as negative."""
    found = extract(printed("Total   9.65\nCash   -50.00\nChange   40.35"), TYPES["receipt"])
    assert (found["total"], found["cash"], found["change"]) == (9.65, 50.0, 40.35)
