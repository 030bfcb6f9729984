"""Which keys of a source are meant: globs to take, and globs to leave out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate


class Patterns:
    """Globs over whole keys, in which `*` crosses folders. Without any to take, every key is meant."""

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self._include = _any_of(include)
        self._exclude = _any_of(exclude)

    def take(self, key: str) -> bool:
        """Whether the key is meant."""
        if self._exclude and self._exclude.match(key):
            return False
        return self._include is None or self._include.match(key) is not None


def _any_of(globs: Iterable[str]) -> re.Pattern[str] | None:
    patterns = "|".join(translate(glob) for glob in globs)
    return re.compile(patterns) if patterns else None
