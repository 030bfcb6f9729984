"""Answers without any reading: made up from a document's hash, the same for the same bytes."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from engine.chance import chance, pick
from engine.documents import Candidate, DocumentType, Identification
from engine.plain_schema import Schema, type_of

# How sure a made-up identification is: above the 0.9 from which on the vendor says to go on.
CONFIDENCE = 0.97
# Texts that common patterns ask for: codes, numbers, dates, times.
_FORMS = ("EUR", "DE", "A1", "AB-123", "12", "1234", "12345678", "12:30", "2026-03-14", "a", "abc", "DE136695976")
_TEXTS = {
    "date-time": "2026-{month:02}-{day:02}T12:00:00Z",
    "date": "2026-{month:02}-{day:02}",
    "time": "12:{day:02}:00Z",
    "email": "office{number}@example.com",
    "ipv4": "192.0.2.{day}",
    "uri": "https://example.com/{number}",
    "uuid": "00000000-0000-4000-8000-{number:012}",
}


def identification(candidates: Sequence[DocumentType], sha256: str) -> Identification:
    """One of the candidates, chosen by the hash and not by their order; `other` comes last."""
    ranked = sorted(candidates, key=lambda candidate: candidate.code)
    winner = ranked.pop(pick(len(ranked), sha256, "type"))
    best = Candidate(winner.code, winner.name, CONFIDENCE)
    rest = [Candidate(candidate.code, candidate.name, 0.02) for candidate in ranked]
    return Identification(best, (best, *rest, Candidate("other", "Other", 0.01)))


def fields(schema: Schema, sha256: str) -> dict[str, Any]:
    """Fields that satisfy a plain schema (see engine.plain_schema) of type object; lists have one to three entries.

    What nothing can be made up for, as for rare patterns, is null.
    """
    return {name: _value(spec, sha256, name) for name, spec in schema.get("properties", {}).items()}


def _value(spec: Mapping[str, Any], sha256: str, path: str) -> Any:
    if "const" in spec:
        return spec["const"]
    if "enum" in spec:
        choices = [choice for choice in spec["enum"] if choice is not None]
        return choices[pick(len(choices), sha256, path)] if choices else None
    kind = type_of(spec)
    if kind == "object":
        return {name: _value(inner, sha256, f"{path}.{name}") for name, inner in spec.get("properties", {}).items()}
    if kind == "array":
        most = spec.get("maxItems", max(3, spec.get("minItems", 1)))
        count = min(most, max(spec.get("minItems", 1), 1 + pick(3, sha256, path)))
        return [_value(spec.get("items", {}), sha256, f"{path}.{index}") for index in range(count)]
    if kind in ("number", "integer"):
        return _number(spec, kind == "integer", chance(sha256, path))
    if kind == "boolean":
        return pick(2, sha256, path) == 1
    return _text(spec, sha256, path) if kind == "string" else None


def _number(spec: Mapping[str, Any], whole: bool, share: float) -> float | int:
    low: float | None
    high: float | None
    low, high = (spec.get(name, spec.get(f"exclusiveM{name[1:]}")) for name in ("minimum", "maximum"))
    if low is None:
        low = 1 if high is None else high - 1000
    if high is None:
        high = low + 1000
    step: float = spec.get("multipleOf", 1 if whole else 0.01)
    # Within the limits, which may themselves be excluded: a step inside of them.
    first, last = math.ceil(low / step + 1e-9), math.floor(high / step - 1e-9)
    if first > last:
        first = last = round(low / step)
    steps = first + int(share * (last - first + 1))
    return round(steps * step) if whole else round(steps * step, 6)


def _text(spec: Mapping[str, Any], sha256: str, path: str) -> str | None:
    number = pick(10_000, sha256, path)
    least, most = spec.get("minLength", 0), spec.get("maxLength", math.inf)
    if form := _TEXTS.get(spec.get("format", "")):
        text = form.format(number=number, month=1 + number % 12, day=1 + number % 28)
        return text if least <= len(text) <= most else None
    title = str(spec.get("title") or path.rpartition(".")[2])
    plain = f"{title} {number}"
    if "pattern" not in spec:
        return plain.ljust(least, string.ascii_lowercase[number % 26])[: int(min(most, 10**6))]
    fitting = [
        text for text in (*_FORMS, plain) if least <= len(text) <= most and re.search(spec["pattern"], text) is not None
    ]
    return fitting[0] if fitting else None
