"""A document type's JSON Schema, read as a list of what to look for.

Every property becomes a `Field`, every array of objects `Rows` with a `Column` for each property of its items. A
property is matched with a concept of the lexicon by its name, its title, its `x-labels`, and those of the object it
stands in; one that is no known concept is looked for by its own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.extract.lexicon import Concept, Index, concepts
from engine.extract.text import key_of
from engine.plain_schema import type_of

Path = tuple[str, ...]

# How the kinds of concepts may be stated in a schema; `enum` goes with any.
_KINDS = {
    "number": {"money", "quantity"},
    "integer": {"quantity", "money"},
    "date": {"date"},
    "string": {"id", "vat_id", "iban", "party", "name", "address", "text", "currency", "time", "period"},
    "boolean": set(),
}
_OWN_KIND = {"number": "number", "integer": "integer", "boolean": "boolean", "date": "date", "string": "text"}
# What is known of a party, by how the property's name ends.
_PARTS = {
    "name": "name",
    "address": "address",
    "vatid": "vat_id",
    "taxid": "vat_id",
    "vatnumber": "vat_id",
    "taxnumber": "vat_id",
    "email": "email",
    "phone": "phone",
}
# Concepts that any type may have: its own name tells whose they are.
_GENERAL = {"number": ("no", "nr", "#", "id"), "date": ()}
_ROLES = {"seller": "issuer", "bank": "issuer", "buyer": "recipient", "account_holder": "recipient", "merchant": "shop"}
# A description this short is a label; longer ones explain.
_LABEL_WORDS = 4


@dataclass(frozen=True, slots=True)
class Field:
    """A single value to find. What belongs to a party, such as a seller's name, has `party` and `part` set.

    `party` is a key that the fields of one party share, `role` says how a party without a label is found: as the
    `issuer` of the document, its `recipient`, or the `shop` on a till's slip.
    """

    path: Path
    kind: str
    type: str
    sources: Mapping[str, float]
    options: Mapping[Any, tuple[str, ...]]
    party: str | None = None
    part: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A value of every row. `sources` are the concepts whose headings head it."""

    name: str
    kind: str
    type: str
    sources: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rows:
    """An array of objects to find."""

    path: Path
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a schema asks for, and the labels and headings that lead to it."""

    fields: tuple[Field, ...]
    rows: tuple[Rows, ...]
    labels: Index
    headings: Index


def plan_of(schema: Mapping[str, Any], type_name: str = "") -> Plan:
    """What to look for, to fill an object of this schema (in its plain form) from a document of the type so called."""
    return _plan(json.dumps(schema, sort_keys=False), type_name)


@lru_cache(maxsize=64)
def _plan(schema_json: str, type_name: str) -> Plan:
    reader = _SchemaReader(type_name)
    reader.read(json.loads(schema_json), ())
    known = concepts().values()
    return Plan(
        fields=tuple(reader.fields),
        rows=tuple(reader.rows),
        labels=Index([*(c for c in known if not c.column), *reader.own_labels]),
        headings=Index([*(c for c in known if c.column), *reader.own_headings]),
    )


class _SchemaReader:
    def __init__(self, type_name: str) -> None:
        self._type_name = type_name
        self.fields: list[Field] = []
        self.rows: list[Rows] = []
        self.own_labels: list[Concept] = []
        self.own_headings: list[Concept] = []

    def read(self, schema: Mapping[str, Any], path: Path, outer: Mapping[str, Any] | None = None) -> None:
        for name, spec in (schema.get("properties") or {}).items():
            kind = type_of(spec)
            if kind == "object":
                self.read(spec, (*path, name), spec)
            elif kind == "array":
                items = spec.get("items") or {}
                if type_of(items) == "object":
                    self.rows.append(Rows((*path, name), tuple(self._columns((*path, name), items))))
            else:
                self.fields.append(self._field((*path, name), spec, kind, outer))

    def _field(self, path: Path, spec: Mapping[str, Any], kind: str, outer: Mapping[str, Any] | None) -> Field:
        words = list(_words(path[-1], spec))
        if outer is not None and len(path) > 1:
            words += [f"{around} {word}" for around in _words(path[-2], outer) for word in words]
        party, part = _party(path, outer)
        options = _options(spec)
        fitting = {c.name for c in concepts().values() if not c.column and _fits(c, spec, kind, options)}
        if party:
            role = (outer or {}).get("x-role") or spec.get("x-role") or _ROLES.get(party)
            own = self._party_labels(path, spec, outer)
            return Field(path, "party", kind, {party: 1.0, **own}, options, ".".join((*path[:-1], party)), part, role)
        concept = _known(words, fitting) or _known(list(_explanation(spec)), fitting)
        name = "own:" + ".".join(path)
        labels = [key_of(label) for label in spec.get("x-labels", [])]
        if concept is None:
            labels += [key_of(word) for word in (*words, *_explanation(spec))]
        if len(path) == 1 and (concept is None or concept.name in _GENERAL):
            # `Delivery note no.` is the number of a delivery note.
            more = _GENERAL.get(concept.name, ()) if concept else ()
            labels += [key_of(f"{self._type_name} {word}") for word in (*words, *more)]
        if labels:
            own_kind = concept.kind if concept else _own_kind(spec, kind)
            self.own_labels.append(Concept(name, own_kind, frozenset(filter(None, labels))))
        if concept is None:
            return Field(path, "choice" if options else _own_kind(spec, kind), kind, {name: 1.0}, options)
        sources = {**concept.sources, **({name: 1.0} if labels else {})}
        if options and concept.values:
            options = {o: (*texts, *concept.values.get(str(o), ())) for o, texts in options.items()}
        return Field(path, "choice" if options else concept.kind, kind, sources, options)

    def _party_labels(self, path: Path, spec: Mapping[str, Any], outer: Mapping[str, Any] | None) -> dict[str, float]:
        given = (outer or {}).get("x-labels") or spec.get("x-labels") or []
        labels = frozenset(filter(None, (key_of(label) for label in given)))
        if not labels:
            return {}
        name = "own:" + ".".join(path[:-1])
        self.own_labels.append(Concept(name, "party", labels))
        return {name: 1.0}

    def _columns(self, path: Path, items: Mapping[str, Any]) -> Iterator[Column]:
        for name, spec in (items.get("properties") or {}).items():
            kind = type_of(spec)
            if kind in ("object", "array"):
                continue
            keys = {key_of(word) for word in _words(name, spec)}
            keys |= {key_of(label) for label in spec.get("x-labels", [])}
            sources = {c.name for c in concepts().values() if c.column and c.keys & keys and _fits(c, spec, kind, {})}
            own = "own:" + ".".join((*path, name))
            self.own_headings.append(Concept(own, _own_kind(spec, kind), frozenset(filter(None, keys)), column=True))
            kinds = [concepts()[source].kind for source in sources]
            yield Column(name, kinds[0] if kinds else _own_kind(spec, kind), kind, frozenset({own, *sources}))


def _own_kind(spec: Mapping[str, Any], kind: str) -> str:
    return "date" if kind == "string" and spec.get("format") in ("date", "date-time") else _OWN_KIND.get(kind, "text")


def _fits(concept: Concept, spec: Mapping[str, Any], kind: str, options: Mapping[Any, tuple[str, ...]]) -> bool:
    if concept.kind == "choice":
        return bool(options)
    if kind == "string" and spec.get("format") == "date":
        return concept.kind == "date"
    return concept.kind in _KINDS.get(kind, set())


def _known(words: list[str], fitting: set[str]) -> Concept | None:
    """The concept that the longest of a property's words is a label of: `total` of a `grand_total` says less."""
    best: tuple[int, Concept] | None = None
    for key in (key_of(word) for word in words):
        for name in fitting:
            concept = concepts()[name]
            own = key == key_of(name.replace("_", " "))
            if (own or key in concept.keys) and (best is None or len(key) * 2 + own > best[0]):
                best = (len(key) * 2 + own, concept)
    return best[1] if best else None


