"""From a document type's JSON Schema to the fields that become columns and child tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trayflow.models import TypeSchema

#: A field's name, below those of the objects it is in.
FieldPath = tuple[str, ...]


class Shape(StrEnum):
    """What a field holds, and so what its column does."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"
    TIME = "time"
    ANYTHING = "anything"  # the schema does not say: its text, or JSON text
    LIST = "list"  # of scalars: JSON text
    MAP = "map"  # free keys, one kind of value: JSON text
    OBJECT = "object"  # becomes columns
    LINES = "lines"  # a list of objects: becomes a child table


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a schema; `fields` are an object's own, or those of the objects in a list."""

    shape: Shape
    fields: Mapping[str, Field] = field(default_factory=dict)

    def columns(self, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Shape]]:
        """The fields that become columns of this object's own table, in the schema's order."""
        for name, child in self.fields.items():
            if child.shape is Shape.OBJECT:
                yield from child.columns((*path, name))
            elif child.shape is not Shape.LINES:
                yield (*path, name), child.shape

    def tables(self, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Field]]:
        """The fields that become child tables."""
        for name, child in self.fields.items():
            if child.shape is Shape.OBJECT:
                yield from child.tables((*path, name))
            elif child.shape is Shape.LINES:
                yield (*path, name), child


def read_schema(schema: TypeSchema | None) -> Field:
    """The fields of a document type: an object without known fields where the schema is missing or says nothing.

    Schemas come from the account: whatever is odd in one makes a field say less, never an error. Read are `type` (with
    `null` or not), `properties`, `items`, `format`, `enum`, `const`, local `$ref`, `allOf`, `anyOf` and `oneOf`.
    """
    root = schema.json_schema if schema else {}
    top = _field(root, root, frozenset(), in_lines=False)
    return top if top.shape is Shape.OBJECT else Field(Shape.OBJECT)


_SCALARS = {"string", "number", "integer", "boolean"}
_FORMATS = {"date": Shape.DATE, "date-time": Shape.DATE_TIME, "time": Shape.TIME}


def _field(node: Any, root: Mapping[str, Any], refs: frozenset[str], *, in_lines: bool) -> Field:
    schema, refs = _merge(node, root, refs)
    types = _types(schema)
    if types == {"object"}:
        properties = _mapping(schema.get("properties"))
        if not properties and isinstance(schema.get("additionalProperties"), dict):
            return Field(Shape.MAP)
        known = {str(name): _field(child, root, refs, in_lines=in_lines) for name, child in properties.items()}
        return Field(Shape.OBJECT, known)
    if types == {"array"}:
        items = _field(schema.get("items"), root, refs, in_lines=True)
        if items.shape is Shape.OBJECT and not in_lines:
            return Field(Shape.LINES, items.fields)
        return Field(Shape.LIST)
    return Field(_scalar(types, schema.get("format")))


def _scalar(types: set[str], format_: Any) -> Shape:
    if types == {"string"}:
        return _FORMATS.get(format_, Shape.STRING) if isinstance(format_, str) else Shape.STRING
    if types == {"boolean"}:
        return Shape.BOOLEAN
    if types == {"integer"}:
        return Shape.INTEGER
    if types and types <= {"integer", "number"}:
        return Shape.NUMBER
    return Shape.STRING if types and types <= _SCALARS else Shape.ANYTHING


def _merge(node: Any, root: Mapping[str, Any], refs: frozenset[str]) -> tuple[dict[str, Any], frozenset[str]]:
    """The node with its references and alternatives put into one; a schema within itself says nothing further."""
    schema = dict(_mapping(node))
    reference = schema.pop("$ref", None)
    if isinstance(reference, str):
        if reference in refs:
            return {}, refs
        target, refs = _merge(_find(reference, root), root, refs | {reference})
        schema = {**target, **schema}
    for part in _list(schema.pop("allOf", None)):
        merged, refs = _merge(part, root, refs)
        properties = {**_mapping(schema.get("properties")), **_mapping(merged.get("properties"))}
        schema = {**merged, **schema, **({"properties": properties} if properties else {})}
    for word in ("anyOf", "oneOf"):
        merged_choices = [_merge(part, root, refs) for part in _list(schema.pop(word, None))]
        choices = [merged for merged, _ in merged_choices if _types(merged) or merged.get("type") != "null"]
        refs = refs.union(*(found for _, found in merged_choices))
        if len(choices) == 1:
            schema = {**choices[0], **schema}
        elif choices:
            types = set().union(*(_types(choice) or {"anything"} for choice in choices))
            united: dict[str, Any] = {}
            for choice in choices:
                united |= _mapping(choice.get("properties"))
            schema = {"type": sorted(types), **({"properties": united} if types == {"object"} else {}), **schema}
    return schema, refs


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that the field may have, `null` aside; empty when the schema does not say."""
    stated = schema.get("type")
    if isinstance(stated, str | list):
        names = [stated] if isinstance(stated, str) else stated
        return {name for name in names if isinstance(name, str) and name != "null"}
    if isinstance(schema.get("properties"), dict):
        return {"object"}
    if "items" in schema:
        return {"array"}
    values = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
    if {type(value) for value in values} - {type(None)} == {str}:
        return {"string"}
    return {"string"} if isinstance(schema.get("format"), str) and schema["format"] in _FORMATS else set()


def _find(reference: str, root: Mapping[str, Any]) -> Any:
    """What a local reference points at (RFC 6901); other documents are not fetched."""
    if not reference.startswith("#"):
        return {}
    node: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        node = _mapping(node).get(part.replace("~1", "/").replace("~0", "~"))
    return node


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
