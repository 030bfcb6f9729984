"""What a sample is: a name, its bytes, and what a run over it must end with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

_TYPES = Path(__file__).parents[2] / "engine" / "types"


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of samples/. `name` is its path below that folder; `fields` has the shape of the type's JSON Schema.

    A field that the document does not state is left out of `fields`, and null in the truth. Account and tax numbers are
    written without the spaces, points and dashes that only group them.
    """

    name: str
    content: bytes = field(repr=False)
    outcome: str
    reason: str | None = None
    document_type: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an invoice, a receipt or an order."""

    description: str
    quantity: Decimal
    unit_price: Decimal

    @property
    def total(self) -> Decimal:
        """Quantity times price; the samples only hold lines where that comes out in whole cents."""
        total = self.quantity * self.unit_price
        if total != total.quantize(Decimal("0.01")):
            raise ValueError(f"{self.description}: {total} is no whole number of cents")
        return total.quantize(Decimal("0.01"))


def items(*lines: tuple[str, str, str]) -> list[Item]:
    """Lines from description, quantity and unit price as text."""
    return [Item(description, Decimal(quantity), Decimal(price)) for description, quantity, price in lines]


def line_items(lines: Iterable[Item]) -> list[dict[str, Any]]:
    """The lines as the schemas of invoice, receipt and purchase order name them."""
    return [
        {
            "description": line.description,
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "line_total": line.total,
        }
        for line in lines
    ]


def truth_of(samples: Sequence[Sample]) -> dict[str, Any]:
    """The truth file: by file name its outcome and, for a document that becomes rows, the rows value by value.

    Raises `KeyError` for a field that the type's schema does not have.
    """
    return {sample.name: _entry(sample) for sample in sorted(samples, key=lambda sample: sample.name)}


def _entry(sample: Sample) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "outcome": sample.outcome,
        "reason": sample.reason,
        "document_type": sample.document_type,
    }
    if sample.duplicate_of:
        entry["duplicate_of"] = sample.duplicate_of
    if sample.fields:
        code = str(sample.document_type)
        schema = json.loads((_TYPES / f"{code}.json").read_text(encoding="utf-8"))["jsonSchema"]
        entry["row"], entry["children"] = _rows(code, schema, sample.fields)
    return entry


def _rows(code: str, schema: Any, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row of the main table, and by name of the child table its rows."""
    row: dict[str, Any] = {}
    children: dict[str, Any] = {}
    for name, part in _known(schema, fields).items():
        value = fields.get(name)
        if "items" in part:
            children[f"{code}_{name}"] = [
                {"line": line, **_flat("", part["items"], child)} for line, child in enumerate(value or (), start=1)
            ]
        elif "properties" in part:
            row |= _flat(f"{name}_", part, value or {})
        else:
            row[name] = _plain(value)
    return row, children


def _flat(prefix: str, schema: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": _plain(fields.get(name)) for name in _known(schema, fields)}


def _known(schema: Any, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = schema["properties"]
    if unknown := fields.keys() - properties.keys():
        raise KeyError(f"not in the schema: {sorted(unknown)}")
    return properties


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
