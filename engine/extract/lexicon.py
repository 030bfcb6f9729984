"""The words that documents use for what we look for, in several languages (`lexicon.json`).

A concept has a kind (what its value looks like), labels per language, and `also`: other concepts whose labels will do
when its own is not found, with how well they do. Concepts with `column` head the columns of tables; all others label
single values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from engine.extract.text import key_of

# Below five letters, one wrong letter makes another word (cash, card; net, nett).
_SHORTEST_FUZZY = 5
_ALIKE, _ALIKE_WHEN_LONG, _LONG = 0.84, 0.8, 12


@dataclass(frozen=True, slots=True)
class Concept:
    """Something that documents state, such as a due date."""

    name: str
    kind: str
    keys: frozenset[str]
    also: Mapping[str, float] = field(default_factory=dict)
    column: bool = False
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def sources(self) -> dict[str, float]:
        """The concepts whose labels may lead to this one's value, with how well they do (1 for its own)."""
        return {self.name: 1.0, **self.also}


class Index:
    """Finds the concepts that a piece of print is a label of."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self._concepts: dict[str, tuple[str, ...]] = {}
        for concept in concepts:
            for key in concept.keys:
                self._concepts[key] = (*self._concepts.get(key, ()), concept.name)
        self.longest = max((len(key) for key in self._concepts), default=0)
        self._by_length: dict[int, list[str]] = {}
        for key in self._concepts:
            if len(key) >= _SHORTEST_FUZZY:
                self._by_length.setdefault(len(key), []).append(key)
        self._known: dict[str, tuple[tuple[str, ...], float]] = {}

    def exact(self, key: str) -> tuple[str, ...]:
        """The concepts that have this very label."""
        return self._concepts.get(key, ())

    def alike(self, key: str) -> tuple[tuple[str, ...], float]:
        """The concepts of the most similar label and how similar it is; none when nothing is close."""
        if len(key) < _SHORTEST_FUZZY:
            return (), 0.0
        if key not in self._known:
            near = [k for length in range(len(key) - 2, len(key) + 3) for k in self._by_length.get(length, ())]
            cutoff = _ALIKE_WHEN_LONG if len(key) >= _LONG else _ALIKE
            best = process.extractOne(key, near, scorer=Levenshtein.normalized_similarity, score_cutoff=cutoff)
            self._known[key] = (self._concepts[best[0]], float(best[1])) if best else ((), 0.0)
        return self._known[key]


@cache
def concepts() -> dict[str, Concept]:
    """All concepts by name."""
    raw: dict[str, Any] = json.loads(files(__package__).joinpath("lexicon.json").read_text(encoding="utf-8"))
    return {
        name: Concept(
            name=name,
            kind=entry["kind"],
            keys=frozenset(key_of(label) for labels in entry["labels"].values() for label in labels),
            also=entry.get("also", {}),
            column=entry.get("column", False),
            values={value: tuple(words) for value, words in entry.get("values", {}).items()},
        )
        for name, entry in raw.items()
    }


@cache
def label_index() -> Index:
    """The labels of single values."""
    return Index(concept for concept in concepts().values() if not concept.column)


@cache
def column_index() -> Index:
    """The headings of columns."""
    return Index(concept for concept in concepts().values() if concept.column)
