"""Lists of words that tell one piece of print from another (`words.json`), folded as by `key_of`."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files


@cache
def words(name: str) -> frozenset[str]:
    """The list called `name`."""
    return frozenset(_all()[name])


@cache
def _all() -> dict[str, list[str]]:
    raw: dict[str, list[str]] = json.loads(files(__package__).joinpath("words.json").read_text(encoding="utf-8"))
    return raw
