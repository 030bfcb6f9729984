"""Identification: the shipped types in four languages, what is none of them, types of a user, and the confidences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.documents import DocumentType, Identification, Page, Reading, Word
from engine.identify import identify


def shipped() -> list[DocumentType]:
    """The types that come with the engine."""
    files = sorted((Path(engine.__file__).parent / "types").glob("*.json"))
    return [document_type(**json.loads(path.read_text(encoding="utf-8"))) for path in files]


def document_type(code: str, name: str, description: str = "A type.", **more: Any) -> DocumentType:
    return DocumentType(
        id=code,
        code=code,
        name=name,
        description=description,
        json_schema=more.get("jsonSchema", {"type": "object", "properties": {}}),
        identify_hints=more.get("identifyHints", {}),
        title_hints=tuple(more.get("titleHints", ())),
    )


def sheet(text: str, columns: int = 90) -> Reading:
    """A page of typed text: a character is six points wide, `|` parts cells, a line that starts with `#` is large."""
    words: list[Word] = []
    y = 40.0
    for line in text.strip().splitlines():
        size = 2.0 if line.startswith("#") else 1.0
        cells = line.removeprefix("#").split("|")
        for index, cell in enumerate(cells):
            x = 30.0 + index * columns * 6 / len(cells)
            for piece in cell.split():
                words.append(Word(piece, x, y, x + 6 * size * len(piece), y + 11 * size))
                x += 6 * size * (len(piece) + 0.6)
        y += 14 * size
    return Reading((Page(60.0 + columns * 6, max(842.0, y + 40), tuple(words)),))


def slip(text: str) -> Reading:
    """A till slip: 34 characters across."""
    return sheet(text, columns=34)


DOCUMENTS = {
    "invoice": [
        sheet("""
Northwind Tools Ltd|#
#Invoice
Bill to|Invoice number: 2024-117
Ms Ada Green|Invoice date: 4 March 2024
12 Hill Road|Due date: 3 April 2024
Description|Quantity|Unit price|Amount
Hammer|2|10.00|20.00
Total|||20.00
Payment terms: 30 days"""),
        sheet("""
Müller & Söhne GmbH
Frau Klara Weiß
#Rechnung
Rechnungsnummer: R-881|Rechnungsdatum: 04.03.2024
Menge|Bezeichnung|Einzelpreis|Gesamt
2|Hammer|10,00|20,00
Nettobetrag|20,00
zzgl. 19 % MwSt.|3,80
Zahlbar bis 18.03.2024, IBAN DE89 3704 0044 0532 0130 00"""),
        sheet("""
Ferretería Sol S.L.
#Factura
Número de factura: 55/2024|Fecha de factura: 04/03/2024
Cliente: Ana Ruiz|Vencimiento: 03/04/2024
Cantidad|Descripción|Precio unitario|Importe
2|Martillo|10,00|20,00
Base imponible|20,00
IVA 21 %|4,20
Total a pagar|24,20"""),
        sheet("""
Quincaillerie Dubois
#FACTURE N° 2024-031
Facturé à : Mme Leroy|Date de facture : 04/03/2024
Quantité|Désignation|Prix unitaire|Total
2|Marteau|10,00|20,00
Total HT|20,00
TVA 20 %|4,00
Net à payer|24,00
Échéance : 03/04/2024"""),
    ],
    "receipt": [
        slip("""
CORNER SHOP
12 Hill Road
04/03/2024 12:41 Cashier: Ann
Apples|3.20
Bread|2.80
TOTAL|6.00
CASH|10.00
CHANGE|4.00
Thank you, please come again"""),
        slip("""
TAX INVOICE
KEDAI MAJU SDN BHD
GST ID: 001234567890
Date: 04/03/2024
Invoice No: 00123
Milk 1 x 5.00|5.00
Rounding|0.00
Total|5.00
Cash|10.00
Change|5.00"""),
        slip("""
Bäckerei Korn
Bon-Nr. 1182 Kasse 2
04.03.2024 07:12
Brot|3,20
Summe EUR|3,20
Bar|5,00
Rückgeld|1,80
Vielen Dank für Ihren Einkauf"""),
        slip("""
CAFÉ LUNA
Ticket 552 Mesa 4
04/03/2024 10:05
Café con leche|1,80
Total|1,80
Efectivo|2,00
Cambio|0,20
Gracias por su visita"""),
        slip("""
BOULANGERIE DU PONT
Caisse 1 Ticket 8812
04/03/2024 08:15
Croissant|1,30
Total TTC|1,30
Espèces|2,00
Rendu|0,70
Merci de votre visite"""),
    ],
    "purchase_order": [
        sheet("""
