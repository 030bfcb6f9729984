"""Names of files and objects as keys: printable, and reversible whatever is in them."""

from __future__ import annotations

import sys
from urllib.parse import quote, unquote_to_bytes

#: How Python keeps bytes of a file's name that are no text; an object's name is always text.
ODD = sys.getfilesystemencodeerrors()


def printable(name: str) -> str:
    """The name as a key: what is not printable, and `%` itself, is %-escaped as UTF-8."""
    if name.isprintable() and "%" not in name:
        return name
    return "".join(
        character if character.isprintable() and character != "%" else quote(character.encode("utf-8", ODD), safe="")
        for character in name
    )


def original(key: str) -> str | None:
    """The name that a key stands for; `None` for one that `printable` never makes."""
    try:
        name = unquote_to_bytes(key).decode("utf-8", ODD)
        return name if printable(name) == key else None
    except UnicodeError:
        return None
