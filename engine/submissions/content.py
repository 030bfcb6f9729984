"""What a document is, by its content and by what it was declared to be."""

from __future__ import annotations

import filetype

from engine import errors
from engine.submissions.upload import Upload

#: The content types that the DocuTray API takes.
ACCEPTED = frozenset({"application/pdf", "image/jpeg", "image/png", "image/gif", "image/bmp", "image/webp"})

# Declarations that say nothing: the content alone decides.
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_SYNONYMS = {"image/jpg": "image/jpeg", "image/x-ms-bmp": "image/bmp", "application/x-pdf": "application/pdf"}
# Readers take a PDF whose mark stands within its first 1,024 bytes (ISO 32000, annex H of 1.7, note 13).
_PDF_MARK, _PDF_MARK_WITHIN = b"%PDF-", 1024


def content_type_of(upload: Upload, declared: object) -> str:
    """The type of a complete upload.

    The content decides: clients declare bytes without a name as PDF, whatever they are. But what is declared as none
    of the accepted types is not looked into. Raises `ApiError` (400) for what is none of them by either measure.
    """
    told = declared.partition(";")[0].strip().lower() if isinstance(declared, str) else ""
    if _SYNONYMS.get(told, told) not in ACCEPTED | _UNTOLD:
        raise errors.validation([f"image: unsupported content type; accepted are {', '.join(sorted(ACCEPTED))}"])
    if upload.size == 0:
        raise errors.validation(["image: the file is empty"])
    found = _sniffed(upload.head)
    if found not in ACCEPTED:
        raise errors.validation([f"image: the content is none of {', '.join(sorted(ACCEPTED))}"])
    return found


def _sniffed(head: bytes) -> str:
    if _PDF_MARK in head[:_PDF_MARK_WITHIN]:
        return "application/pdf"
    return filetype.guess_mime(head) or ""
