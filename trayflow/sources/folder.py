"""A folder as a source: its files, recursively, in the order of their names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote_to_bytes

from trayflow.errors import DocumentError, SettingsError
from trayflow.models import Found
from trayflow.reasons import Reason

#: Files listed and compared with the ledger at once.
PAGE = 500

#: Names that programs give to files which are not there yet, or not meant to be seen.
TEMPORARY = re.compile(r"^(\.|~\$)|(~|\.tmp|\.part|\.partial|\.crdownload|\.swp)$", re.IGNORECASE)


class Folder:
    """All documents below one folder. Hidden and temporary names are passed over, symbolic links not followed."""

    def __init__(self, root: Path) -> None:
        """Raises `SettingsError` when `root` is no folder that can be listed."""
        if not root.is_dir():
            raise SettingsError(f"There is no folder {root}.")
        if not os.access(root, os.R_OK | os.X_OK):
            raise SettingsError(f"The folder {root} cannot be read.")
        self._root = root.resolve()
        self.uri = self._root.as_uri()

    def pages(self) -> Iterator[tuple[Found, ...]]:
        """The files, a page at a time: a folder of a million files is never held whole."""
        files = self._walk(self._root)
        while page := tuple(_take(files, PAGE)):
            yield page

    def open(self, key: str) -> BinaryIO:
        """A file's bytes. Raises `DocumentError` when it is gone, is no plain file below the root, or unreadable."""
        path = self._root / os.fsdecode(unquote_to_bytes(key))
        try:
            if not path.resolve().is_relative_to(self._root) or not path.is_file():
                raise DocumentError(Reason.VANISHED, "The file is no longer there.")
            return path.open("rb")
        except PermissionError:
            raise DocumentError(Reason.UNREADABLE, "The file may not be read: check its permissions.") from None
        except OSError as error:
            raise DocumentError(Reason.VANISHED, f"The file cannot be opened: {error.strerror}.") from None

    def _walk(self, folder: Path) -> Iterator[Found]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return  # a folder that vanished or is closed to us holds nothing for us
        for entry in entries:
            if TEMPORARY.search(entry.name) or entry.is_symlink():
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                found = self._found(entry)
                if found is not None:
                    yield found

    def _found(self, entry: os.DirEntry[str]) -> Found | None:
        try:
            stat = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        return Found(
            key=_key(os.path.relpath(entry.path, self._root)),
            # What web servers make a file's etag of: it changes whenever the bytes may have.
            version=f"{stat.st_mtime_ns:x}-{stat.st_size:x}",
            size=stat.st_size,
            modified=datetime.fromtimestamp(stat.st_mtime, UTC),
        )


def _key(relative: str) -> str:
    """A printable name that `Folder.open` can turn back into the path, whatever bytes are in it."""
    return "".join(
        character if character.isprintable() and character != "%" else quote(os.fsencode(character), safe="")
        for character in relative.replace(os.sep, "/")
    )


def _take(files: Iterator[Found], count: int) -> Iterator[Found]:
    for _, found in zip(range(count), files, strict=False):
        yield found
