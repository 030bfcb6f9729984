"""Documents in forms and JSON bodies, taken apart as they arrive, wherever the pieces are cut."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ApiError
from engine.submissions.base64_json import Body, read_json
from engine.submissions.content import content_type_of
from engine.submissions.multipart import Form, read_multipart
from engine.submissions.upload import Upload
from tests import papers

T = TypeVar("T")
MOST = 10_000
BOUNDARY = b"----boundary"

# The upload of each example is its own; the folder may be shared.
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
cuts = st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=8)


async def pieces(body: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    """`body` in pieces of these sizes, over and over."""
    at, turn = 0, 0
    while at < len(body):
        size = sizes[turn % len(sizes)]
        yield body[at : at + size]
        at, turn = at + size, turn + 1


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def json_body(folder: Path, body: bytes, sizes: list[int]) -> tuple[Body, bytes]:
    """What is read from a JSON body, and the document."""
    with Upload(folder, MOST) as upload:
        found = run(read_json(pieces(body, sizes), upload))
        upload.keep(folder / "kept")
        document = (folder / "kept").read_bytes()
        assert upload.sha256 == hashlib.sha256(document).hexdigest()
    return found, document


def form_body(folder: Path, body: bytes, sizes: list[int]) -> tuple[Form, bytes]:
    """What is read from a form, and the document."""
    with Upload(folder, MOST) as upload:
        found = run(read_multipart(pieces(body, sizes), BOUNDARY, upload))
        upload.keep(folder / "kept")
        return found, (folder / "kept").read_bytes()


def part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'--{BOUNDARY.decode()}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"


def refused(call: Any, *args: Any) -> tuple[int, Any]:
    with pytest.raises(ApiError) as caught:
        call(*args)
    return caught.value.status, caught.value.body.get("errors")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    document=st.binary(max_size=300),
    before=st.dictionaries(st.text(), json_values, max_size=3),
    after=st.dictionaries(st.text(), json_values, max_size=3),
    sizes=cuts,
    ascii_only=st.booleans(),
    head=st.sampled_from(["", "data:image/png;base64,"]),
)
@shared_folder
def test_a_document_is_found_in_any_json(
    tmp_path: Path,
    document: bytes,
    before: dict[str, Any],
    after: dict[str, Any],
    sizes: list[int],
    ascii_only: bool,
    head: str,
) -> None:
    """The document goes to the file and the rest comes out as `json.loads` would have it, however it is cut."""
    rest = {name: value for name, value in (before | after).items() if name != "image_base64"}
    encoded = head + base64.b64encode(document).decode()
    fields = {**{n: rest[n] for n in before if n in rest}, "image_base64": encoded, **rest}
    found, written = json_body(tmp_path, json.dumps(fields, ensure_ascii=ascii_only).encode(), sizes)
    assert written == document
    assert found == Body(rest, True, "image/png" if head else "")


@given(document=st.binary(max_size=300), sizes=cuts, width=st.integers(min_value=1, max_value=80))
@shared_folder
def test_base64_as_some_encoders_write_it(tmp_path: Path, document: bytes, sizes: list[int], width: int) -> None:
    """Line breaks, escaped slashes, plus signs as escapes, and missing padding are all understood."""
    text = base64.b64encode(document).decode().rstrip("=")
    lines = "\r\n".join(text[at : at + width] for at in range(0, len(text), width))
    escaped = json.dumps(lines).replace("/", "\\/").replace("+", "\\u002B")
    _, written = json_body(tmp_path, b'{"image_base64": ' + escaped.encode() + b"}", sizes)
    assert written == document


@pytest.mark.parametrize(
    "text",
    ["AAAA====", "AA==AAAA", "A", "AAA-", "ÄÄÄÄ", "data:image/png,AAAA", "data:image/png;base64", "data:" + "x" * 999],
)
def test_what_is_no_base64(tmp_path: Path, text: str) -> None:
    """Anything else is refused, cut in pieces or not."""
    body = json.dumps({"image_base64": text}).encode()
    for sizes in ([1], [10_000]):
        assert refused(json_body, tmp_path, body, sizes) == (
            400,
            ["image_base64: must be base64, or a data URI in base64"],
        )


def test_the_document_is_a_member_of_the_outermost_object(tmp_path: Path) -> None:
    """The same name further inside, or as a value, is left where it is."""
    fields = {"document_metadata": {"image_base64": "inner"}, "note": "image_base64", "list": ["image_base64", "x"]}
    found, written = json_body(tmp_path, json.dumps(fields).encode(), [3])
    assert (found.fields, found.has_document, written) == (fields, False, b"")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the body is not JSON"),
        (b'{"image_base64": "AAAA"', "the body is not JSON"),
        (b'{"image_base64": "AAAA" "x"}', "the body is not JSON"),
        (b'{"a": NaN}', "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[]", "the body must be a JSON object"),
        (b'{"image_base64": 7}', "image_base64: must be a string"),
        (b'{"image_base64": "", "image_base64": ""}', "image_base64: given twice"),
        (b'{"a": "' + b"x" * 2_000_000 + b'"}', "the fields beside image_base64 are too long"),
    ],
    ids=["empty", "cut off", "syntax", "NaN", "deep", "list", "number", "twice", "long"],
)
def test_bodies_that_are_refused(tmp_path: Path, body: bytes, problem: str) -> None:
    """A body that is not what it should be is refused with the reason."""
    assert refused(json_body, tmp_path, body, [65536]) == (400, [problem])


@given(
    document=st.binary(max_size=300).map(lambda raw: raw + b"\r\n--" + BOUNDARY[:-1]),
    fields=st.dictionaries(st.sampled_from(["document_metadata", "webhook_url", "a"]), st.text(max_size=30)),
    sizes=cuts,
)
@shared_folder
def test_a_document_is_found_in_any_form(
    tmp_path: Path, document: bytes, fields: dict[str, str], sizes: list[int]
) -> None:
    """The file and the texts come out whole, however the form is cut, even where they resemble its boundary."""
    file = part("image", document, '; filename="a.pdf"\r\nContent-Type: image/png')
    body = b"".join([*(part(name, text.encode()) for name, text in fields.items()), file, END])
    found, written = form_body(tmp_path, body, sizes)
    assert written == document
    assert (found.fields, found.filename, found.content_type) == (fields, "a.pdf", "image/png")


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ('; filename="März.pdf"', "März.pdf"),
        ('; filename="C:\\\\tray\\\\a.pdf"', "a.pdf"),
        ('; filename="../../etc/a.pdf"', "a.pdf"),
        ("", None),
    ],
)
def test_names_of_files(tmp_path: Path, more: str, name: str | None) -> None:
    """The last part of the name is kept, in any of the ways that clients write it."""
    found, _ = form_body(tmp_path, part("image", b"x", more) + END, [7])
    assert found.filename == name


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the multipart body ends before its last boundary"),
        (part("image", b"x"), "the multipart body ends before its last boundary"),
        (b"something else", "the multipart body is not well-formed"),
        (part("a", b"x") + END, "image: a file is required"),
        (part("image", b"x") * 2 + END, "image: only one file can be submitted at once"),
        (part("a", b"x" * 2_000_000) + END, "the fields beside the file are too long"),
    ],
    ids=["empty", "cut off", "syntax", "no file", "two files", "long"],
)
def test_forms_that_are_refused(tmp_path: Path, body: bytes, problem: str) -> None:
    """A form that is not what it should be is refused with the reason."""
    assert refused(form_body, tmp_path, body, [65536]) == (400, [problem])


@pytest.fixture
def upload(tmp_path: Path) -> Iterator[Upload]:
    with Upload(tmp_path, MOST) as upload:
        yield upload


def test_an_upload_at_the_limit(upload: Upload) -> None:
    """The limit itself is allowed; one byte more is not."""
    upload.write(bytes(MOST))
    assert refused(upload.write, b"x") == (413, None)


def test_an_upload_that_is_not_kept(tmp_path: Path) -> None:
    """Nothing stays behind of an upload that failed."""
    with Upload(tmp_path, MOST) as upload:
        assert refused(upload.write, bytes(MOST + 1)) == (413, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (papers.pdf(), "application/pdf"),
        (b"\n" * 900 + papers.pdf(), "application/pdf"),
        (papers.image(("x",), "PNG"), "image/png"),
        (papers.image(("x",), "JPEG"), "image/jpeg"),
        (papers.image(("x",), "GIF"), "image/gif"),
        (papers.image(("x",), "BMP"), "image/bmp"),
        (papers.image(("x",), "WEBP"), "image/webp"),
    ],
    ids=["pdf", "pdf after junk", "png", "jpeg", "gif", "bmp", "webp"],
)
@pytest.mark.parametrize("declared", ["application/pdf", "application/octet-stream", "image/jpg; x=y", "", None])
def test_the_content_decides(upload: Upload, content: bytes, found: str, declared: str | None) -> None:
    """All six types are known by their content, whichever accepted type was declared, if any."""
    upload.write(content[:MOST])
    assert content_type_of(upload, declared) == found


def test_a_tiff_is_refused(upload: Upload) -> None:
    """A type that is known but not accepted is refused."""
    upload.write(papers.image(("x",), "TIFF")[:MOST])
    assert refused(content_type_of, upload, "image/png")[0] == 400
