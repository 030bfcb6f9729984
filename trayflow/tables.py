"""From extractions to data frames: one table a document type, one more for each of its lists of objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import pandas as pd

from trayflow.columns.fields import Field, FieldPath, Shape, read_schema
from trayflow.columns.names import LINE_LINEAGE, LINEAGE, TableNames, column_names, table_name
from trayflow.columns.values import cell_or_null, dtype, fits, infer
from trayflow.models import Extraction, TypeSchema

#: Column → pandas dtype, in order.
Columns = dict[str, str]

_LINEAGE_SHAPES = {"confidence": Shape.NUMBER, "line": Shape.INTEGER}

#: Objects below this many others become JSON text: nobody reads a column of nine names.
_DEEPEST = 8


def layout(document_type: str, schema: TypeSchema | None) -> dict[str, Columns]:
    """The tables of a document type as its schema has them, before the first document."""
    return {
        table.name: {name: str(dtype(shape)) for name, shape in table.shapes.items()}
        for table in _plan(document_type, schema).values()
    }


def frames(
    extractions: Iterable[Extraction], schemas: Mapping[str, TypeSchema], names: TableNames | None = None
) -> dict[str, pd.DataFrame]:
    """The rows of documents, by table; types and columns that a schema knows are there even without a value.

    `schemas` by document type; a type that is missing is read as its data come. `names` settles whose a table's name
    is; without it, only the tables of this call are looked at. A value that does not fit its column (see `check`) is
    null there: it never becomes another value.
    """
    names = names or TableNames({})
    plans: dict[str, dict[FieldPath, _Table]] = {}
    collected: dict[str, _Collected] = {}
    for extraction in extractions:
        code = extraction.document_type
        if code not in plans:
            plans[code] = _plan(code, schemas.get(code))
        for path, (table, rows) in _tables_of(extraction, plans[code]).items():
            name = names.settle(table.name, lines=bool(path))
            collected.setdefault(name, _Collected(dict(table.shapes))).add(rows)
    return {name: table.frame() for name, table in collected.items()}


def check(data: Mapping[str, Any], schema: TypeSchema | None) -> list[str]:
    """The fields whose values do not fit the schema's types, so that a column could not say what they do.

    Paths look like `seller.name` and `line_items[2].quantity`, lines counted from 1 as in the tables. Fields that the
    schema does not know, and absent or null ones, always fit.
    """
    return list(_misfits(data, read_schema(schema), ""))


@dataclass(frozen=True, slots=True)
class _Table:
    """A table by its schema: the shape of each column, and the column of each known field."""

    name: str
    fields: Field
    shapes: dict[str, Shape]
    columns: dict[FieldPath, str]


@dataclass(slots=True)
class _Flat:
    """One object, flattened: values by path, and the lists of objects that go elsewhere."""

    values: dict[FieldPath, Any] = field(default_factory=dict)
    lines: dict[FieldPath, list[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class _Collected:
    """Rows of one table. Columns without a shape are of no schema: their type is what their values have in common."""

    shapes: dict[str, Shape]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        self.rows.extend(rows)

    def frame(self) -> pd.DataFrame:
        columns = dict.fromkeys((*self.shapes, *(name for row in self.rows for name in row)))
        cells: dict[str, Any] = {}
        for name in columns:
            values = [row.get(name) for row in self.rows]
            shape = self.shapes.get(name) or infer(values)
            # An array costs a third of a series, and the stubs know no array of "some extension type".
            cells[name] = pd.array([cell_or_null(value, shape) for value in values], dtype=dtype(shape))  # type: ignore[call-overload]
        return pd.DataFrame(cells)


def _plan(document_type: str, schema: TypeSchema | None) -> dict[FieldPath, _Table]:
    """The type's own table under the empty path, child tables under their field's."""
    top = read_schema(schema)
    plan: dict[FieldPath, _Table] = {(): _table(table_name(document_type), LINEAGE, top)}
    for path, lines in top.tables():
        plan[path] = _table(table_name(document_type, path), LINE_LINEAGE, lines)
    return plan


def _table(name: str, lineage: tuple[str, ...], fields: Field) -> _Table:
    known = dict(fields.columns())
    columns = column_names(known, lineage)
    shapes = {column: _LINEAGE_SHAPES.get(column, Shape.STRING) for column in lineage}
    return _Table(name, fields, shapes | {columns[path]: shape for path, shape in known.items()}, columns)


def _tables_of(
    extraction: Extraction, plan: Mapping[FieldPath, _Table]
) -> dict[FieldPath, tuple[_Table, list[dict[str, Any]]]]:
    """The document's rows by the path of their table; tables that the schema knows come without rows too."""
    lineage = _lineage(extraction)
    top = plan[()]
    flat = _Flat()
    _flatten(extraction.data, top.fields, (), flat)
    tables: dict[FieldPath, tuple[_Table, list[dict[str, Any]]]] = {(): (top, [lineage | _row(flat.values, top)])}
    for path in dict.fromkeys((*(path for path in plan if path), *flat.lines)):
        table = plan.get(path) or _table(table_name(extraction.document_type, path), LINE_LINEAGE, Field(Shape.LINES))
        rows = []
        for line, item in enumerate(flat.lines.get(path, []), start=1):
            inner = _Flat()
            _flatten(item if isinstance(item, dict) else {}, table.fields, (), inner, in_lines=True)
            rows.append(lineage | {"line": line} | _row(inner.values, table))
        tables[path] = (table, rows)
    return tables


