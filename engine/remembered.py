"""Dictionaries that do not grow for ever."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

#: Entries that are kept; the oldest is forgotten first. A quarter of a million takes some 50 MB.
MOST = 250_000

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


def remember(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    kept[key] = value
    if len(kept) > MOST:
        del kept[next(iter(kept))]


def count(counts: dict[_Key, int], key: _Key) -> int:
    """Count `key` once more and return how often it was counted."""
    remember(counts, key, counts.get(key, 0) + 1)
    return counts[key]
