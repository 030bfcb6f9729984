"""Senders whose address shares its line: with a name above the address window, a telephone, a tax number."""

from __future__ import annotations

from engine.catalog import load_catalog
from engine.extract import extract
from tests.printed import printed

TYPES = load_catalog().types


def test_the_line_above_the_address_window_names_sender_and_address() -> None:
    """`Name · street · town` in one line is the sender's, the lines under it the addressee's."""
    found = extract(
        printed("""
            Tischlerei Ahrens GmbH · Werkstraße 4 · 24103 Kiel

            Frau
            Jutta Petersen
            Am Hang 7
            24105 Kiel

            Rechnung 2026-18                         Datum: 12.01.2026

            Pos.  Bezeichnung                 Menge    Einzelpreis     Betrag
            1     Regal                           1         200,00     200,00

                                              Netto                    200,00
                                              USt. 19 %                 38,00
                                              Gesamtbetrag EUR         238,00
        """),
        TYPES["invoice"],
    )
    assert (found["seller"]["name"], found["seller"]["address"]) == (
        "Tischlerei Ahrens GmbH",
        "Werkstraße 4, 24103 Kiel",
    )
    assert found["buyer"]["address"] == "Am Hang 7, 24105 Kiel"


def test_a_telephone_behind_an_address_is_no_part_of_it() -> None:
    """An address ends where `Tel.` begins on the same line."""
    found = extract(
        printed("""
            Malerbetrieb Kroll GmbH
            Eschenweg 21, 50667 Köln  Tel. 0221 5550147

            Rechnung Nr. 88-2026                     Datum: 12.01.2026
            Rechnung an
            Hausverwaltung Brandt
            Ringstraße 2, 50670 Köln

            Bezeichnung                 Menge    Einzelpreis     Betrag
            Anstrich Treppenhaus            1         400,00     400,00

                                        Netto                    400,00
                                        USt. 19 %                 76,00
                                        Gesamtbetrag             476,00
        """),
        TYPES["invoice"],
    )
    assert found["seller"]["address"] == "Eschenweg 21, 50667 Köln"


def test_an_address_between_name_and_tax_number_on_one_line() -> None:
    """Of `Name · street · town · USt-IdNr. …` the parts between are the address."""
    found = extract(
        printed("""
            Kessel & Rohr AG
            Kessel & Rohr AG · Industrieweg 9 · 70565 Stuttgart · USt-IdNr. DE136695976

            Bestellung Nr. 4711-20                              Datum 03.02.2026
            Lieferant
            Dichtungswerk Lahr GmbH
            Talstraße 3
            77933 Lahr

            Pos.  Bezeichnung                 Menge    Einzelpreis     Betrag
            10    Dichtung DN 40                100           2,50     250,00

                                              Nettobetrag EUR          250,00
        """),
        TYPES["purchase_order"],
    )
    assert (found["buyer"]["name"], found["buyer"]["address"]) == (
        "Kessel & Rohr AG",
        "Industrieweg 9, 70565 Stuttgart",
    )
    assert found["seller"]["address"] == "Talstraße 3, 77933 Lahr"


def test_an_address_of_several_lines_keeps_its_first() -> None:
    """A building or an estate above the street belongs to the address."""
    found = extract(
        printed("""
            Dale Council                                        Purchase order PO-5521
                                                                Date 3 February 2026
            Supplier
            Moor Timber Ltd
            Unit 6, Station Works
            Canal Road
            Leeds LS12 2QR

            Item   Description                Qty    Unit price      Amount
            1      Fence post                  10          8.00       80.00

                                              Net total               80.00
        """),
        TYPES["purchase_order"],
    )
    assert found["seller"]["address"] == "Unit 6, Station Works, Canal Road, Leeds LS12 2QR"