Harbour Hotels plc
#Purchase Order
PO number: 4500123|Order date: 2024-03-04
Vendor: Northwind Tools|Ship to: Harbour Hotels, Dock 3
Requested delivery date: 2024-03-20
Item|Quantity|Unit price|Amount
Hammer|20|10.00|200.00
Authorized by: J. Ford"""),
        sheet("""
Hafenhotel AG
#Bestellung
Bestellnummer: 4500123|Bestelldatum: 04.03.2024
Lieferant: Müller & Söhne GmbH|Liefertermin: 20.03.2024
Lieferanschrift: Kai 3, Hamburg
Menge|Bezeichnung|Einzelpreis|Summe
20|Hammer|10,00|200,00"""),
        sheet("""
Hoteles del Puerto S.A.
#Orden de compra
Número de pedido: 4500123|Fecha del pedido: 04/03/2024
Proveedor: Ferretería Sol|Fecha de entrega: 20/03/2024
Cantidad|Descripción|Precio unitario|Importe
20|Martillo|10,00|200,00"""),
        sheet("""
Hôtels du Port SA
#Bon de commande
Numéro de commande : 4500123|Date de commande : 04/03/2024
Fournisseur : Quincaillerie Dubois|Date de livraison : 20/03/2024
Quantité|Désignation|Prix unitaire|Total
20|Marteau|10,00|200,00"""),
    ],
    "bank_statement": [
        sheet("""
First Harbour Bank
#Account statement
Account number 12345678|Statement period 1 March to 31 March 2024
Date|Description|Paid out|Paid in|Balance
Opening balance||||1,000.00
02/03/2024|Card payment shop|20.00||980.00
09/03/2024|Salary||2,000.00|2,980.00
15/03/2024|Rent|900.00||2,080.00
Closing balance||||2,080.00"""),
        sheet("""
Hafenbank
#Kontoauszug
Kontoinhaber: Klara Weiß|IBAN DE89 3704 0044 0532 0130 00
Buchungstag|Wertstellung|Text|Umsatz
Alter Kontostand|||1.000,00
02.03.2024|02.03.2024|Kartenzahlung|-20,00
09.03.2024|09.03.2024|Gehalt|2.000,00
Neuer Kontostand|||2.980,00"""),
        sheet("""
Banco del Puerto
#Extracto de cuenta
Titular de la cuenta: Ana Ruiz|Número de cuenta ES91 2100 0418 4502 0005 1332
Fecha|Fecha valor|Concepto|Importe|Saldo
Saldo anterior||||1.000,00
02/03/2024|02/03/2024|Compra|-20,00|980,00
Saldo final||||980,00"""),
        sheet("""
Banque du Port
#Relevé de compte
Titulaire du compte : Mme Leroy|Numéro de compte 00012345678
Date|Date de valeur|Opération|Débit|Crédit
Ancien solde||||1 000,00
02/03/2024|02/03/2024|Achat carte|20,00|
Nouveau solde||||980,00"""),
    ],
    "other": [
        sheet("""
Dear Ms Green,
thank you for your letter of last week. We have looked into the matter and would like to meet you.
Please let us know which day of next week suits you, and whether you would rather come here.
We are sorry for the delay, and hope that the invoice and the order can both be settled soon after.
Kind regards"""),
        sheet("""
#Quotation
Quotation number Q-77|Valid until 30 April 2024
Description|Quantity|Unit price|Amount
Hammer|2|10.00|20.00
Total|||20.00"""),
        sheet("""
#Lieferschein
Lieferschein-Nr. 123|Datum 04.03.2024
Menge|Bezeichnung
2|Hammer
Ware erhalten: ______________"""),
        sheet("""
#Curriculum vitae
Ada Green|ada@example.org
Education|University of the North, 2010 to 2014
Experience|Engineer, Northwind Tools, since 2015
Languages|English, German"""),
        sheet(""),
    ],
}


@pytest.mark.parametrize(
    ("code", "reading"),
    [
        pytest.param(code, reading, id=f"{code}-{n}")
        for code, kind in DOCUMENTS.items()
        for n, reading in enumerate(kind)
    ],
)
def test_documents_are_told_apart(code: str, reading: Reading) -> None:
    """English, German, Spanish and French documents of each shipped type, and some of none, are identified."""
    assert identify(reading, shipped()).document_type.code == code


@pytest.mark.parametrize("code", ["invoice", "receipt", "purchase_order", "bank_statement"])
def test_a_plain_case_is_sure_enough_to_go_on(code: str) -> None:
    """A document with its title and usual labels has a confidence of at least 0.9."""
    assert identify(DOCUMENTS[code][0], shipped()).document_type.confidence >= 0.9


def test_a_document_between_two_types_is_for_review() -> None:
    """Labels of an invoice under the title of an order leave the confidence below 0.9."""
    mixed = sheet("""
