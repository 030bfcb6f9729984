"""Where labels and their values stand."""

from __future__ import annotations

from typing import Any

import pytest

from engine.catalog import load_catalog
from engine.extract import extract
from engine.extract.context import context_of
from engine.extract.lexicon import label_index
from tests.printed import printed

TYPES = load_catalog().types


def invoice(page: str) -> dict[str, Any]:
    return extract(printed(page), TYPES["invoice"])


@pytest.mark.parametrize(
    "page",
    [
        "Invoice number: 20-77",
        "Invoice number              20-77",
        "Invoice number\n20-77",
        "Invoice number 20-77 Date: 04.05.2026",
        "INVOICE NO.   Date\n20-77         04.05.2026",
        "Rechnungs-Nr.: 20-77",
        "Invoice # 20-77",
        "Invoice 20-77",
    ],
)
def test_a_value_stands_behind_beside_or_below_its_label(page: str) -> None:
    """The usual places, in forms and in running text."""
    assert invoice(page)["number"] == "20-77"


def test_values_in_a_row_below_their_labels_stay_apart() -> None:
    """Each value belongs to the label above it."""
    found = invoice("Invoice no.    Invoice date    Due date\nA-17           02.03.2026      01.04.2026")
    assert (found["number"], found["issue_date"], found["due_date"]) == ("A-17", "2026-03-02", "2026-04-01")


def test_the_longer_label_wins() -> None:
    """The date in `delivery date` labels no invoice date."""
    found = invoice("Delivery date: 01.02.2026\nDate: 03.02.2026")
    assert found["issue_date"] == "2026-02-03"


def test_a_label_within_a_word_is_none() -> None:
    """`Kunde` in `Art-Nr-Kunde` leads to no buyer, `DE` in an IBAN to no seller."""
    labels = context_of(printed("Art-Nr-Kunde   DE89370400440532013000"), label_index()).labels
    assert not any(set(label.concepts) & {"buyer", "seller"} for label in labels)


def test_labels_that_ocr_has_almost_right_are_found_in_scans_only() -> None:
    """One wrong letter in a long label is OCR's; a PDF's own text says what it says."""
    page = "lnvoice nvmber: 20-77"
    assert extract(printed(page, source="ocr"), TYPES["invoice"])["number"] == "20-77"
    assert extract(printed(page), TYPES["invoice"])["number"] is None


def test_a_tilted_line_stays_one_line() -> None:
    """Words are chained to their neighbour, so that a line may climb across the page."""
    reading = printed("Total      12.50")
    page = reading.pages[0]
    climbing = tuple(
        type(word)(word.text, word.x0, word.y0 - 4 * number, word.x1, word.y1 - 4 * number)
        for number, word in enumerate(page.words)
    )
    tilted = type(reading)((type(page)(page.width, page.height, climbing, (), "text"),))
    assert extract(tilted, TYPES["receipt"])["total"] == 12.5


def test_a_date_on_the_titles_line_is_the_documents() -> None:
    """`Rechnung Nr. 7 vom …` dates the invoice, whatever other dates come first."""
    found = invoice("Stand vom 01.01.2024\nRechnung Nr. 77-1 vom 05.03.2026\nBestellung vom 01.03.2026")
    assert (found["number"], found["issue_date"]) == ("77-1", "2026-03-05")


def test_an_empty_reading_gives_every_property_null() -> None:
    """The shape of the schema is kept when nothing was read."""
    found = extract(printed(""), TYPES["invoice"])
    assert found["seller"] == {"name": None, "address": None, "vat_id": None}
    assert found["line_items"] == []
    assert {value for value in found.values() if not isinstance(value, dict | list)} == {None}
