"""Extractions become data frames: which tables, which columns, which types, and no value that was not extracted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trayflow.columns.names import LINE_LINEAGE, LINEAGE
from trayflow.models import Document, Extraction, TypeSchema
from trayflow.tables import check, frames, layout

INVOICE = TypeSchema(
    code="invoice",
    json_schema={
        "type": "object",
        "properties": {
            "number": {"type": ["string", "null"]},
            "issued": {"type": ["string", "null"], "format": "date"},
            "total": {"type": ["number", "null"]},
            "pages": {"type": ["integer", "null"]},
            "paid": {"type": ["boolean", "null"]},
            "seller": {
                "type": ["object", "null"],
                "properties": {"name": {"type": "string"}, "contact": {"properties": {"phone": {"type": "string"}}}},
            },
            "tags": {"type": "array", "items": {"type": "string"}},
            "line_items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "text": {"type": "string"},
                        "amount": {"type": "number"},
                        "codes": {"type": "array"},
                    },
                },
            },
        },
    },
)

PROCESSED = datetime(2024, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))


def extraction(data: dict[str, Any], code: str = "invoice", id_: str = "d1") -> Extraction:
    document = Document(id_, "file:///inbox", f"{id_}.pdf", "v1", 10, sha256="abc", content_type="application/pdf")
    return Extraction(document, code, 0.93, "step", "execution", PROCESSED, data)


def table(data: dict[str, Any], schema: TypeSchema | None = INVOICE, name: str = "invoice") -> pd.DataFrame:
    return frames([extraction(data)], {"invoice": schema} if schema else {})[name]


def value(column: str, data: dict[str, Any], schema: TypeSchema | None = INVOICE) -> Any:
    found = table(data, schema)[column][0]
    return None if pd.isna(found) else found


def schema_of(**fields: Any) -> TypeSchema:
    return TypeSchema(code="invoice", json_schema={"type": "object", "properties": fields})


def test_every_row_tells_where_it_comes_from() -> None:
    """The eight lineage columns open every row of a type's own table."""
    row = table({}).iloc[0]
    assert tuple(row.index[:8]) == LINEAGE
    assert row[list(LINEAGE)].to_dict() == {
        "document_id": "d1",
        "source_uri": "file:///inbox/d1.pdf",
        "sha256": "abc",
        "document_type": "invoice",
        "confidence": 0.93,
        "step_id": "step",
        "execution_id": "execution",
        "processed_at": "2024-03-01T10:30:00.000Z",
    }


def test_a_list_of_objects_is_a_child_table() -> None:
    """Its rows are numbered from 1 and carry the lineage too; a null line keeps its number."""
    lines = table({"line_items": [{"text": "a", "amount": 1.5}, None, {"text": "c"}]}, name="invoice_line_items")
    assert tuple(lines.columns[:9]) == LINE_LINEAGE
    assert lines["line"].tolist() == [1, 2, 3]
    assert lines["text"].tolist() == ["a", pd.NA, "c"]
    assert set(lines["execution_id"]) == {"execution"}


def test_nested_objects_are_columns() -> None:
    """The field b of an object a is the column a_b, at any depth; a missing object has null columns."""
    data = {"seller": {"name": "X", "contact": {"phone": "0123"}}}
    assert value("seller_name", data) == "X"
    assert value("seller_contact_phone", data) == "0123"
    assert value("seller_contact_phone", {"seller": None}) is None


def test_all_columns_are_there_from_the_first_row_on() -> None:
    """A document without any value has the columns, types and tables that the schema promises."""
    empty = frames([extraction({})], {"invoice": INVOICE})
    promised = layout("invoice", INVOICE)
    assert {name: {str(k): str(v) for k, v in frame.dtypes.items()} for name, frame in empty.items()} == promised
    assert promised["invoice"]["total"] == "Float64"
    assert promised["invoice"]["pages"] == "Int64"
    assert promised["invoice"]["paid"] == "boolean"
    assert promised["invoice"]["issued"] == "string"
    assert promised["invoice_line_items"]["line"] == "Int64"
    assert len(empty["invoice_line_items"]) == 0


