"""One form for the several ways in which a JSON Schema says the same.

Schemas written by tools refer to definitions (`$ref`) and say "or null" with `anyOf`; those written by hand say it with
a list of types. Extraction and rules read the plain form: no references, one JSON type a property.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]
ROLES = ("issuer", "recipient", "shop")


def plain(schema: Mapping[str, Any]) -> Schema:
    """The schema with references and "or null" resolved; raises `ValueError` for references it cannot follow."""
    return _plain(schema, schema, ())


def type_of(spec: Mapping[str, Any]) -> str:
    """The JSON type that a property's value has when it is not null; `string` when the schema does not say."""
    kinds = spec.get("type")
    if isinstance(kinds, list):
        kinds = next((kind for kind in kinds if kind != "null"), None)
    if isinstance(kinds, str):
        return kinds
    if "properties" in spec:
        return "object"
    return "array" if "items" in spec else "string"


def check_extensions(schema: Mapping[str, Any], path: str = "") -> None:
    """Raise `ValueError` when an `x-labels` or `x-role` in a plain schema is not what extraction understands."""
    for name, spec in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        labels = spec.get("x-labels", [])
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise ValueError(f"{here}: x-labels must be a list of strings")
        if spec.get("x-role", ROLES[0]) not in ROLES:
            raise ValueError(f"{here}: x-role must be one of {', '.join(ROLES)}")
        check_extensions(spec, here)
        if isinstance(spec.get("items"), dict):
            check_extensions(spec["items"], here + "[]")


def _plain(spec: Any, root: Mapping[str, Any], followed: Sequence[str]) -> Schema:
    if not isinstance(spec, Mapping):
        return {}
    if "$ref" in spec:
        target = spec["$ref"]
        if target in followed:
            raise ValueError(f"{target} contains itself")
        others = {key: value for key, value in spec.items() if key != "$ref"}
        return {**_plain(_target(target, root), root, [*followed, target]), **others}
    for key in ("anyOf", "oneOf"):
        choices = [choice for choice in spec.get(key, ()) if choice != {"type": "null"}]
        if len(choices) == 1:
            others = {name: value for name, value in spec.items() if name != key}
            return _plain({**choices[0], **others}, root, followed)
    result = dict(spec)
    if isinstance(spec.get("properties"), Mapping):
        result["properties"] = {name: _plain(inner, root, followed) for name, inner in spec["properties"].items()}
    if "items" in spec:
        result["items"] = _plain(spec["items"], root, followed)
    return result


def _target(reference: Any, root: Mapping[str, Any]) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#/"):
        raise ValueError(f"$ref {reference!r}: only references within the schema (#/…) are followed")
    found: Any = root
    for part in reference[2:].split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        raise ValueError(f"$ref {reference!r}: the schema has no such definition")
    return found
