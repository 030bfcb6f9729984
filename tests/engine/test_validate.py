"""Checks of extracted data: the schema, and the arithmetic of the rules."""

from __future__ import annotations

import re
from typing import Any

import pytest

from engine.catalog import load_catalog
from engine.documents import DocumentType, Validation
from engine.validate import check_type, validate

NUMBER, TEXT = {"type": ["number", "null"]}, {"type": ["string", "null"]}
ROW = {"quantity": NUMBER, "unit_price": NUMBER, "line_total": NUMBER, "amount": NUMBER, "balance": NUMBER}
SCHEMA = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("net", "tax", "total", "cash", "change", "start"), NUMBER),
        "issued": {"type": ["string", "null"], "format": "date"},
        "due": {"type": ["string", "null"], "format": "date"},
        "iban": TEXT,
        "currency": {"type": ["string", "null"], "pattern": "^[A-Z]{3}$"},
        "way": {"enum": ["cash", "card", None]},
        "seller": {"type": ["object", "null"], "properties": {"vat_id": TEXT}},
        "rows": {"type": "array", "items": {"type": "object", "properties": ROW}},
    },
    "required": ["total"],
    "additionalProperties": False,
}


def checked(data: dict[str, Any], *rules: dict[str, Any]) -> Validation:
    return validate({"total": 1, **data}, DocumentType("id", "t", "T", "", SCHEMA, rules=rules))


SUM = {"check": "sum", "of": ["net", "tax"], "equals": "total"}
PRODUCT = {"check": "product", "each": "rows", "of": ["quantity", "unit_price"], "equals": "line_total"}
RUNNING = {"check": "running", "each": "rows", "amount": "amount", "balance": "balance", "start": "start"}


def test_a_sum_that_holds_is_silent() -> None:
    """To the rounding of each of its values."""
    assert checked({"net": 100.1, "tax": 19.02, "total": 119.12}, SUM) == Validation()
    assert checked({"net": 100.1, "tax": 19.02, "total": 119.13}, SUM) == Validation()


def test_a_sum_that_fails_says_by_how_much() -> None:
    """The message names fields and the difference only."""
    assert checked({"net": 100, "tax": 19, "total": 119.5}, SUM).errors == ("net + tax is not total: off by 0.50",)


def test_a_rule_may_warn_instead() -> None:
    """Its severity decides where its message goes."""
    found = checked({"net": 100, "tax": 19, "total": 119.5}, {**SUM, "severity": "warning"})
    assert (found.errors, len(found.warnings)) == ((), 1)


def test_a_tolerance_of_ones_own_replaces_the_rounding() -> None:
    """Where tills round to five cents, four may be missing."""
    assert checked({"net": 10, "tax": 1, "total": 11.04}, {**SUM, "tolerance": 0.04}) == Validation()


@pytest.mark.parametrize("missing", ["net", "tax", "total"])
def test_a_rule_with_a_null_is_not_applied(missing: str) -> None:
    """What is not known cannot be wrong."""
    data = {"net": 1, "tax": 1, "total": 5, missing: None}
    assert not any("+" in message for message in checked(data, SUM).errors)


def test_a_minus_before_a_path_subtracts() -> None:
    """What was handed over less the change is the total."""
    rule = {"check": "sum", "of": ["cash", "-change"], "equals": "total"}
    assert checked({"cash": 20, "change": 7.5, "total": 12.5}, rule) == Validation()
    assert checked({"cash": 20, "change": 7.5, "total": 12}, rule).errors == (
        "cash - change is not total: off by 0.50",
    )


def test_rows_add_up_to_one_of_several_values() -> None:
    """Line totals are printed before tax or with it."""
    rule = {"check": "sum", "of": ["rows[].line_total"], "equals": ["net", "total"]}
    rows = [{"line_total": 60.0}, {"line_total": 40.0}]
    assert checked({"rows": rows, "net": 90, "total": 100}, rule) == Validation()
    assert checked({"rows": rows, "net": 90, "total": 99}, rule).errors == (
        "sum of rows[].line_total is not net or total: off by 1.00",
    )


