"""Names of tables and columns: safe wherever they end up, and never two things under one name.

Codes and field names are an account's data. A table's name becomes a file's, so it must not leave the folder, nor mean
something to a file system, nor differ from another one in case alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from trayflow.columns.fields import FieldPath
from trayflow.columns.values import printable

#: On every row, in this order.
LINEAGE = (
    "document_id",
    "source_uri",
    "sha256",
    "document_type",
    "confidence",
    "step_id",
    "execution_id",
    "processed_at",
)
#: The same in a child table, where `line` counts from 1.
LINE_LINEAGE = ("document_id", "line", *LINEAGE[1:])

#: Longer names are cut: with its ending a file's name must stay below 255 bytes.
LONGEST_TABLE = 100
LONGEST_COLUMN = 200

_PLAIN_TABLE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LONGEST_TABLE - 1}}}")
_LIKE_A_HASH = re.compile(r"_[0-9a-f]{10}\Z")
#: Names that Windows keeps for devices (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def table_name(code: str, field: FieldPath = ()) -> str:
    """The table of a document type, or of one of its fields: the code itself, or `code_field`.

    A name with anything but ASCII letters, digits, `_` and `-`, one too long or one with a meaning of its own is made
    safe and gets a hash of what it stands for: different codes never share one.
    """
    name = "_".join((code, *field))
    if _PLAIN_TABLE.fullmatch(name) and name.lower() not in _DEVICES and not _LIKE_A_HASH.search(name):
        return name
    slug = re.sub(r"[^A-Za-z0-9-]+", "_", name).strip("_-")[: LONGEST_TABLE - 11].rstrip("_-")
    return f"{slug or 'table'}_{_hash(code, *field)}"


def column_name(field: FieldPath) -> str:
    """The column of a field: its name, or `a_b` for the field b of an object a.

    Control characters become blanks, a leading `=`, `+`, `-` or `@` becomes `_`: a spreadsheet must not run a heading.
    """
    name = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", printable("_".join(field))).split())
    name = re.sub(r"^[=+\-@＝＋－＠]", "_", name)  # noqa: RUF001 - spreadsheets run these as well
    return name if len(name) <= LONGEST_COLUMN else f"{name[: LONGEST_COLUMN - 11]}_{_hash(*field)}"


def column_names(fields: Iterable[FieldPath], taken: Iterable[str]) -> dict[FieldPath, str]:
    """A column for each field. A name that differs at most in case from one that is taken gets `_2`, `_3`, ….

    Taken first are lineage columns; then, in the order of the schema, fields whose own name is free keep it.
    """
    used = {name.casefold() for name in taken}
    names: dict[FieldPath, str] = {}
    late: list[FieldPath] = []
    for path in fields:
        name = column_name(path) or "field"
        if name.casefold() in used:
            late.append(path)
        else:
            names[path] = name
            used.add(name.casefold())
    for path in late:
        name = column_name(path) or "field"
        names[path] = next(free for n in count(2) if (free := f"{name}_{n}").casefold() not in used)
        used.add(names[path].casefold())
    return names


class TableNames:
    """Who has which table, so that no two kinds of rows meet in one.

    The first to come keeps the plain name. Another one gets a hash behind it: a name that differs in case alone (they
    would be one file on some systems), and a document type called like another type's child table.
    """

    def __init__(self, present: Mapping[str, Sequence[str]]) -> None:
        """`present`: the columns of the tables that are there already."""
        self._owners = {
            name.casefold(): (name, tuple(columns[:2]) == LINE_LINEAGE[:2]) for name, columns in present.items()
        }

    def settle(self, name: str, *, lines: bool) -> str:
        """The name to use for the table that would be called `name`; `lines` for a child table."""
        owner = (name, lines)
        while self._owners.setdefault(owner[0].casefold(), owner) != owner:
            owner = (f"{name}_{_hash(owner[0], str(lines))}", lines)
        return owner[0]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:10]
