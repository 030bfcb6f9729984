"""Made-up answers: what a simulated engine says of documents that nobody read."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from engine import made_up
from engine.catalog import load_catalog
from engine.plain_schema import plain

CATALOG = load_catalog()
HASHES = [hashlib.sha256(bytes([number])).hexdigest() for number in range(20)]
ODD = {
    "type": "object",
    "required": ["kind", "count", "rows", "mail"],
    "properties": {
        "kind": {"enum": ["one", "two", None]},
        "always": {"const": 7},
        "count": {"type": "integer", "minimum": 3, "maximum": 5},
        "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "below": {"type": "number", "maximum": -4},
        "dozens": {"type": "integer", "multipleOf": 12, "minimum": 1},
        "yes": {"type": "boolean"},
        "mail": {"type": "string", "format": "email"},
        "at": {"type": "string", "format": "date-time"},
        "short": {"type": "string", "maxLength": 3},
        "long": {"type": "string", "minLength": 40},
        "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "never": {"type": ["string", "null"], "pattern": "^no text of ours$"},
        "rows": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/row"}},
        "nested": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"day": {"format": "date"}}}]},
    },
    "$defs": {"row": {"type": "object", "required": ["n"], "properties": {"n": {"type": "number"}}}},
}


@pytest.mark.parametrize("schema", [ODD, *(kind.json_schema for kind in CATALOG.types.values())])
def test_fields_satisfy_the_schema(schema: dict[str, Any]) -> None:
    """Whatever the document, the made-up fields are valid by the schema they were made for."""
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    for sha256 in HASHES:
        assert list(validator.iter_errors(made_up.fields(plain(schema), sha256))) == []


def test_the_same_bytes_have_the_same_fields() -> None:
    """Fields follow from the bytes alone, and other bytes have others; lists have one to three entries."""
    schema = plain(CATALOG.types["invoice"].json_schema)
    made = [made_up.fields(schema, sha256) for sha256 in HASHES]
    assert made == [made_up.fields(schema, sha256) for sha256 in HASHES]
    assert len({fields["number"] for fields in made}) > 15
    assert {len(fields["line_items"]) for fields in made} == {1, 2, 3}


def test_identifications_choose_by_the_bytes() -> None:
    """The winner is one of the candidates, in whatever order they come, and `other` is ranked last."""
    types = list(CATALOG.types.values())
    found = [made_up.identification(types, sha256) for sha256 in HASHES]
    assert found == [made_up.identification(types[::-1], sha256) for sha256 in HASHES]
    assert {one.document_type.code for one in found} == set(CATALOG.types)
    for one in found:
        assert one.alternatives[0] == one.document_type
        assert (one.document_type.confidence, one.alternatives[-1].code) == (0.97, "other")
        assert len(one.alternatives) == len(types) + 1
