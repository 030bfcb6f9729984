"""Extraction: a document's words become an object of its type's JSON Schema."""

from __future__ import annotations

from typing import Any

from engine.documents import DocumentType, Reading
from engine.extract.amounts import added_taxes, implied, support
from engine.extract.choose import choose_amounts
from engine.extract.context import context_of
from engine.extract.currency import currency_of
from engine.extract.fields import UNSURE, candidates_of
from engine.extract.parties import find_parties
from engine.extract.rows import find_rows
from engine.extract.schema import Path, plan_of, type_of
from engine.rules import parse_rules


def extract(reading: Reading, document_type: DocumentType) -> dict[str, Any]:
    """The values of a document in the shape of its type's JSON Schema.

    Every property of the schema is in the answer; what is not on the document, or not sure, is null (an empty list
    for arrays). Dates are ISO 8601, numbers have the value printed. Raises `ValueError` when the type's rules are not
    well-formed.
    """
    plan = plan_of(document_type.json_schema)
    rules = parse_rules(document_type.rules, document_type.json_schema)
    context = context_of(reading, plan.labels)
    data = _empty(document_type.json_schema)

    for rows in plan.rows:
        table = find_rows(rows, plan, context, rules)
        _put(data, rows.path, list(table.rows))
        context = context.without(table.lines)
    for path, value in find_parties(plan.fields, context).items():
        _put(data, path, value)
    amounts = {}
    for field in plan.fields:
        if field.party:
            continue
        candidates = candidates_of(field, context)
        if field.kind == "money":
            if "tax_rate_amount" in field.sources:
                candidates += added_taxes(context)
            amounts[".".join(field.path)] = support(candidates, context)
            continue
        value = candidates[0].value if candidates and candidates[0].score >= UNSURE else None
        if value is None and field.kind == "currency":
            value = currency_of(context.layout.text)
        _put(data, field.path, value)
    for path, more in implied(amounts, rules, context).items():
        amounts[path] = [*amounts[path][:4], *more]
    for path, candidate in choose_amounts(amounts, rules).items():
        _put(data, tuple(path.split(".")), candidate.value if candidate else None)
    return data


def _empty(schema: Any) -> dict[str, Any]:
    kinds = {name: type_of(spec) for name, spec in schema.get("properties", {}).items()}
    return {
        name: _empty(schema["properties"][name]) if kind == "object" else [] if kind == "array" else None
        for name, kind in kinds.items()
    }


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        data = data[name]
    data[path[-1]] = value
