"""Invoices in the languages of the lexicon, held to every value."""

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


def test_french_invoice(types: Types) -> None:
    """Net, tax, what was paid before and what remains are told apart; a description goes on below its line."""
    page = """
        Menuiserie Delorme SARL                                        FACTURE
        12 rue des Tanneurs
        37000 Tours                                   Facture n° :   F2026-041
        Tél. 02 47 55 01 23                           Date :         4 mars 2026
        TVA intracommunautaire : FR09987000122        Échéance :     3 avril 2026

                                                      Cabinet Rousseau & Fils
                                                      8 avenue Foch
                                                      75116 Paris

        Désignation                      Qté     P.U. HT      TVA     Montant HT
        Bibliothèque sur mesure            1     1 850,00     20 %      1 850,00
        en chêne massif
        Pose et livraison                  6        45,00     20 %        270,00

                                                     Total HT         2 120,00 €
                                                     TVA 20 %           424,00 €
                                                     Total TTC        2 544,00 €
                                                     Acompte versé      500,00 €
                                                     Net à payer      2 044,00 €

        IBAN : FR76 3000 6000 0112 3456 7890 189
    """
    assert extract(printed(page), types["invoice"]) == {
        "number": "F2026-041",
        "issue_date": "2026-03-04",
        "due_date": "2026-04-03",
        "currency": "EUR",
        "seller": {
            "name": "Menuiserie Delorme SARL",
            "address": "12 rue des Tanneurs, 37000 Tours",
            "vat_id": "FR09987000122",
        },
        "buyer": {"name": "Cabinet Rousseau & Fils", "address": "8 avenue Foch, 75116 Paris", "vat_id": None},
        "iban": "FR7630006000011234567890189",
        "net_total": 2120.0,
        "tax_total": 424.0,
        "grand_total": 2544.0,
        "amount_due": 2044.0,
        "line_items": [
            {
                "description": "Bibliothèque sur mesure en chêne massif",
                "quantity": 1.0,
                "unit_price": 1850.0,
                "line_total": 1850.0,
            },
            {"description": "Pose et livraison", "quantity": 6.0, "unit_price": 45.0, "line_total": 270.0},
        ],
    }


def test_italian_invoice(types: Types) -> None:
    """The number and the date stand in the title, the recipient below `Spett.le`."""
    page = """
        Officine Bellini S.r.l.
        Via Garibaldi 14 - 20121 Milano
        P.IVA 09870000123

        Spett.le
        Studio Tecnico Verdi
        Corso Roma 3
        10121 Torino

        Fattura n. 87/2026 del 12/02/2026           Scadenza: 14/03/2026

        Descrizione                    Quantità   Prezzo unitario   IVA    Importo
        Revisione pompa idraulica          2            310,00      22%     620,00
        Guarnizioni                       10              4,50      22%      45,00

                                                    Imponibile             665,00
                                                    IVA 22%                146,30
                                                    Totale fattura EUR     811,30
    """
    assert extract(printed(page), types["invoice"]) == {
        "number": "87/2026",
        "issue_date": "2026-02-12",
        "due_date": "2026-03-14",
        "currency": "EUR",
        "seller": {
            "name": "Officine Bellini S.r.l.",
            "address": "Via Garibaldi 14 - 20121 Milano",
            "vat_id": "09870000123",
        },
        "buyer": {"name": "Studio Tecnico Verdi", "address": "Corso Roma 3, 10121 Torino", "vat_id": None},
        "iban": None,
        "net_total": 665.0,
        "tax_total": 146.3,
        "grand_total": 811.3,
        "amount_due": None,
        "line_items": [
            {"description": "Revisione pompa idraulica", "quantity": 2.0, "unit_price": 310.0, "line_total": 620.0},
            {"description": "Guarnizioni", "quantity": 10.0, "unit_price": 4.5, "line_total": 45.0},
        ],
    }