def _row(values: Mapping[FieldPath, Any], table: _Table) -> dict[str, Any]:
    unknown = sorted(values.keys() - table.columns.keys())
    columns = table.columns | column_names(unknown, table.shapes)
    return {columns[path]: value for path, value in values.items()}


def _lineage(extraction: Extraction) -> dict[str, Any]:
    document = extraction.document
    moment = extraction.processed_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "document_id": document.id,
        "source_uri": document.uri,
        "sha256": document.sha256,
        "document_type": extraction.document_type,
        "confidence": extraction.confidence,
        "step_id": extraction.step_id,
        "execution_id": extraction.execution_id,
        "processed_at": moment.replace("+00:00", "Z"),
    }


def _flatten(data: Mapping[str, Any], fields: Field, path: FieldPath, flat: _Flat, *, in_lines: bool = False) -> None:
    for name, known in fields.fields.items():
        value, here = data.get(name), (*path, name)
        if known.shape is Shape.OBJECT:
            _flatten(value if isinstance(value, dict) else {}, known, here, flat, in_lines=in_lines)
        elif known.shape is Shape.LINES:
            flat.lines[here] = value if isinstance(value, list) else []
        else:
            flat.values[here] = value
    for name in sorted(data.keys() - fields.fields.keys()):
        value, here = data[name], (*path, name)
        if isinstance(value, dict) and len(here) < _DEEPEST:
            _flatten(value, Field(Shape.OBJECT), here, flat, in_lines=in_lines)
        elif not in_lines and isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            flat.lines[here] = value
        elif value != []:  # an empty list might be of lines: it says nothing yet
            flat.values[here] = value


def _misfits(data: Mapping[str, Any], fields: Field, prefix: str) -> Iterator[str]:
    for name, known in fields.fields.items():
        value, here = data.get(name), f"{prefix}{name}"
        if value is None:
            continue
        if known.shape is Shape.OBJECT:
            if isinstance(value, dict):
                yield from _misfits(value, known, f"{here}.")
            else:
                yield here
        elif known.shape is Shape.LINES:
            yield from _misfit_lines(value, known, here)
        elif not fits(value, known.shape):
            yield here


def _misfit_lines(value: Any, lines: Field, here: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield here
        return
    for line, item in enumerate(value, start=1):
        if isinstance(item, dict):
            yield from _misfits(item, lines, f"{here}[{line}].")
        elif item is not None:
            yield f"{here}[{line}]"
