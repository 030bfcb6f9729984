"""Extraction: a document's words become an object of its type's JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.documents import DocumentType, Reading
from engine.extract.amounts import added_taxes, implied, support
from engine.extract.choose import choose_amounts
from engine.extract.context import Context, context_of
from engine.extract.currency import currency_of
from engine.extract.fields import UNSURE, Candidate, candidates_of
from engine.extract.parties import find_parties
from engine.extract.rows import find_rows
from engine.extract.schema import Field, Path, plan_of
from engine.plain_schema import plain, type_of
from engine.rules import Rule, parse_rules

# So many candidates of an amount are compared: the best, then those that only a sum speaks for, then the next best.
_BEST, _IMPLIED, _NEXT = 4, 3, 2


def extract(reading: Reading, document_type: DocumentType) -> dict[str, Any]:
    """The values of a document in the shape of its type's JSON Schema.

    Every property of the schema is in the answer; what is not on the document, or not sure, is null (an empty list
    for arrays). Dates are ISO 8601, numbers have the value printed. Raises `ValueError` when the type's schema or its
    rules are not well-formed.
    """
    schema = plain(document_type.json_schema)
    plan = plan_of(schema, document_type.name)
    rules = parse_rules(document_type.rules, schema)
    context = context_of(reading, plan.labels)
    data = _empty(schema)
    for rows in plan.rows:
        table = find_rows(rows, plan, context, rules)
        _put(data, rows.path, list(table.rows))
        context = context.without(table.lines)
    for path, name in find_parties(plan.fields, context).items():
        _put(data, path, name)
    amounts = [field for field in plan.fields if field.kind == "money"]
    for field in plan.fields:
        if field.party is None and field.kind != "money":
            _put(data, field.path, _value(field, context))
    for path, amount in _amounts(amounts, rules, context).items():
        _put(data, path, amount)
    return data


def _value(field: Field, context: Context) -> Any:
    best = next(iter(candidates_of(field, context)), None)
    if best is not None and best.score >= UNSURE:
        return best.value
    return currency_of(context.layout.text) if field.kind == "currency" else None


def _amounts(fields: Sequence[Field], rules: Sequence[Rule], context: Context) -> dict[Path, float | None]:
    """The amounts, chosen together because the type's sums tie them to each other."""
    found: dict[str, Sequence[Candidate]] = {}
    for field in fields:
        candidates = candidates_of(field, context)
        if "tax_rate_amount" in field.sources:
            candidates += added_taxes(context)
        found[".".join(field.path)] = support(candidates, context)
    more = implied(found, rules, context)
    compared = {
        path: [*few[:_BEST], *more[path][:_IMPLIED], *few[_BEST : _BEST + _NEXT]] for path, few in found.items()
    }
    chosen = choose_amounts(compared, rules)
    return {tuple(path.split(".")): candidate.value if candidate else None for path, candidate in chosen.items()}


def _empty(schema: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {name: type_of(spec) for name, spec in schema.get("properties", {}).items()}
    return {
        name: _empty(schema["properties"][name]) if kind == "object" else [] if kind == "array" else None
        for name, kind in kinds.items()
    }


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        data = data[name]
    data[path[-1]] = value
