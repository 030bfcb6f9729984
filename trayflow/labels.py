"""How things are called where people read them: a source in a few words, and text from outside in a markdown table."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

#: Characters of a source's short name, and of the part of an artifact's key that comes from it.
SHORT, SLUG = 60, 40

#: Letters and digits of any script, and what means nothing in the middle of a line of markdown. With a dot after `www`,
#: and a colon, an address would become a link.
_HARMLESS = re.compile(r"""[^\W_]|[ /,;'"()%=+-]|(?<!www)\.""", re.IGNORECASE)


def short(address: str) -> str:
    """A source in a few words: `bucket/prefix`, or the last two parts of a folder's path; printable, no passwords."""
    if "://" in address and not address.startswith("file://"):
        place = address.split("://", 1)[1]
        host, *prefix = [part for part in place.split("/") if part] or [place]
        parts = [host.rpartition("@")[2], *prefix]
    else:
        path = Path(url2pathname(urlsplit(address).path) if address.startswith("file://") else address)
        whole = path.expanduser().absolute()
        parts = [part for part in whole.parts[-2:] if part != whole.anchor] or [whole.anchor]
    name = "".join(character if character.isprintable() else "_" for character in "/".join(parts))
    return name if len(name) <= SHORT else f"{name[: SHORT // 3]}…{name[-(SHORT - SHORT // 3 - 1) :]}"


def artifact_key(what: str, source: str) -> str:
    """One key a source, the same for ever: artifacts with the same key are versions of one another in Prefect."""
    slug = re.sub(r"[^a-z0-9]+", "-", short(source).lower())[:SLUG].strip("-")
    return "-".join(filter(None, (what, slug, hashlib.sha256(source.encode()).hexdigest()[:8])))


def cell(text: str) -> str:
    """Text from outside as it is to be read in a cell of a markdown table: whatever is in it, it is nothing but text.

    What could be markup becomes a numeric character reference, what cannot be printed a blank.
    """
    out = []
    for match in re.finditer(r"(?s).", text):
        character = match.group()
        if not character.isprintable():
            out.append(" ")
        else:
            out.append(character if _HARMLESS.match(text, match.start()) else f"&#{ord(character)};")
    return "".join(out)


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def many(count: int, word: str) -> str:
    """`1 document`, `2,000 documents`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
