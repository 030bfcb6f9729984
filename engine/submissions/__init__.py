"""A POST with a document, in any of its three forms, becomes a `Submission` with the document in a file.

The forms are those of the DocuTray API: `multipart/form-data` with the file in the part `image`; JSON with
`image_base64`; JSON with `image_url`, which is downloaded here. Whatever the form, the document goes to disk as it
arrives, so that memory does not grow with it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from engine import errors
from engine.submissions.base64_json import read_json
from engine.submissions.content import content_type_of
from engine.submissions.download import download, filename_of
from engine.submissions.multipart import read_multipart
from engine.submissions.upload import Upload

__all__ = ["Submission", "receive"]

# Room in a body for what is not the document: the other fields, and the form's own punctuation.
_ROOM = 2 * 2**20


@dataclass(frozen=True, slots=True)
class Submission:
    """A complete document in `upload`, its type by content, and the other fields as they were sent."""

    upload: Upload
    content_type: str
    filename: str | None
    fields: dict[str, Any]

    def structure(self, name: str) -> Any:
        """A field that is JSON: text in a form, the value itself in a JSON body. Raises `ApiError` (400)."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise errors.validation([f"{name}: must be JSON"]) from None


@asynccontextmanager
async def receive(
    request: Request, folder: Path | None, *, most_bytes: int, download_seconds: float
) -> AsyncIterator[Submission]:
    """Take in the document of a POST, into a file in `folder` that is gone at the end unless it was kept.

    Without a folder the document is looked at as it passes, and no file is written.

    Raises `ApiError`: 400, 404 or 408 for a URL that gives no document, 413 as soon as the limit is passed, 415.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    declared_length = request.headers.get("content-length", "")
    is_json = kind == b"application/json"
    # Base64 takes four bytes for three.
    if declared_length.isdecimal() and int(declared_length) > (most_bytes * 4 // 3 if is_json else most_bytes) + _ROOM:
        raise errors.too_large(most_bytes)
    with Upload(folder, most_bytes) as upload:
        if is_json:
            submission = await _from_json(request, upload, download_seconds)
        elif kind == b"multipart/form-data":
            submission = await _from_form(request, upload, options.get(b"boundary", b""))
        else:
            raise errors.unsupported_body()
        yield submission


async def _from_form(request: Request, upload: Upload, boundary: bytes) -> Submission:
    form = await read_multipart(request.stream(), boundary, upload)
    declared = form.content_type or form.fields.get("image_content_type")
    return Submission(upload, content_type_of(upload, declared), form.filename, dict(form.fields))


async def _from_json(request: Request, upload: Upload, download_seconds: float) -> Submission:
    body = await read_json(request.stream(), upload)
    fields, filename = body.fields, None
    declared = body.content_type or fields.get("image_content_type")
    url = fields.get("image_url")
    if body.has_document == (url is not None):
        raise errors.validation(["image: give either image_base64 or image_url"])
    if url is not None:
        if not isinstance(url, str):
            raise errors.validation(["image_url: must be a string"])
        served_as = await download(url, upload, seconds=download_seconds)
        declared, filename = declared or served_as, filename_of(url)
    return Submission(upload, content_type_of(upload, declared), filename, fields)
