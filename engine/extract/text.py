"""Comparing print across languages, fonts and OCR slips."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# A number sign is written #, n°, nº or №: the last three fold to "no".
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[#%°º№]")
_SIGNS = str.maketrans({"°": "o", "ß": "ss", "\u0131": "i", "ø": "o", "ł": "l"})
# OCR takes these letters for digits inside of a word.
_SLIPS = {"0": "o", "1": "l", "5": "s", "8": "b"}
_DIGIT_IN_WORD = re.compile(r"(?<=[^\W\d_])[0158](?=[^\W\d_])|\b[015](?=[^\W\d_]{3})")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign of a text, folded, with where it stands."""

    key: str
    start: int
    end: int


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """The text in small letters without accents; punctuation stays."""
    plain = unicodedata.normalize("NFKD", text.translate(_SIGNS))
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()


@lru_cache(maxsize=16384)
def key_of(text: str) -> str:
    """What two texts have in common when they differ in case, accents, spaces and punctuation only."""
    return "".join(token.key for token in tokens_of(text))


def tokens_of(text: str) -> list[Token]:
    """The words, numbers and signs of a text."""
    return [Token(fold(match.group()), match.start(), match.end()) for match in _TOKEN.finditer(text)]


def without_slips(text: str) -> str:
    """The text of the same length, with digits inside words read as the letters they look like."""
    return _DIGIT_IN_WORD.sub(lambda match: _SLIPS[match.group()], text)


def tidy(text: str) -> str:
    """A value as a person would copy it: single spaces, no stray separators around it."""
    return re.sub(r"\s+", " ", text).strip(" \t:;,|=*_•●·~-–—").strip()