def test_dutch_invoice(types: Types) -> None:
    """Currency signs stand apart from their amounts; the letterhead has a heading above it."""
    page = """
        FACTUUR

        Bakkerij Zonneveld B.V.                         Factuurnummer: 2026-0091
        Molenstraat 5                                   Factuurdatum: 17-03-2026
        3511 AB Utrecht                                 Vervaldatum: 16-04-2026
        KvK 30123456
        BTW-nummer: NL987000007B01

        Factuuradres:
        Café De Brug
        Kade 12
        3512 CD Utrecht

        Omschrijving              Aantal       Prijs      Bedrag
        Zuurdesembrood                40    €   2,75    € 110,00
        Croissants                   120    €   1,10    € 132,00

                                        Subtotaal       € 242,00
                                        BTW 9%          €  21,78
                                        Totaal          € 263,78
        Gelieve te betalen op IBAN NL91 ABNA 0417 1643 00 t.n.v. Bakkerij Zonneveld
    """
    assert extract(printed(page), types["invoice"]) == {
        "number": "2026-0091",
        "issue_date": "2026-03-17",
        "due_date": "2026-04-16",
        "currency": "EUR",
        "seller": {
            "name": "Bakkerij Zonneveld B.V.",
            "address": "Molenstraat 5, 3511 AB Utrecht",
            "vat_id": "NL987000007B01",
        },
        "buyer": {"name": "Café De Brug", "address": "Kade 12, 3512 CD Utrecht", "vat_id": None},
        "iban": "NL91ABNA0417164300",
        "net_total": 242.0,
        "tax_total": 21.78,
        "grand_total": 263.78,
        "amount_due": None,
        "line_items": [
            {"description": "Zuurdesembrood", "quantity": 40.0, "unit_price": 2.75, "line_total": 110.0},
            {"description": "Croissants", "quantity": 120.0, "unit_price": 1.1, "line_total": 132.0},
        ],
    }


def test_portuguese_invoice(types: Types) -> None:
    """Dates are ISO already; nothing names the currency, so it is null."""
    page = """
        Casa do Azulejo, Lda
        Rua das Flores 88
        4050-265 Porto
        NIF: 598700005

        Fatura nº FT 2026/115                          Exmo.(s) Sr.(s)
        Data: 2026-02-20                               Hotel Beira-Mar S.A.
        Vencimento: 2026-03-22                         Avenida da Liberdade 10
                                                       1250-142 Lisboa

        Descrição              Quantidade    Preço unitário     Total
        Azulejo pintado 15x15         200             3,20     640,00
        Cola para azulejo               5            12,40      62,00

                                       Total líquido            702,00
                                       IVA 23%                  161,46
                                       Total a pagar            863,46
    """
    assert extract(printed(page), types["invoice"]) == {
        "number": "FT 2026/115",
        "issue_date": "2026-02-20",
        "due_date": "2026-03-22",
        "currency": None,
        "seller": {
            "name": "Casa do Azulejo, Lda",
            "address": "Rua das Flores 88, 4050-265 Porto",
            "vat_id": "598700005",
        },
        "buyer": {
            "name": "Hotel Beira-Mar S.A.",
            "address": "Avenida da Liberdade 10, 1250-142 Lisboa",
            "vat_id": None,
        },
        "iban": None,
        "net_total": 702.0,
        "tax_total": 161.46,
        "grand_total": 863.46,
        "amount_due": 863.46,
        "line_items": [
            {"description": "Azulejo pintado 15x15", "quantity": 200.0, "unit_price": 3.2, "line_total": 640.0},
            {"description": "Cola para azulejo", "quantity": 5.0, "unit_price": 12.4, "line_total": 62.0},
        ],
    }