def _words(name: str, spec: Mapping[str, Any]) -> Iterator[str]:
    yield " ".join(re.split(r"[_\s-]+|(?<=[a-z])(?=[A-Z])", name))
    if spec.get("title"):
        yield spec["title"]


def _explanation(spec: Mapping[str, Any]) -> Iterator[str]:
    description = str(spec.get("description", "")).rstrip(".")
    if description and len(description.split()) <= _LABEL_WORDS:
        yield description


def _party(path: Path, outer: Mapping[str, Any] | None) -> tuple[str | None, str | None]:
    """Whose what a property is: (`seller`, `name`) for `seller.name`, `seller_name` and `supplier.company_name`.

    Any object with an `x-role` is a party, whatever it is called.
    """
    key = key_of("".join(path))
    for concept in concepts().values():
        if concept.kind == "party" and key == concept.name.replace("_", ""):
            return concept.name, "name"
    own = path[-2] if outer is not None and outer.get("x-role") and len(path) > 1 else None
    for ending, part in _PARTS.items():
        before = key.removesuffix(ending).removesuffix("company")
        if not key.endswith(ending) or not before:
            continue
        for concept in concepts().values():
            if concept.kind == "party" and (before == concept.name.replace("_", "") or before in concept.keys):
                return concept.name, part
        if own is not None:
            return own, part
    return None, None


def _options(spec: Mapping[str, Any]) -> dict[Any, tuple[str, ...]]:
    return {value: (str(value).replace("_", " "),) for value in spec.get("enum", ()) if value is not None}