@pytest.mark.parametrize(
    ("column", "given_value", "expected"),
    [
        ("total", 2.75, 2.75),
        ("total", "1234.50", 1234.5),
        ("total", "-.5", -0.5),
        ("total", 7, 7.0),
        ("total", "", None),
        ("pages", 3.0, 3),
        ("pages", "12", 12),
        ("pages", 2**63 - 1, 2**63 - 1),
        ("number", "007", "007"),
        ("number", 7, "7"),
        ("number", 2.5, "2.5"),
        ("number", True, "true"),
        ("number", "", ""),
        ("paid", False, False),
        ("paid", "true", True),
        ("issued", "2024-02-29", "2024-02-29"),
        ("tags", ["a", "ü"], '["a", "ü"]'),
        ("tags", [], "[]"),
    ],
)
def test_a_value_is_kept_as_it_is(column: str, given_value: Any, expected: Any) -> None:
    """What fits a column stands there with the same meaning, and without a finding."""
    assert check({column: given_value}, INVOICE) == []
    found = value(column, {column: given_value})
    assert found == expected
    assert isinstance(found, str) == isinstance(expected, str)


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        ("total", "abc"),
        ("total", "1,234.50"),
        ("total", "1e5"),
        ("total", "٣"),
        ("total", True),
        ("total", float("nan")),
        ("total", 2**53 + 1),
        ("total", "12345678901234567891"),
        ("total", {"amount": 1}),
        ("pages", 2.75),
        ("pages", "2.75"),
        ("pages", 2**63),
        ("pages", True),
        ("number", {"a": 1}),
        ("number", ["a"]),
        ("paid", 1),
        ("paid", "yes"),
        ("issued", "01.03.2024"),
        ("issued", "2024-02-30"),
        ("issued", "20240229"),
        ("issued", 20240229),
        ("tags", "a, b"),
        ("seller", "X Ltd"),
        ("line_items", {"text": "a"}),
    ],
)
def test_a_value_that_does_not_fit_is_found_and_never_becomes_another(column: str, bad: Any) -> None:
    """`check` names the field; a table made all the same is null there."""
    assert check({column: bad}, INVOICE) == [column]
    made = frames([extraction({column: bad})], {"invoice": INVOICE})
    assert made["invoice"].drop(columns=list(LINEAGE)).isna().all(axis=None)
    assert len(made["invoice_line_items"]) == 0


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ({"type": "string", "format": "date-time"}, "2024-02-29T12:30:00Z", "20240229T123000"),
        ({"type": "string", "format": "date-time"}, "2024-02-29T12:30:00.5+02:00", "29.02.2024 12:30"),
        ({"type": "string", "format": "time"}, "12:30:00", "noon"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, {"a": 1}, [1]),
    ],
)
def test_moments_and_maps_are_text_and_checked(field: dict[str, Any], good: Any, bad: Any) -> None:
    """ISO moments stand as they came, free keys as JSON text; anything else is a finding."""
    schema = schema_of(f=field)
    assert check({"f": good}, schema) == []
    assert value("f", {"f": good}, schema) == (good if isinstance(good, str) else json.dumps(good))
    assert check({"f": bad}, schema) == ["f"]


def test_findings_say_where() -> None:
    """Paths lead through objects and lines, lines counted from 1."""
    data = {"seller": {"contact": {"phone": []}}, "line_items": [{"amount": 1}, {"amount": "x"}, 3]}
    assert check(data, INVOICE) == ["seller.contact.phone", "line_items[2].amount", "line_items[3]"]


def test_what_no_schema_knows_cannot_be_wrong() -> None:
    """Unknown keys are no findings, nor is anything of a type without a schema."""
    assert check({"new": {"a": [1, "x"]}}, INVOICE) == []
    assert check({"total": "abc"}, None) == []


def test_no_noise_is_added_to_a_number() -> None:
    """Numbers are printed as shortly as they came."""
    csv = table({"total": 2.3})[["total"]].to_csv(index=False, lineterminator="\n")
    assert csv == "total\n2.3\n"


def test_unknown_fields_become_columns_of_their_own_kind() -> None:
    """Their types are what their values have in common; known columns stay where they are."""
    documents = [
        extraction({"n": 1, "x": 1, "mixed": 1, "flag": True, "deep": {"a": "0012"}, "list": [1, None]}, id_="d1"),
        extraction({"n": 2, "x": 2.5, "mixed": "b", "gone": None}, id_="d2"),
    ]
    made = frames(documents, {"invoice": INVOICE})["invoice"]
    kinds = {name: str(made[name].dtype) for name in ("n", "x", "mixed", "flag", "deep_a", "list", "gone")}
    assert kinds == {
        "n": "Int64",
        "x": "Float64",
        "mixed": "string",
        "flag": "boolean",
        "deep_a": "string",
        "list": "string",
        "gone": "string",
    }
    assert made["mixed"].tolist() == ["1", "b"]
    assert made["deep_a"][0] == "0012"
    assert list(made.columns[: len(layout("invoice", INVOICE)["invoice"])]) == list(
        layout("invoice", INVOICE)["invoice"]
    )


def test_a_type_without_a_schema_is_read_as_it_comes() -> None:
    """Objects, lists of objects and scalars become what they would with a schema."""
    made = frames([extraction({"id": "007", "who": {"name": "X"}, "rows": [{"q": 2}, {"q": 3}]}, code="slip")], {})
    assert made["slip"]["id"][0] == "007"
    assert made["slip"]["who_name"][0] == "X"
    assert made["slip_rows"][["line", "q"]].to_numpy().tolist() == [[1, 2], [2, 3]]


