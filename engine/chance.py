"""Chance that can be repeated: the same question has the same answer in every process, whenever it is asked."""

from __future__ import annotations

import hashlib

_ALL = 2**64


def chance(*question: object) -> float:
    """A number of [0, 1), evenly spread over questions."""
    text = "\x1f".join(map(str, question)).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / _ALL


def pick(count: int, *question: object) -> int:
    """A whole number of [0, `count`)."""
    return int(chance(*question) * count)
