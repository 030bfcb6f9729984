"""Types of one's own: the worked example of docs/types.md, and what a schema may ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from engine.catalog import load_catalog
from engine.documents import DocumentType
from engine.extract import extract
from engine.validate import check_type, validate
from tests.printed import printed

GUIDE = (Path(__file__).parents[2] / "docs" / "types.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    """The block of the guide that a comment above it names."""
    match = re.search(rf"<!-- {kind}: consignment_note -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL)
    assert match is not None
    return match[1]


def a_type(properties: dict[str, Any], name: str = "Note", **more: Any) -> DocumentType:
    schema = {"type": "object", "properties": properties}
    return DocumentType("id", "note", name, "", schema, **more)


def test_the_guides_example_loads_and_runs(tmp_path: Path) -> None:
    """What docs/types.md shows is what comes of it, and its checks hold."""
    (tmp_path / "consignment_note.json").write_text(block("type"), encoding="utf-8")
    catalog = load_catalog(tmp_path)
    document_type = catalog.types["consignment_note"]
    found = extract(printed(block("page")), document_type)
    assert found == json.loads(block("data"))
    assert validate(found, document_type).errors == ()
    assert validate(found, document_type).warnings == ()
    assert "extract-consignment_note" in catalog.steps


def test_every_rule_in_the_guide_is_well_formed() -> None:
    """The table of rules can be copied."""
    table = GUIDE.split("<!-- rules -->")[1].split("\n\n")[0]
    rules = [json.loads(text) for text in re.findall(r"^\| `(\{.*?\})` \|", table, re.MULTILINE)]
    amounts = {name: {"type": "number"} for name in ("net_total", "tax_total", "grand_total", "opening_balance")}
    texts = {name: {"type": "string"} for name in ("issue_date", "due_date", "iban")}
    items = {name: {"type": "number"} for name in ("quantity", "unit_price", "line_total", "amount", "balance")}
    rows = {name: {"items": {"properties": items}} for name in ("line_items", "transactions")}
    seller = {"seller": {"properties": {"vat_id": {"type": "string"}}}}
    document_type = a_type({**amounts, **texts, **rows, **seller}, rules=tuple(rules))
    assert {rule.check for rule in check_type(document_type)} == {
        "sum",
        "product",
        "running",
        "order",
        "iban",
        "vat_id",
    }


def test_a_property_is_found_by_its_own_words() -> None:
    """Name, title, short description and `x-labels` are labels."""
    found = extract(
        printed("""
            Policy holder: Jane Miller
            Sum insured    120,000.00
            Claims so far: 2
            Broker: Lane & Partners
        """),
        a_type(
            {
                "policy_holder": {"type": "string"},
                "cover": {"type": "number", "title": "Sum insured"},
                "claims": {"type": "integer", "description": "Claims so far."},
                "agent": {"type": "string", "x-labels": ["Broker"]},
                "excess": {"type": "number"},
            }
        ),
    )
    assert found == {
        "policy_holder": "Jane Miller",
        "cover": 120000.0,
        "claims": 2,
        "agent": "Lane & Partners",
        "excess": None,
    }


def test_labels_of_ones_own_add_to_a_known_concept() -> None:
    """A due date is also found behind the words that only this company uses."""
    due = {"due_date": {"type": "string", "format": "date", "x-labels": ["Kasse bis"]}}
    assert extract(printed("Kasse bis 03.04.2026"), a_type(due))["due_date"] == "2026-04-03"
    assert extract(printed("Due date: 03.04.2026"), a_type(due))["due_date"] == "2026-04-03"


def test_the_types_name_makes_labels() -> None:
    """The number of a *delivery note* is what stands behind `Delivery note no.`."""
    found = extract(
        printed("Order no.: 88-1\nDelivery note no.: DN-77"), a_type({"number": {"type": "string"}}, "Delivery note")
    )
    assert found["number"] == "DN-77"


def test_an_object_with_a_role_is_a_party() -> None:
    """Whatever it is called: a landlord is whose letterhead it is."""
    landlord = {"properties": {"name": {"type": "string"}, "phone": {"type": "string"}}, "x-role": "issuer"}
    found = extract(
        printed("Harbour Homes Ltd\n3 Quay Street, Leeds LS1 4DY\nTel 0113 496 0000\n\nRent statement"),
        a_type({"landlord": landlord}),
    )
    assert found["landlord"] == {"name": "Harbour Homes Ltd", "phone": "0113 496 0000"}


def test_flat_party_fields_are_parties_too() -> None:
    """`supplier_name` is the name of the supplier."""
    found = extract(
        printed("Supplier:\nAshworth Steel Ltd\nCanal Road 2\nBradford BD1 4AX"),
        a_type({"supplier_name": {"type": "string"}, "supplier_address": {"type": "string"}}),
    )
    assert found == {"supplier_name": "Ashworth Steel Ltd", "supplier_address": "Canal Road 2, Bradford BD1 4AX"}


def test_tables_of_texts_are_tables() -> None:
    """Rows need no amounts where the schema has none."""
    columns = {"part": {"type": "string", "title": "Part"}, "state": {"type": "string", "title": "State"}}
    found = extract(
        printed("Part        State\nBrake       worn\nClutch      good"),
        a_type({"findings": {"type": "array", "items": {"type": "object", "properties": columns}}}),
    )
    assert found["findings"] == [{"part": "Brake", "state": "worn"}, {"part": "Clutch", "state": "good"}]


class Stop(BaseModel):
    place: str | None = None
    pallets: int | None = None


class Tour(BaseModel):
    driver: str | None = None
    stops: list[Stop] = []


def test_schemas_that_pydantic_writes_are_understood() -> None:
    """References to definitions, and "or null" as a choice."""
    document_type = DocumentType("id", "tour", "Tour", "", Tour.model_json_schema())
    check_type(document_type)
    found = extract(
        printed("Driver: Ole Krug\n\nPlace        Pallets\nBremen             4\nKiel               2"), document_type
    )
    assert found == {
        "driver": "Ole Krug",
        "stops": [{"place": "Bremen", "pallets": 4}, {"place": "Kiel", "pallets": 2}],
    }


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"a": {"$ref": "#/$defs/b"}}, "no such definition"),
        ({"a": {"$ref": "other.json"}}, "within the schema"),
        ({"a": {"x-labels": "Broker"}}, "a: x-labels must be a list of strings"),
        ({"a": {"x-role": "boss"}}, "a: x-role must be one of issuer, recipient, shop"),
        ({"a": {"type": "text"}}, "jsonSchema"),
    ],
)
def test_schemas_that_cannot_be_used_are_refused(properties: dict[str, Any], problem: str) -> None:
    """When the type is loaded, in words."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        check_type(a_type(properties))
