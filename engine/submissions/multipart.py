"""The form: the part `image` goes to the upload, the other parts are short texts."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from engine import errors
from engine.submissions.upload import Upload

# All parts but the file together, in bytes.
_MOST_TEXT = 2**20


@dataclass(slots=True)
class Form:
    """The texts by name, and the file's name and type as its part declares them."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    content_type: str = ""


async def read_multipart(body: AsyncIterable[bytes], boundary: bytes, upload: Upload) -> Form:
    """Take a form apart as it arrives. Raises `ApiError`: 400 when it is not well-formed or has no file, 413."""
    reader = _Reader(upload)
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        async for chunk in body:
            parser.write(chunk)
        parser.finalize()
    except (FormParserError, ValueError):
        raise errors.validation(["the multipart body is not well-formed"]) from None
    if not reader.complete:
        raise errors.validation(["the multipart body ends before its last boundary"])
    if not reader.has_file:
        raise errors.validation(["image: a file is required"])
    return reader.form


class _Reader:
    """What the parser calls, in the order of the body."""

    def __init__(self, upload: Upload) -> None:
        self.form = Form()
        self.has_file = self.complete = False
        self._upload = upload
        self._header = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._text = bytearray()
        self._texts_size = 0

    def callbacks(self) -> dict[str, object]:
        names = ("part_begin", "header_field", "header_value", "header_end", "headers_finished", "part_data")
        return {f"on_{name}": getattr(self, name) for name in (*names, "part_end", "end")}

    def part_begin(self) -> None:
        self._headers = {}
        self._text = bytearray()

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._name = options.get(b"name", b"").decode(errors="replace")
        if self._name != "image":
            return
        if self.has_file:
            raise errors.validation(["image: only one file can be submitted at once"])
        self.has_file = True
        self.form.content_type = self._headers.get(b"content-type", b"").decode("latin-1")
        # Some clients send a path; the name is its last part.
        name = options.get(b"filename", b"").decode(errors="replace").replace("\\", "/")
        self.form.filename = name.rpartition("/")[2] or None

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "image":
            self._upload.write(data[start:end])
            return
        self._texts_size += end - start
        if self._texts_size > _MOST_TEXT:
            raise errors.validation(["the fields beside the file are too long"])
        self._text += data[start:end]

    def part_end(self) -> None:
        if self._name and self._name != "image":
            self.form.fields[self._name] = self._text.decode(errors="replace")

    def end(self) -> None:
        self.complete = True