def test_american_invoice(types: Types) -> None:
    """On US letter paper with dollars, 03/05/2026 is the fifth of March; hours are a quantity."""
    page = """
                                 BRIGHTWATER CONSULTING LLC
                          2400 Harbor Blvd, Suite 300, Oakland, CA 94607
                          billing@brightwaterconsulting.com | (510) 555-0134

        INVOICE

        Bill To:                              Invoice #      BW-10442
        Pinecrest School District             Date           03/05/2026
        Attn: Accounts Payable                Terms          Net 30
        77 Elm St                             Due Date       04/04/2026
        Fresno, CA 93701

        Hours   Description                        Rate        Amount
        12.5    Network assessment              $150.00     $1,875.00
        3       On-site workshop                $400.00     $1,200.00

                                               Subtotal     $3,075.00
                                               Tax (8.5%)     $261.38
                                               TOTAL        $3,336.38
                                               Paid           $500.00
                                               Balance Due  $2,836.38
    """
    assert extract(printed(page, size=US_LETTER), types["invoice"]) == {
        "number": "BW-10442",
        "issue_date": "2026-03-05",
        "due_date": "2026-04-04",
        "currency": "USD",
        "seller": {
            "name": "BRIGHTWATER CONSULTING LLC",
            "address": "2400 Harbor Blvd, Suite 300, Oakland, CA 94607",
            "vat_id": None,
        },
        "buyer": {"name": "Pinecrest School District", "address": "77 Elm St, Fresno, CA 93701", "vat_id": None},
        "iban": None,
        "net_total": 3075.0,
        "tax_total": 261.38,
        "grand_total": 3336.38,
        "amount_due": 2836.38,
        "line_items": [
            {"description": "Network assessment", "quantity": 12.5, "unit_price": 150.0, "line_total": 1875.0},
            {"description": "On-site workshop", "quantity": 3.0, "unit_price": 400.0, "line_total": 1200.0},
        ],
    }


def test_german_letter(types: Types) -> None:
    """The sender is the line above the address window, the recipient the block in it."""
    page = """
        Gartenbau Lindemann e.K. · Ahornweg 3 · 48143 Münster

        Frau                                        Kundennummer     10233
        Petra Sommer                                Rechnungsnr.     R-2026-55
        Tulpengasse 9                               Datum            28.02.2026
        48147 Münster                               Lieferdatum      20.02.2026

        Rechnung

        Sehr geehrte Frau Sommer,
        wir erlauben uns, Ihnen folgende Leistungen in Rechnung zu stellen:

        Pos.  Bezeichnung                 Menge  Einheit   Einzelpreis    Gesamtpreis
        1     Hecke schneiden, ca. 40 m    8,00  Std.          42,00 €       336,00 €
        2     Entsorgung Grünschnitt       1,00  pauschal      85,00 €        85,00 €

                                                      Nettobetrag            421,00 €
                                                      zzgl. 19 % MwSt.        79,99 €
                                                      Gesamtbetrag           500,99 €

        Bitte überweisen Sie den Betrag bis zum 14.03.2026 auf folgendes Konto:
        Sparkasse Münsterland Ost, IBAN DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX
        Steuernummer 337/5123/0456
    """
    assert extract(printed(page), types["invoice"]) == {
        "number": "R-2026-55",
        "issue_date": "2026-02-28",
        "due_date": "2026-03-14",
        "currency": "EUR",
        "seller": {
            "name": "Gartenbau Lindemann e.K.",
            "address": "Ahornweg 3, 48143 Münster",
            "vat_id": "337/5123/0456",
        },
        "buyer": {"name": "Frau Petra Sommer", "address": "Tulpengasse 9, 48147 Münster", "vat_id": None},
        "iban": "DE89370400440532013000",
        "net_total": 421.0,
        "tax_total": 79.99,
        "grand_total": 500.99,
        "amount_due": None,
        "line_items": [
            {"description": "Hecke schneiden, ca. 40 m", "quantity": 8.0, "unit_price": 42.0, "line_total": 336.0},
            {"description": "Entsorgung Grünschnitt", "quantity": 1.0, "unit_price": 85.0, "line_total": 85.0},
        ],
    }
