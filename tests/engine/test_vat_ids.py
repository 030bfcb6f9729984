"""VAT ids: the check digits by the rule of each country, and what a type's check says of them."""

from __future__ import annotations

import pytest

from engine.documents import DocumentType
from engine.validate import validate
from engine.vat_ids import vat_id_holds


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        ("DE136695976", True),
        ("DE136695977", False),
        ("CHE318442103", True),
        ("CHE318442103MWST", True),
        ("CHE318442104", False),
        ("NO923456783", True),
        ("NO923456783MVA", True),
        ("NO923456784MVA", False),
        ("XQ12345678", None),
        ("12-3456789", None),
    ],
)
def test_the_check_digits_of_a_vat_id(number: str, holds: bool | None) -> None:
    """Right, wrong, or not known: Swiss and Norwegian numbers are as good without the letters they may end in."""
    assert vat_id_holds(number) is holds


@pytest.mark.parametrize(
    ("number", "warnings"),
    [
        ("CHE318442103", ()),
        ("CHE318442104", ("seller.vat_id: the check digits are wrong",)),
        ("XQ12345678", ()),
    ],
)
def test_a_type_warns_of_wrong_check_digits_only(number: str, warnings: tuple[str, ...]) -> None:
    """A number without a rule to hold it to passes; the warning does not repeat the number."""
    schema = {"type": "object", "properties": {"seller": {"properties": {"vat_id": {"type": ["string", "null"]}}}}}
    rules = ({"check": "vat_id", "field": "seller.vat_id", "severity": "warning"},)
    document_type = DocumentType("1", "bill", "Bill", "A bill", schema, rules=rules)
    found = validate({"seller": {"vat_id": number}}, document_type)
    assert (found.errors, found.warnings) == ((), warnings)