def test_a_list_within_a_line_is_json_text() -> None:
    """There are no tables of tables."""
    lines = table({"line_items": [{"codes": [{"a": 1}], "more": [{"b": 2}]}]}, name="invoice_line_items")
    assert json.loads(lines["codes"][0]) == [{"a": 1}]
    assert json.loads(lines["more"][0]) == [{"b": 2}]


def test_fields_never_share_a_column() -> None:
    """Lineage goes first, then fields in the order of the schema; whoever is late gets a number."""
    schema = schema_of(
        Confidence={"type": "string"},
        a={"type": "object", "properties": {"b": {"type": "string"}}},
        a_b={"type": "string"},
        confidence_2={"type": "string"},
    )
    row = table({"Confidence": "high", "a": {"b": "nested"}, "a_b": "flat", "confidence_2": "own"}, schema).iloc[0]
    assert row["confidence"] == 0.93
    assert (row["a_b"], row["a_b_2"]) == ("nested", "flat")
    assert (row["confidence_2"], row["Confidence_3"]) == ("own", "high")


def test_a_line_may_have_a_field_called_line() -> None:
    """The number of a line is lineage there."""
    schema = schema_of(rows={"type": "array", "items": {"type": "object", "properties": {"line": {"type": "string"}}}})
    lines = table({"rows": [{"line": "x"}]}, schema, "invoice_rows")
    assert (lines["line"][0], lines["line_2"][0]) == (1, "x")


def test_text_that_no_file_takes_is_made_writable() -> None:
    """NUL characters go, and half a surrogate pair becomes a question mark."""
    assert value("number", {"number": "a\0b\ud800c"}) == "ab?c"


def test_documents_of_several_types_go_to_their_own_tables() -> None:
    """One call makes the tables of a whole batch, rows in the order of the documents."""
    made = frames(
        [extraction({"total": 1}, id_="a"), extraction({}, code="receipt", id_="b"), extraction({"total": 2}, id_="c")],
        {"invoice": INVOICE},
    )
    assert made["invoice"]["document_id"].tolist() == ["a", "c"]
    assert made["receipt"]["document_id"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "Float64"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "Float64"),
        ({"type": ["string", "number"]}, "string"),
        ({"enum": ["a", "b", None]}, "string"),
        ({"$ref": "#/$defs/money"}, "Float64"),
        ({"allOf": [{"$ref": "#/$defs/money"}, {"title": "Total"}]}, "Float64"),
        ({"format": "date"}, "string"),
        ({}, "string"),
        ({"type": 5, "properties": 3, "$ref": "elsewhere.json"}, "string"),
        ({"$ref": "#/$defs/circle"}, "string"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "string"),
    ],
)
def test_schemas_are_read_in_all_their_dialects(schema: dict[str, Any], kind: str) -> None:
    """Unions with null, references and combinations say a column's type; odd schemas say less, never fail."""
    definitions = {"money": {"type": "number"}, "circle": {"$ref": "#/$defs/circle"}}
    whole = TypeSchema(code="invoice", json_schema={**schema_of(f=schema).json_schema, "$defs": definitions})
    assert layout("invoice", whole)["invoice"]["f"] == kind


def test_a_shared_definition_is_read_at_each_of_its_places() -> None:
    """Two fields that refer to the same object both become columns; one that contains itself ends as text."""
    party = {"type": "object", "properties": {"name": {"type": "string"}, "parent": {"$ref": "#/$defs/party"}}}
    known = schema_of(seller={"$ref": "#/$defs/party"}, buyer={"anyOf": [{"$ref": "#/$defs/party"}, {"type": "null"}]})
    columns = layout(
        "invoice", TypeSchema(code="invoice", json_schema={**known.json_schema, "$defs": {"party": party}})
    )
    assert list(columns["invoice"])[8:] == ["seller_name", "seller_parent", "buyer_name", "buyer_parent"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)

#: A busy machine is no failure.
unhurried = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(st.dictionaries(st.sampled_from([*INVOICE.json_schema["properties"], "x", "y", ""]), ANY_JSON, max_size=6))
def test_no_answer_breaks_the_tables(data: dict[str, Any]) -> None:
    """Whatever a service answers, there is one row with the promised columns, of the promised types."""
    made = frames([extraction(data)], {"invoice": INVOICE})
    assert len(made["invoice"]) == 1
    for name, columns in layout("invoice", INVOICE).items():
        assert {column: str(made[name][column].dtype) for column in columns} == columns


@unhurried
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_number_is_either_exact_or_a_finding(number: float) -> None:
    """No number is ever rounded on its way into a column."""
    fits = check({"total": number}, INVOICE) == []
    assert value("total", {"total": number}) == (number if fits else None)


def test_moments_are_in_utc() -> None:
    """The zone of whoever processed a document does not show."""
    assert PROCESSED.astimezone(UTC).hour == 10
    assert table({})["processed_at"][0].startswith("2024-03-01T10:30")
