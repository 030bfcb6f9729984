"""Names of tables and columns: an account's codes cannot leave the folder, nor take each other's place."""

from __future__ import annotations

import pytest

from trayflow.columns.names import LINE_LINEAGE, LINEAGE, TableNames, column_name, table_name

HOSTILE = [
    "../x",
    "",
    ".",
    "..",
    "/etc/passwd",
    "C:\\x",
    "con",
    "LPT1",
    "a b",
    "-rf",
    "_trayflow",
    "naïve",
    "x\0y",
    "\ud800",
    "=cmd()",
    "a" * 5000,
    "a" * 5001,
    "invoice.v2",
    "invoice_v2.",
]


def test_a_plain_code_is_the_name() -> None:
    """Letters, digits, `_` and `-` stay as they are, upper or lower."""
    assert [table_name(code) for code in ("invoice", "Bank-Statement_2")] == ["invoice", "Bank-Statement_2"]
    assert table_name("invoice", ("line_items",)) == "invoice_line_items"


@pytest.mark.parametrize("code", HOSTILE)
def test_a_hostile_code_becomes_a_harmless_name(code: str) -> None:
    """It is short, made of plain characters only, begins with a letter or digit, and is no device's."""
    name = table_name(code)
    assert name.replace("_", "").replace("-", "").isalnum()
    assert name.isascii()
    assert name[0].isalnum()
    assert len(name) <= 100
    assert name.lower() not in ("con", "lpt1")


def test_different_codes_have_different_names() -> None:
    """Made harmless, no two codes fall together; not even one that looks like another's harmless name."""
    codes = [*HOSTILE, *(table_name(code) for code in HOSTILE)]
    assert len({table_name(code).lower() for code in codes}) == len(set(codes))


def test_names_that_differ_in_case_alone_are_told_apart() -> None:
    """On some systems they would be one file: the first keeps the name, also when it was there before."""
    names = TableNames({})
    assert names.settle("invoice", lines=False) == "invoice"
    other = names.settle("Invoice", lines=False)
    assert other.lower() != "invoice"
    assert names.settle("Invoice", lines=False) == other
    assert TableNames({"Invoice": LINEAGE}).settle("invoice", lines=False) != "invoice"


def test_a_type_called_like_a_child_table_has_a_table_of_its_own() -> None:
    """Rows of documents and rows of lines never meet, whichever came first."""
    names = TableNames({"invoice_lines": LINE_LINEAGE})
    assert names.settle("invoice_lines", lines=True) == "invoice_lines"
    assert names.settle("invoice_lines", lines=False) != "invoice_lines"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("seller", "name"), "seller_name"),
        (("Número de serie",), "Número de serie"),
        (("a\r\nb\t",), "a b"),
        (("=1+1",), "_1+1"),
    ],
)
def test_a_column_is_called_like_its_field(path: tuple[str, ...], name: str) -> None:
    """As far as a heading can be: on one line, and nothing that a spreadsheet runs."""
    assert column_name(path) == name


def test_long_column_names_are_cut_and_stay_different() -> None:
    """A field's name may be of any length."""
    first, second = column_name(("a" * 300,)), column_name(("a" * 301,))
    assert first != second
    assert len(first) == 200