def test_rows_of_which_one_is_unknown_are_not_added_up() -> None:
    """And neither are no rows at all."""
    rule = {"check": "sum", "of": ["rows[].line_total"], "equals": "total"}
    assert checked({"rows": [{"line_total": 60.0}, {"line_total": None}], "total": 100}, rule) == Validation()
    assert checked({"rows": [], "total": 100}, rule) == Validation()


def test_products_are_checked_row_by_row() -> None:
    """Prices are rounded as printed: 3 times 3.3333 is 10.00; the message has the row's number."""
    right = {"quantity": 3, "unit_price": 3.3333, "line_total": 10.0}
    wrong = {"quantity": 3, "unit_price": 3.0, "line_total": 10.0}
    assert checked({"rows": [right, wrong]}, PRODUCT).errors == (
        "rows row 2: quantity × unit_price is not line_total: off by 1.00",
    )


def test_a_running_balance_is_followed_over_rows_without_one() -> None:
    """Statements print it once a day."""
    rows = [{"amount": 5}, {"amount": -2, "balance": 13}, {"amount": 1, "balance": 15}]
    assert checked({"start": 10, "rows": rows}, RUNNING).errors == ("rows row 3: balance does not follow: off by 1.00",)


def test_dates_out_of_order_are_told() -> None:
    """Nothing is due before it is issued."""
    rule = {"check": "order", "of": ["issued", "due"]}
    assert checked({"issued": "2026-03-05", "due": "2026-03-05"}, rule) == Validation()
    assert checked({"issued": "2026-03-05", "due": "2026-03-04"}, rule).errors == ("issued is after due",)


def test_check_digits_are_computed() -> None:
    """Of IBANs and of VAT ids, by the rules of their countries; a country without a rule passes."""
    rules = ({"check": "iban", "field": "iban"}, {"check": "vat_id", "field": "seller.vat_id"})
    good = {"iban": "DE89370400440532013000", "seller": {"vat_id": "DE136695976"}}
    bad = {"iban": "DE88370400440532013000", "seller": {"vat_id": "DE136695975"}}
    assert checked(good, *rules) == Validation()
    assert checked(bad, *rules).errors == (
        "iban: the check digits are wrong",
        "seller.vat_id: the check digits are wrong",
    )
    assert checked({"seller": {"vat_id": "201/113/40209"}}, *rules) == Validation()


def test_a_required_null_is_missing() -> None:
    """Every property is in the data: required ones must be known."""
    assert checked({"total": None}).errors == ("total is missing",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"net": "abc"}, "net is not a number"),
        ({"issued": "03.04.2026"}, "issued is not a date"),
        ({"currency": "Euro"}, "currency has another form than required"),
        ({"way": "cheque"}, "way is not one of the values allowed"),
        ({"secret": 1}, "the document has properties that the schema does not know"),
        ({"rows": [{"quantity": "two"}]}, "rows row 1.quantity is not a number"),
    ],
)
def test_what_breaks_the_schema_is_named_without_its_value(data: dict[str, Any], message: str) -> None:
    """A document's text gets into no message."""
    assert checked(data).errors == (message,)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"check": "sum", "of": ["net", "taxes"], "equals": "total"}, "rules[0]: the schema has no property taxes"),
        ({"check": "sum", "of": ["rows[].total"], "equals": "total"}, "no property rows[].total"),
        ({"check": "add", "of": ["net"], "equals": "total"}, "rules[0]"),
        ({**SUM, "severety": "warning"}, "rules[0]"),
    ],
)
def test_rules_that_cannot_be_applied_are_refused(rule: dict[str, Any], problem: str) -> None:
    """A misspelt path would otherwise never be checked."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        check_type(DocumentType("id", "t", "T", "", SCHEMA, rules=(rule,)))


def test_the_shipped_types_are_well_formed() -> None:
    """Their schemas and rules pass what users' types must pass, and all of their money is checked by some rule."""
    for document_type in load_catalog().types.values():
        assert check_type(document_type)
