"""A folder as a source: its files, recursively, in the order of their names."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import compress
from operator import not_
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from trayflow.errors import DocumentError, ReplacedError, SettingsError
from trayflow.models import Document, Found, Listing, Skipped
from trayflow.reasons import Reason
from trayflow.sources.names import original, printable
from trayflow.sources.patterns import Patterns

#: Files listed and compared with the ledger at once.
PAGE = 500

#: Names that programs give to files which are not there yet, or not meant to be seen.
TEMPORARY = re.compile(r"^(\.|~\$)|(~|\.tmp|\.part|\.partial|\.crdownload|\.swp)$", re.IGNORECASE)

UNFINISHED = "still being written"


class Folder:
    """All documents below one folder. Hidden and temporary names are passed over, symbolic links not followed."""

    def __init__(self, root: Path, patterns: Patterns | None = None, settle: float = 0.0) -> None:
        """A file counts as written when it has stood still for `settle` seconds.

        Raises `SettingsError` when `root` is no folder that can be listed.
        """
        if not root.is_dir():
            raise SettingsError(f"There is no folder {root}.")
        if not os.access(root, os.R_OK | os.X_OK):
            raise SettingsError(f"The folder {root} cannot be read.")
        self.root = root.resolve()
        self.uri = self.root.as_uri()
        self.patterns = patterns or Patterns()
        self._settle = settle

    def pages(self) -> Iterator[Listing]:
        """The files, a page at a time: a folder of a million files is never held whole.

        Those that may still be written come last, if they have stood still by then; the others are skipped.
        """
        files, fresh = self._walk(self.root), list[Found]()
        while page := list(_take(files, PAGE)):
            written, unsure = self._divide(page)
            yield Listing(tuple(written))
            fresh += unsure
            if len(fresh) >= PAGE:
                yield self._settled(fresh)
                fresh = []
        if fresh:
            yield self._settled(fresh)

    def find(self, keys: Collection[str]) -> Listing:
        """The files under these keys, once they have stood still; what has not by then is skipped."""
        written, fresh = self._divide([file for key in dict.fromkeys(keys) if (file := self._look(key))])
        settled = self._settled(fresh)
        return Listing((*written, *settled.found), settled.skipped)

    @contextmanager
    def open(self, document: Document) -> Iterator[BinaryIO]:
        """A file's bytes.

        Raises `DocumentError` when it is gone, is no plain file below the root, or unreadable, and `ReplacedError` when
        it is another version, or has become one by the end of the block.
        """
        with self._opened(document.key) as file:
            _require(document.version, file)
            try:
                yield file
            except DocumentError:
                _require(document.version, file)  # half a file may look like a broken one
                raise
            _require(document.version, file)

    def link(self, document: Document, seconds: int) -> str:
        """Raises `SettingsError`: nobody else can reach a file here."""
        raise SettingsError('A folder\'s files have no address: source.submit = "url" is for buckets.')

    def key(self, path: str | os.PathLike[str]) -> str | None:
        """The key of a path below the root; `None` for one that is passed over."""
        if not self._is_ours(path):
            return None
        key = _key(os.path.relpath(path, self.root))
        return key if self.patterns.take(key) else None

    def key_at(self, address: str) -> str | None:
        """The key of a file by its `file://` URI or path; `None` for one that is passed over."""
        return self.key(url2pathname(urlsplit(address).path) if address.startswith("file://") else address)

    def below(self, path: str | os.PathLike[str]) -> set[str]:
        """The keys of all files below a folder that is itself below the root."""
        return {file.key for file in self._walk(Path(path))} if self._is_ours(path) else set()

    def _opened(self, key: str) -> BinaryIO:
        path = self._path(key)
        try:
            if path is None or not path.is_file():
                raise DocumentError(Reason.VANISHED, "The file is no longer there.")
            return path.open("rb")
        except PermissionError:
            raise DocumentError(Reason.UNREADABLE, "The file may not be read: check its permissions.") from None
        except OSError as error:
            raise DocumentError(Reason.VANISHED, f"The file cannot be opened: {error.strerror}.") from None

    def _is_ours(self, path: str | os.PathLike[str]) -> bool:
        parts = os.path.relpath(path, self.root).split(os.sep)
        return parts[0] not in (os.pardir, os.curdir) and not any(TEMPORARY.search(part) for part in parts)

    def _path(self, key: str) -> Path | None:
        """Where a key leads; `None` for a hostile one, and for one that has become a link."""
        name = original(key)
        if name is None:
            return None
        path = self.root / name
        try:
            return path if path.resolve() == path and path.is_relative_to(self.root) else None
        except (OSError, ValueError):
            return None

    def _look(self, key: str) -> Found | None:
        path = self._path(key)
        if path is None or self.key(path) != key:
            return None
        try:
            return self._found(str(path), path.stat()) if path.is_file() else None
        except OSError:
            return None

    def _walk(self, folder: Path) -> Iterator[Found]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return  # a folder that vanished or is closed to us holds nothing for us
        for entry in entries:
            if TEMPORARY.search(entry.name) or entry.is_symlink():
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    found = self._found(entry.path, entry.stat(follow_symlinks=False))
                    if self.patterns.take(found.key):
                        yield found
            except OSError:
                continue  # it vanished while we looked

    def _found(self, path: str, stat: os.stat_result) -> Found:
        return Found(
            key=_key(os.path.relpath(path, self.root)),
            version=_version(stat),
            size=stat.st_size,
            modified=datetime.fromtimestamp(stat.st_mtime, UTC),
        )

    def _divide(self, files: list[Found]) -> tuple[list[Found], list[Found]]:
        """Files that are surely written, and those that somebody may still be writing."""
        now = time.time()
        old = [now - file.modified.timestamp() >= self._settle if file.modified else True for file in files]
        return list(compress(files, old)), list(compress(files, map(not_, old)))

    def _settled(self, fresh: list[Found]) -> Listing:
        """Those of the fresh files that are the same once they have had the time to stand still."""
        if not fresh:
            return Listing(())
        age = min(time.time() - file.modified.timestamp() for file in fresh if file.modified)
        time.sleep(max(self._settle - max(age, 0.0), 0.0))  # a clock ahead of ours cannot make us wait for longer
        now = {found: self._look(found.key) for found in fresh}
        return Listing(
            tuple(found for found, file in now.items() if file == found),
            tuple(Skipped(found.key, UNFINISHED) for found, file in now.items() if file not in (found, None)),
        )


def _version(stat: os.stat_result) -> str:
    # What web servers make a file's etag of: it changes whenever the bytes may have.
    return f"{stat.st_mtime_ns:x}-{stat.st_size:x}"


def _require(version: str, file: BinaryIO) -> None:
    if _version(os.fstat(file.fileno())) != version:
        raise ReplacedError


def _key(relative: str) -> str:
    return printable(relative.replace(os.sep, "/"))


def _take(files: Iterator[Found], count: int) -> Iterator[Found]:
    for _, found in zip(range(count), files, strict=False):
        yield found
