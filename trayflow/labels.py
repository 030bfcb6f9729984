"""How things are called where people read them: a source in a few words, and text from outside in a markdown table."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.request import url2pathname

#: Characters of a source's short name, and of the part of an artifact's key that comes from it.
SHORT, SLUG = 60, 40

#: What may mean something in a line of markdown: its signs, an underscore that is not inside a word, the dot and the
#: colon that make a link of an address, and what makes a list, a heading or a rule of the beginning of a line.
_MARKUP = re.compile(
    r"[\\`*\[\]<>|~&!#$@{}^]|:(?=//)|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.|^[+=-]",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?= |$)")


def short(address: str) -> str:
    """A source in a few words: `bucket/prefix`, or the last two parts of a folder's path; printable, no passwords."""
    if "://" in address and not address.startswith("file://"):
        place = address.split("://", 1)[1]
        host, *prefix = [part for part in place.split("/") if part] or [place]
        parts = [host.rpartition("@")[2], *prefix]
    else:
        path = url2pathname(address.removeprefix("file://")) if address.startswith("file://") else address
        whole = Path(os.path.expanduser(path)).absolute()  # as it is where nobody is called so
        parts = [part for part in whole.parts[-2:] if part != whole.anchor] or [whole.anchor]
    name = "".join(character if character.isprintable() else "_" for character in "/".join(parts))
    return name if len(name) <= SHORT else f"{name[: SHORT // 3]}…{name[-(SHORT - SHORT // 3 - 1) :]}"


def without_password(address: str) -> str:
    """An address without the user and password that it may hold."""
    return re.sub(r"(?<=://)[^/]*@", "", address)


def artifact_key(what: str, source: str) -> str:
    """One key a source, the same for ever: artifacts with the same key are versions of one another in Prefect."""
    slug = re.sub(r"[^a-z0-9]+", "-", short(source).lower())[:SLUG].strip("-")
    return "-".join(filter(None, (what, slug, hashlib.sha256(source.encode()).hexdigest()[:8])))


def plain(text: str) -> str:
    """Text from outside as markdown, in one line or one cell of a table: whatever is in it, it reads as it is.

    Markup is escaped with backslashes: Prefect's UI shows character references as they are. What cannot be printed
    becomes a blank.
    """
    line = "".join(character if character.isprintable() else " " for character in text)
    return _NUMBERED.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", line.strip(" ")))


def code(text: str) -> str:
    """Text from outside as code, to be copied as it is; nothing for nothing."""
    line = "".join(character if character.isprintable() else " " for character in text)
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if longest else ""
    return f"{fence}{padding}{line}{padding}{fence}" if line else ""


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
