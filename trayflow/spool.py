"""Bytes on their way: copied to a spool file, hashed as they pass, and looked at before anything is paid for."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import threading
import warnings
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO

import filetype
import pypdfium2 as pdfium
from PIL import Image

from trayflow.errors import DocumentError
from trayflow.models import Spooled
from trayflow.reasons import Reason

#: What the service accepts, by content.
ACCEPTED_TYPES = frozenset({"application/pdf", "image/jpeg", "image/png", "image/gif", "image/bmp", "image/webp"})

CHUNK = 1 << 20

#: Bytes from the beginning that tell a file's type; what `filetype` itself looks at.
HEAD = 8192

#: Documents are taken on several threads, but looked at one by one: PDFium is not thread-safe, and a decoded page of a
#: hundred megapixels takes 300 MB.
LOOKING = threading.Lock()


class Spool:
    """A run's folder for documents under way. Files are named by document id, so no key can name a path.

    A document takes at most `max_bytes`, all of them together `total`, unless a single one is larger than that.
    """

    def __init__(self, folder: Path, max_bytes: int, total: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._total = total
        self._held: dict[str, int] = {}
        self._freed = asyncio.Condition()
        folder.mkdir(parents=True, exist_ok=True)

    async def make_room(self, document_id: str, size: int) -> None:
        """Wait until a document of `size` bytes may be taken. Raises `DocumentError` for one that is too large."""
        if size > self._max_bytes:
            raise self._too_large()
        async with self._freed:
            self._held.pop(document_id, None)
            await self._freed.wait_for(lambda: not self._held or sum(self._held.values()) + size <= self._total)
            self._held[document_id] = size

    def take(self, document_id: str, stream: BinaryIO) -> Spooled:
        """Copy a document here.

        Raises `DocumentError` when it is empty, too large, encrypted, or of a type that the service does not take.
        """
        path = self._folder / document_id
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("wb") as copy:
                for chunk in _chunks(stream):
                    size += len(chunk)
                    if size > self._max_bytes:
                        raise self._too_large()
                    digest.update(chunk)
                    copy.write(chunk)
            return Spooled(path, size, digest.hexdigest(), check(path, size))
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    async def drop(self, document_id: str) -> None:
        """The document needs its bytes no more."""
        (self._folder / document_id).unlink(missing_ok=True)
        async with self._freed:
            if self._held.pop(document_id, None) is not None:
                self._freed.notify_all()

    def close(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _too_large(self) -> DocumentError:
        return DocumentError(Reason.TOO_LARGE, f"Larger than the limit of {self._max_bytes:,} bytes.")


def sweep(folder: Path, living: Container[str]) -> None:
    """Take away what runs left in their folders below this one when they were killed."""
    for left in folder.glob("*/"):
        if left.name not in living:
            shutil.rmtree(left, ignore_errors=True)


def check(path: Path, size: int) -> str:
    """The content type of a file, by its content. Raises `DocumentError` for what the service could not read."""
    if size == 0:
        raise DocumentError(Reason.EMPTY_FILE, "The file is empty.")
    kind = _sniff(path)
    if kind not in ACCEPTED_TYPES:
        content = f"{kind} content" if kind else "nothing that is known as a document"
        raise DocumentError(
            Reason.UNSUPPORTED_TYPE, f"The file holds {content}; taken are PDF, JPEG, PNG, GIF, BMP and WebP."
        )
    if kind == "application/pdf":
        _check_pdf(path)
    else:
        _check_image(path)
    return kind


def _sniff(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(HEAD)
    kind = filetype.guess(head)
    if kind is None:
        # Readers look for a PDF's header anywhere in the first kilobyte, so some writers put other things before it.
        return "application/pdf" if b"%PDF-" in head[:1024] else None
    return str(kind.mime)


def _check_pdf(path: Path) -> None:
    try:
        with LOOKING:
            pdf = pdfium.PdfDocument(path)
            pages = len(pdf)
            pdf.close()
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium.raw.FPDF_ERR_PASSWORD:
            raise DocumentError(
                Reason.ENCRYPTED, "The PDF needs a password: save it without one and put it back."
            ) from None
        raise DocumentError(Reason.UNREADABLE, "The PDF is broken: it cannot be opened.") from None
    if pages == 0:
        raise DocumentError(Reason.UNREADABLE, "The PDF has no pages.")


def _check_image(path: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with LOOKING, Image.open(path) as image:
                image.load()  # opening looks at the header alone; half an upload has a good one
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DocumentError(Reason.TOO_LARGE, "The image has more pixels than a page can need.") from None
    except Exception:  # Pillow's decoders raise whatever the bytes provoke
        raise DocumentError(Reason.UNREADABLE, "The image is broken: it cannot be opened.") from None


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
