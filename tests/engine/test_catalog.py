"""Document types and steps from files, and what is said about files that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.catalog import CatalogError, load_catalog

TYPE: dict[str, Any] = {
    "code": "delivery_note",
    "name": "Delivery note",
    "description": "What was delivered.",
    "jsonSchema": {"type": "object", "properties": {"number": {"type": "string"}}},
}

Write = Callable[[str, Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of the user's folder: text as it is, anything else as JSON."""
    (tmp_path / "steps").mkdir()

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        load_catalog(folder)
    return str(caught.value).splitlines()


def test_the_shipped_catalog() -> None:
    """The engine comes with four types, a step for each, and one step over all of them."""
    catalog = load_catalog()
    assert list(catalog.types) == ["bank_statement", "invoice", "purchase_order", "receipt"]
    assert {f"extract-{code}" for code in catalog.types} | {"extract-any"} == set(catalog.steps)
    assert {kind.code for kind in catalog.steps["extract-any"].candidates} == set(catalog.types)


def test_a_type_of_the_users(tmp_path: Path, write: Write) -> None:
    """A user's type stands beside ours, with a step of its own and an id that is the same everywhere."""
    write("delivery_note.json", TYPE | {"titleHints": ["delivery note"], "identifyHints": {"delivered by": 2}})
    catalog = load_catalog(tmp_path)
    kind = catalog.types["delivery_note"]
    assert (kind.title_hints, kind.identify_hints) == (("delivery note",), {"delivered by": 2})
    assert catalog.steps["extract-delivery_note"].name == "Extract Delivery note"
    assert catalog.steps["extract-delivery_note"].document_type is kind
    assert catalog.find_type("delivery_note") is catalog.find_type(kind.id) is kind
    assert load_catalog(tmp_path).types["delivery_note"].id == kind.id


def test_a_users_type_replaces_ours(tmp_path: Path, write: Write) -> None:
    """A file with the code of a shipped type takes its place."""
    write("mine.json", TYPE | {"code": "invoice", "name": "Our invoice"})
    assert load_catalog(tmp_path).types["invoice"].name == "Our invoice"


def test_further_steps(tmp_path: Path, write: Write) -> None:
    """Steps are files too: by one type, or over several."""
    write("steps/one.json", {"id": "bills", "name": "Bills", "document_type": "invoice"})
    write("steps/two.json", {"id": "money", "name": "Money", "candidates": ["invoice", "receipt"]})
    steps = load_catalog(tmp_path).steps
    assert steps["bills"].document_type is not None
    assert steps["bills"].document_type.code == "invoice"
    assert [kind.code for kind in steps["money"].candidates] == ["invoice", "receipt"]


def test_types_are_searched() -> None:
    """A search looks at code, name and description, whatever the case."""
    assert [kind.code for kind in load_catalog().search_types("BANK STAT")] == ["bank_statement"]
    assert len(load_catalog().search_types("")) == 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("[]", "must be a JSON object"),
        (TYPE | {"titelHints": []}, "unknown key 'titelHints', did you mean 'titleHints'?"),
        ({**TYPE, "code": "Delivery note"}, "code: String should match pattern '^[a-z0-9_]+$'"),
        ({**TYPE, "code": "other"}, "the code 'other' stands for documents of none of the candidate types"),
        ({name: value for name, value in TYPE.items() if name != "name"}, "name: Field required"),
        (TYPE | {"identifyHints": {"x": "much"}}, "identifyHints.x: Input should be a valid number"),
        (
            TYPE | {"jsonSchema": {"type": "array"}},
            'jsonSchema must be of type "object" with at least one of "properties"',
        ),
    ],
    ids=["syntax", "list", "misspelt", "code", "reserved", "missing", "weight", "schema"],
)
def test_a_bad_type_file(tmp_path: Path, write: Write, content: Any, problem: str) -> None:
    """The message names the file and says what is wrong in it."""
    path = write("bad.json", content)
    assert problems_of(tmp_path) == [f"{path}: {problem}"]


def test_a_schema_that_is_none(tmp_path: Path, write: Write) -> None:
    """A JSON Schema that is not well-formed is found when the engine starts, not with the first document."""
    schema = {"type": "object", "properties": {"number": {"type": "text"}}}
    path = write("bad.json", TYPE | {"jsonSchema": schema})
    [problem] = problems_of(tmp_path)
    assert problem.startswith(f"{path}: jsonSchema: 'text' is not valid")


def test_a_bad_rule(tmp_path: Path, write: Write) -> None:
    """So is a rule about a field that there is not."""
    path = write("bad.json", TYPE | {"rules": [{"check": "sum", "of": ["nothing"], "equals": "number"}]})
    [problem] = problems_of(tmp_path)
    assert problem.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"id": "x", "name": "X"}, "give either document_type or candidates"),
        (
            {"id": "x", "name": "X", "document_type": "invoce"},
            "unknown document type 'invoce', did you mean 'invoice'?",
        ),
        ({"id": "x", "name": "X", "candidates": ["will"]}, "unknown document type 'will'"),
        (
            {"id": "extract-invoice", "name": "X", "document_type": "invoice"},
            "there is a step 'extract-invoice' already",
        ),
        ({"id": "a/b", "name": "X", "document_type": "invoice"}, r"id: String should match pattern '^[\w.-]+$'"),
    ],
    ids=["neither", "misspelt", "unknown", "taken", "id"],
)
def test_a_bad_step_file(tmp_path: Path, write: Write, content: Any, problem: str) -> None:
    """Steps are checked as types are."""
    path = write("steps/bad.json", content)
    assert problems_of(tmp_path) == [f"{path}: {problem}"]


def test_all_problems_at_once(tmp_path: Path, write: Write) -> None:
    """Every file that cannot be used is named."""
    write("a.json", "")
    write("b.json", TYPE)
    write("c.json", TYPE)
    write("steps/d.json", "")
    files = [line.partition(": ")[0].rpartition("/")[2] for line in problems_of(tmp_path)]
    assert files == ["a.json", "c.json", "d.json"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A folder of types that does not exist is an error, not an empty one."""
    assert problems_of(tmp_path / "types") == [f"{tmp_path / 'types'}: no such folder"]
