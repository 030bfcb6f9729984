"""A document on its way to disk."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from engine import errors

# What file types are told by; PDF's mark may stand anywhere in the first 1,024 bytes.
_HEAD = 8192


class Upload:
    """A new file in `folder` of at most `most_bytes` bytes, hashed as it grows. Without a folder nothing is kept of it.

    A context manager: at the end the file is deleted, unless `keep` moved it to its place.
    """

    def __init__(self, folder: Path | None, most_bytes: int) -> None:
        self._path = (folder or Path()) / uuid.uuid4().hex
        self._file = self._path.open("wb") if folder else None
        self._digest = hashlib.sha256()
        self._most_bytes = most_bytes
        self.size = 0
        self.head = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Append `data`. Raises `ApiError` (413) when the file grows too large."""
        self.size += len(data)
        if self.size > self._most_bytes:
            raise errors.too_large(self._most_bytes)
        if len(self.head) < _HEAD:
            self.head += data[: _HEAD - len(self.head)]
        self._digest.update(data)
        if self._file:
            self._file.write(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def keep(self, path: Path) -> None:
        """The document is complete: move it to `path`, on the same file system."""
        if self._file:
            self._file.close()
            self._path.replace(path)
