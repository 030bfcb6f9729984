"""Parties: letterheads, labelled blocks, addressees, shops, and whose a tax number is."""

from __future__ import annotations

from typing import Any

import pytest

from engine.catalog import load_catalog
from engine.extract import extract, names
from tests.printed import printed

TYPES = load_catalog().types


def invoice(page: str) -> dict[str, Any]:
    return extract(printed(page), TYPES["invoice"])


def test_a_web_site_confirms_the_issuer() -> None:
    """Of two names without a legal form the one that the site is called after is the seller."""
    found = invoice("""
        Harbour Lights                          INVOICE
        North Wing
        www.harbourlights.example

        Bill to: Jane Miller
    """)
    assert found["seller"]["name"] == "Harbour Lights"
    assert found["buyer"]["name"] == "Jane Miller"


def test_an_imprint_at_the_foot_names_the_issuer() -> None:
    """Where the head has the addressee only, the company's seat and registers at the foot tell who writes."""
    found = invoice(
        "No. 1"
        + "\n" * 8
        + """
                                           Atelier Brun
                                           27 rue Henri
                                           69100 Villeurbanne

        Facture n° 2026089
        """
        + "\n" * 45
        + """
                        PRESSE DU RHONE
        Siège social : 16 rue Mollien - 92100 BOULOGNE
        """
    )
    assert found["seller"]["name"] == "PRESSE DU RHONE"
    assert found["buyer"]["name"] == "Atelier Brun"


def test_a_party_in_a_form_is_read_from_its_name_line() -> None:
    """Below the label stand numbers and names, each with a word of its own."""
    found = invoice("""
        Verkäufer
        Nummer:          549910
        Name:            Industrieservice Nord GmbH
        Anschrift:       Erfurter Strasse 13

        Käufer
        Nummer:          16259
        Name:            Beratung Süd GmbH
    """)
    assert found["seller"]["name"] == "Industrieservice Nord GmbH"
    assert found["buyer"]["name"] == "Beratung Süd GmbH"


def test_tax_numbers_belong_to_the_party_in_whose_block_they_stand() -> None:
    """The one below the buyer's name is the buyer's, the one at the foot the seller's."""
    found = invoice("""
        Lumen Lighting Ltd
        5 Quay Road, Bristol BS1 6XN

        Invoice to:
        Nova Hotel GmbH
        Ringstraße 2
        10115 Berlin
        VAT ID: DE136695976

        VAT No: GB987001217
    """)
    assert found["seller"]["vat_id"] == "GB987001217"
    assert found["buyer"]["vat_id"] == "DE136695976"


def test_the_buyers_own_label_keeps_a_tax_number_from_the_seller() -> None:
    """`Customer VAT number` is never the issuer's."""
    found = invoice("""
        Lumen Lighting Ltd
        Customer VAT number: DE136695976
    """)
    assert found["seller"]["vat_id"] is None
    assert found["buyer"]["vat_id"] == "DE136695976"


def test_on_an_order_the_letterhead_is_the_buyers() -> None:
    """The type's `x-role` turns the parties round."""
    found = extract(
        printed("""
            Weaver Mills Ltd                  PURCHASE ORDER
            Mill Lane 4, Halifax HX1 5QN

            Supplier
            Ashworth Steel Ltd
            Bradford BD1 4AX
        """),
        TYPES["purchase_order"],
    )
    assert (found["buyer"]["name"], found["seller"]["name"]) == ("Weaver Mills Ltd", "Ashworth Steel Ltd")


def test_a_shop_is_the_company_rather_than_its_brand() -> None:
    """The registered company's line wins, without its registration number."""
    found = extract(
        printed("""
            Welcome to
            SUNNY MART
            Golden Harvest Trading Sdn Bhd (383322-D)
            12, Jalan Mawar 3
            40150 Shah Alam
            TAX INVOICE
            Total    3.00
        """),
        TYPES["receipt"],
    )
    assert found["merchant"]["name"] == "Golden Harvest Trading Sdn Bhd"
    assert found["merchant"]["address"] == "12, Jalan Mawar 3, 40150 Shah Alam"


def test_a_company_name_on_two_lines_is_one() -> None:
    """A line with nothing but a legal form ends the name above it."""
    found = extract(printed("PAPER WORLD\nCO. (M) SDN BHD\n8, Jalan Tun\n56000 Kuala\nTotal   3.00"), TYPES["receipt"])
    assert found["merchant"]["name"] == "PAPER WORLD CO. (M) SDN BHD"


@pytest.mark.parametrize(
    "name",
    [
        "Nordlicht GmbH",
        "Krug & Sohn GmbH & Co. KG",
        "Harbour Ltd.",
        "Delorme SARL",
        "Bellini S.r.l.",
        "Ibarra S.A.",
        "Zon B.V.",
    ],
)
def test_legal_forms_are_recognised(name: str) -> None:
    """In several countries' ways of writing them."""
    assert names.ends_with_legal_form(name)


@pytest.mark.parametrize("text", ["as soon as possible", "se puede", "The company", "Limited"])
def test_words_that_look_like_legal_forms_are_none(text: str) -> None:
    """Small letters in a sentence, or nothing before them."""
    assert not names.ends_with_legal_form(text) or names.only_legal_form(text)


@pytest.mark.parametrize(
    "text", ["12 High Street", "Bahnstr. 42", "Rue de la Paix 5", "48143 Münster", "Leeds LS1 4DY", "Fresno, CA 93701"]
)
def test_lines_of_addresses_are_recognised(text: str) -> None:
    """Streets with numbers, and towns with postcodes."""
    assert names.is_address(text)
