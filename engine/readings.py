"""Readings kept by the hash of the bytes, so that identification and extraction of one document read it once.

Files come and go whole (written aside, then renamed), so any number of processes may use the folder at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from engine.documents import Reading

#: The space that kept readings may take, in bytes: some thousand pages.
MOST_BYTES = 256 * 2**20

_READING = TypeAdapter(Reading)


def load_reading(folder: Path, sha256: str) -> Reading | None:
    """The reading of the bytes with this hash, if this version of the reader left one."""
    path = _path(folder, sha256)
    try:
        reading = _READING.validate_json(path.read_bytes())
        os.utime(path)  # what is used stays longest
    except (OSError, ValidationError):
        return None
    return reading


def keep_reading(folder: Path, sha256: str, reading: Reading) -> None:
    """Keep a reading; one that cannot be written (no space, text that is no Unicode) is read anew another time."""
    aside = folder / f"{uuid.uuid4().hex}.part"
    with contextlib.suppress(OSError, ValueError):
        try:
            aside.write_bytes(_READING.dump_json(reading))
            aside.replace(_path(folder, sha256))
        finally:
            aside.unlink(missing_ok=True)


def prune_readings(folder: Path, most_bytes: int = MOST_BYTES) -> None:
    """Delete the files that were used longest ago until the folder takes at most `most_bytes`."""
    files = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            state = path.stat()
            files.append((state.st_mtime, state.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= most_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size


def _path(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}.{_reader()}.json"


@cache
def _reader() -> str:
    """Names the reader by its source, so that a changed one does not find the readings of its predecessor."""
    here = Path(__file__).parent
    sources = [here / "documents.py", *sorted((here / "reading").rglob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