#Purchase order
Order date: 2024-03-04|Vendor: Northwind
Invoice number: 2024-117|Invoice date: 4 March 2024
Bill to: Ada Green|Due date: 3 April 2024
Total|20.00""")
    assert identify(mixed, shipped()).document_type.confidence < 0.9


def test_alternatives_hold_every_candidate_and_other_ranked() -> None:
    """The winner comes first, `other` is among them, and the confidences add up to one."""
    found = identify(DOCUMENTS["invoice"][0], shipped())
    confidences = [candidate.confidence for candidate in found.alternatives]
    assert found.alternatives[0] == found.document_type
    assert {c.code for c in found.alternatives} == {t.code for t in shipped()} | {"other"}
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1.0, abs=0.001)


def test_only_the_candidates_given_can_win() -> None:
    """An invoice among candidates without invoices is none of them."""
    candidates = [t for t in shipped() if t.code != "invoice"]
    assert identify(DOCUMENTS["invoice"][1], candidates).document_type.code == "other"


def test_no_candidates_is_a_mistake_of_the_caller() -> None:
    """There is nothing to choose from."""
    with pytest.raises(ValueError, match="candidate"):
        identify(DOCUMENTS["invoice"][0], [])


DELIVERY_NOTE = sheet("""
Northwind Tools Ltd
#Delivery note
Delivery note number: 881|Date: 4 March 2024
Carrier: Fast Lorries|Parcels: 2
Hammer|2
Received by: ______________""")


def of(found: Identification, code: str) -> float:
    return next(candidate.confidence for candidate in found.alternatives if candidate.code == code)


def test_a_type_without_hints_is_known_by_its_name_and_fields() -> None:
    """A user's type needs no more than a name and a schema to win over the shipped ones."""
    fields = {"number": {"title": "Delivery note number"}, "carrier": {"title": "Carrier"}, "received_by": {}}
    note = document_type("delivery_note", "Delivery note", jsonSchema={"type": "object", "properties": fields})
    found = identify(DELIVERY_NOTE, [*shipped(), note])
    assert found.document_type.code == "delivery_note"
    assert identify(DOCUMENTS["invoice"][0], [*shipped(), note]).document_type.code == "invoice"
    assert identify(DOCUMENTS["other"][0], [*shipped(), note]).document_type.code == "other"


def test_hints_of_a_user_make_a_type_surer() -> None:
    """Weighted phrases add to what the name says."""
    plain = document_type("note", "Delivery note", identifyHints={"delivery note": 2.0})
    hinted = document_type(
        "note", "Delivery note", identifyHints={"delivery note": 2.0, "carrier": 2.0, "received by": 2.0}
    )
    assert of(identify(DELIVERY_NOTE, [hinted]), "note") > of(identify(DELIVERY_NOTE, [plain]), "note")


def test_negative_hints_speak_against_a_type() -> None:
    """A phrase with a weight below zero lowers the confidence."""
    plain = document_type("note", "Delivery note", identifyHints={"carrier": 2.0})
    warned = document_type("note", "Delivery note", identifyHints={"carrier": 2.0, "parcels": -3.0})
    assert of(identify(DELIVERY_NOTE, [warned]), "note") < of(identify(DELIVERY_NOTE, [plain]), "note")


def test_a_title_with_a_bang_speaks_against_a_type() -> None:
    """A heading that a type excludes keeps documents with that heading out, whatever their labels."""
    hints = {"number": 2.0, "date": 2.0, "carrier": 2.0}
    plain = document_type("order", "Order", identifyHints=hints)
    wary = document_type("order", "Order", identifyHints=hints, titleHints=["!delivery note"])
    assert of(identify(DELIVERY_NOTE, [wary]), "order") < of(identify(DELIVERY_NOTE, [plain]), "order")


def test_a_phrase_in_running_text_counts_little() -> None:
    """A letter that speaks of a carrier is no delivery note."""
    note = document_type("note", "Note", identifyHints={"carrier": 8.0})
    label = sheet("Carrier: Fast Lorries")
    prose = sheet("We have asked the carrier to come on Monday and to bring all of the parcels at once")
    assert of(identify(label, [note]), "note") > 0.9 > 0.3 > of(identify(prose, [note]), "note")


def test_print_without_spaces_still_matches() -> None:
    """A recogniser that lost the space of a phrase does not hide it."""
    note = document_type("note", "Note", identifyHints={"delivery note number": 8.0})
    assert identify(sheet("Deliverynotenumber: 881"), [note]).document_type.code == "note"


def test_parts_of_words_do_not_match() -> None:
    """A phrase inside another word is not that phrase."""
    note = document_type("note", "Note", identifyHints={"bar": 9.0})
    assert identify(sheet("Barbara Barnes, Zanzibar"), [note]).document_type.code == "other"
