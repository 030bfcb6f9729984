"""Orders, receipts and bank statements, held to every value."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.catalog import load_catalog
from engine.documents import DocumentType
from engine.extract import extract
from tests.printed import printed

Types = Mapping[str, DocumentType]
US_LETTER = (612.0, 792.0)


@pytest.fixture(scope="module")
def types() -> Types:
    """The types as they are shipped."""
    return load_catalog().types


def test_spanish_order(types: Types) -> None:
    """The letterhead of an order is the buyer, the labelled party the seller."""
    page = """
        Talleres Ibarra S.A.                                 ORDEN DE COMPRA
        Polígono Norte 22, 48160 Derio                       Nº de pedido: OC-5521
        CIF: A48000129                                       Fecha: 06/03/2026
                                                             Fecha de entrega: 20/03/2026

        Proveedor:
        Suministros Industriales Ebro S.L.
        Calle Mayor 4
        50001 Zaragoza

        Código    Descripción               Cantidad    Precio unitario    Importe
        TR-08     Tornillo hexagonal M8         1000               0,12     120,00
        AR-08     Arandela plana M8             1000               0,05      50,00

                                                    Base imponible          170,00
                                                    IVA 21%                  35,70
                                                    Total pedido EUR        205,70
    """
    assert extract(printed(page), types["purchase_order"]) == {
        "number": "OC-5521",
        "issue_date": "2026-03-06",
        "delivery_date": "2026-03-20",
        "currency": "EUR",
        "buyer": {"name": "Talleres Ibarra S.A.", "address": "Polígono Norte 22, 48160 Derio", "vat_id": "A48000129"},
        "seller": {
            "name": "Suministros Industriales Ebro S.L.",
            "address": "Calle Mayor 4, 50001 Zaragoza",
            "vat_id": None,
        },
        "net_total": 170.0,
        "tax_total": 35.7,
        "grand_total": 205.7,
        "line_items": [
            {"description": "Tornillo hexagonal M8", "quantity": 1000.0, "unit_price": 0.12, "line_total": 120.0},
            {"description": "Arandela plana M8", "quantity": 1000.0, "unit_price": 0.05, "line_total": 50.0},
        ],
    }


def test_french_receipt(types: Types) -> None:
    """Quantity and price stand before the goods; cash and change are told from the total."""
    page = """
               BOULANGERIE PASTEL
               14 place du Marché
               69002 LYON
               Tél 04 78 00 11 22
            Ticket n° 004512
            18/03/2026 08:12

            2 x 1,10 PAIN AU CHOCOLAT   2,20
            1 x 1,30 BAGUETTE TRAD      1,30
            CAFE CREME                  2,80

            TOTAL EUR                   6,30
            dont TVA 5,5%               0,33
            ESPECES                    10,00
            RENDU                       3,70
            Merci et à bientôt
    """
    assert extract(printed(page), types["receipt"]) == {
        "merchant": {"name": "BOULANGERIE PASTEL", "address": "14 place du Marché, 69002 LYON", "tax_id": None},
        "number": "004512",
        "date": "2026-03-18",
        "time": "08:12",
        "currency": "EUR",
        "subtotal": None,
        "tax_total": 0.33,
        "total": 6.3,
        "payment_method": "cash",
        "cash": 10.0,
        "change": 3.7,
        "line_items": [
            {"description": "PAIN AU CHOCOLAT", "quantity": 2.0, "unit_price": 1.1, "line_total": 2.2},
            {"description": "BAGUETTE TRAD", "quantity": 1.0, "unit_price": 1.3, "line_total": 1.3},
            {"description": "CAFE CREME", "quantity": None, "unit_price": None, "line_total": 2.8},
        ],
    }


def test_british_receipt(types: Types) -> None:
    """Weighed goods have their name above their figures; the count of items is no item."""
    page = """
                GREENFIELDS STORES LTD
                101 High Street
                Leeds LS1 4DY
                VAT No GB 987 0012 17

           Milk semi 2L               1.85
           Bread wholemeal            1.40
           Eggs x12                   3.10
           Bananas
             0.842 kg @ 0.95/kg       0.80
           --------------------------------
           4 items
           SUBTOTAL                   7.15
           TOTAL                      7.15
           CARD                       7.15
           12 Mar 2026 18:42  Till 3
    """
    assert extract(printed(page), types["receipt"]) == {
        "merchant": {
            "name": "GREENFIELDS STORES LTD",
            "address": "101 High Street, Leeds LS1 4DY",
            "tax_id": "GB987001217",
        },
        "number": None,
        "date": "2026-03-12",
        "time": "18:42",
        "currency": None,
        "subtotal": 7.15,
        "tax_total": None,
        "total": 7.15,
        "payment_method": "card",
        "cash": None,
        "change": None,
        "line_items": [
            {"description": "Milk semi 2L", "quantity": None, "unit_price": None, "line_total": 1.85},
            {"description": "Bread wholemeal", "quantity": None, "unit_price": None, "line_total": 1.4},
            {"description": "Eggs x12", "quantity": None, "unit_price": None, "line_total": 3.1},
            {"description": "Bananas", "quantity": 0.842, "unit_price": 0.95, "line_total": 0.8},
        ],
    }


def test_german_statement(types: Types) -> None:
    """S and H are signs; the years of the rows come from the period; balances are no movements."""
    page = """
        Volksbank Niederrhein eG                         Kontoauszug 3/2026
                                                         Konto 4711 0815 00
                                                         IBAN DE02 1203 0000 0000 2020 51
        Herrn
        Max Beispiel
        Musterweg 1
        47051 Duisburg

        Zeitraum: 01.03.2026 - 31.03.2026                Beträge in EUR

        Buchungstag  Valuta   Buchungstext                          Betrag
                     Alter Kontostand                           1.250,00 H
        02.03.       02.03.   Miete Hausverwaltung Krüger         850,00 S
        05.03.       05.03.   Gehalt Beispiel AG                2.400,00 H
        15.03.       16.03.   Kartenzahlung Supermarkt             64,20 S
                              Duisburg Zentrum
                     Neuer Kontostand                           2.735,80 H
    """
    assert extract(printed(page), types["bank_statement"]) == {
        "bank_name": "Volksbank Niederrhein eG",
        "account_holder": "Herrn Max Beispiel",
        "account_number": "4711 0815 00",
        "iban": "DE02120300000000202051",
        "currency": "EUR",
        "period_start": "2026-03-01",
        "period_end": "2026-03-31",
        "opening_balance": 1250.0,
        "closing_balance": 2735.8,
        "transactions": [
            {"date": "2026-03-02", "description": "Miete Hausverwaltung Krüger", "amount": -850.0, "balance": None},
            {"date": "2026-03-05", "description": "Gehalt Beispiel AG", "amount": 2400.0, "balance": None},
            {
                "date": "2026-03-15",
                "description": "Kartenzahlung Supermarkt Duisburg Zentrum",
                "amount": -64.2,
                "balance": None,
            },
        ],
    }


def test_french_statement(types: Types) -> None:
    """Debits and credits become signed amounts; thousands are parted by a space."""
    page = """
        Banque du Littoral                                RELEVÉ DE COMPTE
        Titulaire : Mme Claire Morel
        Compte n° 00012345678
        Période du 01/02/2026 au 28/02/2026

        Date     Libellé                              Débit       Crédit
                 SOLDE INITIAL                                  1 020,50
        03/02    VIREMENT SALAIRE                               2 100,00
        05/02    PRLV LOYER                          780,00
        12/02    CB PHARMACIE DU PORT                 23,40
                 SOLDE FINAL                                    2 317,10
    """
    assert extract(printed(page), types["bank_statement"]) == {
        "bank_name": "Banque du Littoral",
        "account_holder": "Mme Claire Morel",
        "account_number": "00012345678",
        "iban": None,
        "currency": None,
        "period_start": "2026-02-01",
        "period_end": "2026-02-28",
        "opening_balance": 1020.5,
        "closing_balance": 2317.1,
        "transactions": [
            {"date": "2026-02-03", "description": "VIREMENT SALAIRE", "amount": 2100.0, "balance": None},
            {"date": "2026-02-05", "description": "PRLV LOYER", "amount": -780.0, "balance": None},
            {"date": "2026-02-12", "description": "CB PHARMACIE DU PORT", "amount": -23.4, "balance": None},
        ],
    }


def test_american_statement(types: Types) -> None:
    """Withdrawals are negative; the holder is the addressee."""
    page = """
        First Harbor Bank                              Statement of Account
        PO Box 1200, Portland, ME 04101

        JANE Q PUBLIC                                  Account Number: 000123456789
        45 Cedar Lane                                  Statement Period: 01/01/2026 through 01/31/2026
        Bath, ME 04530

        Beginning Balance        $2,500.00
        Ending Balance           $2,914.15

        Date      Description                    Withdrawals     Deposits      Balance
        01/05     Payroll deposit                                1,200.00     3,700.00
        01/09     Rent check 1042                     750.00                  2,950.00
        01/20     Grocery Outlet                       35.85                  2,914.15
    """
    assert extract(printed(page, size=US_LETTER), types["bank_statement"]) == {
        "bank_name": "First Harbor Bank",
        "account_holder": "JANE Q PUBLIC",
        "account_number": "000123456789",
        "iban": None,
        "currency": "USD",
        "period_start": "2026-01-01",
        "period_end": "2026-01-31",
        "opening_balance": 2500.0,
        "closing_balance": 2914.15,
        "transactions": [
            {"date": "2026-01-05", "description": "Payroll deposit", "amount": 1200.0, "balance": 3700.0},
            {"date": "2026-01-09", "description": "Rent check 1042", "amount": -750.0, "balance": 2950.0},
            {"date": "2026-01-20", "description": "Grocery Outlet", "amount": -35.85, "balance": 2914.15},
        ],
    }
