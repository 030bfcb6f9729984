"""JSON bodies with the document inside, as base64, taken apart as they arrive.

A parser for JSON as a whole would hold a document of 100 MB several times over. Here the value of `image_base64` is
decoded to disk piece by piece; the rest of the body is small and parsed as usual, with an empty text in its place.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Any, NoReturn

from engine import errors
from engine.submissions.upload import Upload

_FIELD = b"image_base64"
# The body without the document, and the head of a data URI, in bytes.
_MOST_REST = 2**20
_MOST_URI_HEAD = 256

_MARKS = re.compile(rb'["{}\[\]:,]')
_STRING_MARKS = re.compile(rb'["\\]')
_DATA_URI = re.compile(rb"data:([^;,]*)(;[^,]*)?;base64$")
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True, slots=True)
class Body:
    """The fields beside the document, whether there was one, and the type that its data URI names."""

    fields: dict[str, Any]
    has_document: bool
    content_type: str


async def read_json(body: AsyncIterable[bytes], upload: Upload) -> Body:
    """Read a JSON object whose `image_base64` goes to `upload`. Raises `ApiError`: 400, 413."""
    decoder = Base64Decoder(upload)
    splitter = _Splitter(decoder)
    async for chunk in body:
        splitter.feed(chunk)
    decoder.finish()
    try:
        fields = json.loads(splitter.rest, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise errors.validation(["the body is not JSON"]) from None
    if not isinstance(fields, dict):
        raise errors.validation(["the body must be a JSON object"])
    # What is left of it is the empty text in its place; or a value that is no text, and was not taken out.
    if fields.pop("image_base64", None) not in ("", None):
        raise errors.validation(["image_base64: must be a string"])
    return Body(fields, splitter.has_document, decoder.content_type)


class _Splitter:
    """Follows the JSON only as far as it takes to find one member of the outermost object."""

    def __init__(self, decoder: Base64Decoder) -> None:
        self.rest = bytearray()
        self.has_document = False
        self._decoder = decoder
        self._depth = 0
        self._is_value = False  # of a member of the outermost object
        self._string: bytearray | None = None  # the string that we are in
        self._key = b""
        self._in_document = False
        self._escape = b""  # a backslash and what followed it so far

    def feed(self, chunk: bytes) -> None:
        at = 0
        while at < len(chunk):
            if self._escape:
                at = self._in_escape(chunk, at)
            elif self._in_document or self._string is not None:
                at = self._in_string(chunk, at)
            else:
                at = self._between_strings(chunk, at)

    def _between_strings(self, chunk: bytes, at: int) -> int:
        found = _MARKS.search(chunk, at)
        end = found.end() if found else len(chunk)
        self._keep(chunk[at:end])
        mark = found.group() if found else b""
        if mark == b'"':
            self._in_document = self._depth == 1 and self._is_value and self._key == _FIELD
            if not self._in_document:
                self._string = bytearray()
            elif self.has_document:
                raise errors.validation(["image_base64: given twice"])
            else:
                self.has_document = True
        elif mark in (b"{", b"["):
            self._depth += 1
        elif mark in (b"}", b"]"):
            self._depth -= 1
        elif mark and self._depth == 1:
            self._is_value = mark == b":"
        return end

    def _in_string(self, chunk: bytes, at: int) -> int:
        found = _STRING_MARKS.search(chunk, at)
        end = found.start() if found else len(chunk)
        self._pass_on(chunk[at:end])
        if not found:
            return end
        if found.group() == b"\\":
            self._escape = b"\\"
        elif self._in_document:
            self._in_document = self._is_value = False
            self._keep(b'"')
        else:
            if self._depth == 1 and not self._is_value:
                self._key = bytes(self._string or b"")
            self._string = None
            self._keep(b'"')
        return found.end()

    def _in_escape(self, chunk: bytes, at: int) -> int:
        self._escape += chunk[at : at + 1]
        if len(self._escape) == (6 if self._escape[1:2] == b"u" else 2):
            escape, self._escape = self._escape, b""
            self._pass_on(_unescaped(escape) if self._in_document else escape)
        return at + 1

    def _pass_on(self, text: bytes) -> None:
        if self._in_document:
            self._decoder.feed(text)
        else:
            if self._string is not None and len(self._string) <= len(_FIELD):
                self._string += text
            self._keep(text)

    def _keep(self, text: bytes) -> None:
        self.rest += text
        if len(self.rest) > _MOST_REST:
            raise errors.validation(["the fields beside image_base64 are too long"])


def _unescaped(escape: bytes) -> bytes:
    """The character that an escape stands for: some encoders write `/` as `\\/` and `+` as `\\u002B`."""
    if escape[1:2] != b"u":
        return _ESCAPES.get(escape[1:], escape[1:])
    try:
        return chr(int(escape[2:].decode("ascii"), base=16)).encode("ascii")
    except ValueError:
        return b"\0"  # no letter of base64


class Base64Decoder:
    """Decodes base64, bare or in a data URI, into an upload. Line breaks are allowed, missing padding too."""

    def __init__(self, upload: Upload) -> None:
        self.content_type = ""
        self._upload = upload
        self._pending = b""
        self._in_head = True
        self._ended = False

    def feed(self, text: bytes) -> None:
        self._pending += text.translate(None, b" \t\r\n")
        if self._in_head:
            self._in_head = self._take_head()
        if not self._in_head:
            self._decode(len(self._pending) // 4 * 4)

    def finish(self) -> None:
        """The text has ended. Raises `ApiError` (400) when it was not base64."""
        if self._in_head and self._pending.startswith(b"data:"):
            _refuse()
        self._pending += b"=" * (-len(self._pending) % 4)
        self._decode(len(self._pending))

    def _take_head(self) -> bool:
        """Take the head of a data URI off what is pending; whether more is needed to tell."""
        if not self._pending.startswith(b"data:"):
            return b"data:".startswith(self._pending)
        head, comma, rest = self._pending.partition(b",")
        if len(head) > _MOST_URI_HEAD:
            _refuse()
        if not comma:
            return True
        match = _DATA_URI.match(head)
        if match is None:
            _refuse()
        self.content_type, self._pending = match.group(1).decode("ascii", errors="replace"), rest
        return False

    def _decode(self, length: int) -> None:
        text, self._pending = self._pending[:length], self._pending[length:]
        if not text:
            return
        if self._ended or text.endswith(b"==="):
            _refuse()
        self._ended = text.endswith(b"=")
        try:
            data = binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            _refuse()
        self._upload.write(data)


def _refuse() -> NoReturn:
    raise errors.validation(["image_base64: must be base64, or a data URI in base64"])


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
