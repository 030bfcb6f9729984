"""What the client sends, what it makes of the answers, and that it never sends anything twice."""

from __future__ import annotations

import asyncio
import base64
import email.policy
import json
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trayflow.client import Base64Upload, DocuTray, FileUpload, Upload, UrlUpload
from trayflow.errors import (
    AccessDeniedError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    SettingsError,
    TransientError,
    TrayflowError,
)
from trayflow.models import Accepted, Progress

T = TypeVar("T")
KEY = "dt_live_0123456789"
METADATA = {"trayflow_intent": "an intent", "name": "Ä"}
Reply = tuple[int, Any]


class Service:
    """Answers by the book that a test gives it, and keeps what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    async def handle(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        status, body = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    def ask(self, use: Callable[[DocuTray], Awaitable[T]], base_url: str = "https://docutray.example") -> T:
        """What `use` returns for a client of this service."""

        async def asked() -> T:
            async with DocuTray(base_url, KEY, transport=httpx.MockTransport(self.handle)) as client:
                return await use(client)

        return asyncio.run(asked())

    @property
    def request(self) -> httpx.Request:
        """The only request there was."""
        (request,) = self.requests
        return request

    @property
    def json(self) -> Any:
        return json.loads(self.request.content)

    @property
    def parts(self) -> dict[str, EmailMessage]:
        """The parts of the only request's form, by name."""
        head = b"Content-Type: " + self.request.headers["content-type"].encode() + b"\r\n\r\n"
        form = BytesParser(policy=email.policy.HTTP).parsebytes(head + self.request.content)
        parts = cast(list[EmailMessage], form.get_payload())
        return {str(part.get_param("name", header="content-disposition")): part for part in parts}

    @property
    def fields(self) -> dict[str, str]:
        """The form's parts that are no files, as text."""
        return {
            name: cast(bytes, part.get_payload(decode=True)).decode()
            for name, part in self.parts.items()
            if part.get_filename() is None
        }


def identify(upload: Upload, **options: Any) -> Callable[[DocuTray], Awaitable[Accepted]]:
    options = {"candidates": ["invoice", "receipt"], "metadata": METADATA} | options
    return lambda client: client.submit_identification(upload, **options)


def execute(upload: Upload, **options: Any) -> Callable[[DocuTray], Awaitable[Accepted]]:
    options = {"step_id": "extract-invoice", "metadata": METADATA} | options
    return lambda client: client.submit_execution(upload, **options)


def status_of(remote_id: str) -> Callable[[DocuTray], Awaitable[Progress]]:
    return lambda client: client.execution(remote_id)


@pytest.fixture
def file(tmp_path: Path) -> FileUpload:
    path = tmp_path / "spooled"
    path.write_bytes(b"%PDF-1.4 \x00\xff bytes")
    return FileUpload(path, filename="Rechnung.pdf", content_type="application/pdf")


@pytest.fixture
def taken() -> Service:
    """A service that takes everything."""
    return Service((202, {"id": "x1", "status": "ENQUEUED"}))


LINK = UrlUpload("https://files.example/a.pdf?sig=1", "application/pdf")


def test_a_file_is_sent_as_the_part_image(file: FileUpload, taken: Service) -> None:
    """With its name and type; everything else are form fields, the structured ones as JSON."""
    accepted = taken.ask(identify(file))
    assert accepted == Accepted(remote_id="x1", status="ENQUEUED")
    assert (taken.request.method, taken.request.url.path) == ("POST", "/api/identify-async")
    part = taken.parts["image"]
    assert part.get_payload(decode=True) == file.path.read_bytes()
    assert (part.get_filename(), part.get_content_type()) == ("Rechnung.pdf", "application/pdf")
    assert json.loads(taken.fields["document_type_code_options"]) == ["invoice", "receipt"]
    assert json.loads(taken.fields["document_metadata"]) == METADATA
    assert taken.fields["image_content_type"] == "application/pdf"
    assert "webhook_url" not in taken.fields


def test_a_form_announces_its_length(file: FileUpload, taken: Service) -> None:
    """The service can refuse a file that is too large before its first byte."""
    taken.ask(execute(file))
    assert int(taken.request.headers["content-length"]) == len(taken.request.content)


def test_a_small_document_is_sent_as_base64(taken: Service) -> None:
    """Metadata and candidates are JSON values then, not text."""
    taken.ask(identify(Base64Upload(b"\x89PNG", "image/png")))
    assert taken.json == {
        "image_base64": base64.b64encode(b"\x89PNG").decode(),
        "image_content_type": "image/png",
        "document_type_code_options": ["invoice", "receipt"],
        "document_metadata": METADATA,
    }


def test_a_document_is_sent_by_its_address(taken: Service) -> None:
    """The service downloads it; its type is told where it is known."""
    taken.ask(execute(LINK))
    assert taken.json == {"image_url": LINK.url, "image_content_type": "application/pdf", "document_metadata": METADATA}
    untyped = Service((202, {"id": "x"}))
    untyped.ask(execute(UrlUpload("https://files.example/a")))
    assert "image_content_type" not in untyped.json


def test_an_execution_goes_to_its_step(taken: Service) -> None:
    """The id is a part of the address, whatever it is made of."""
    taken.ask(execute(LINK, step_id="a/b?c"))
    assert taken.request.url.raw_path == b"/api/steps-async/a%2Fb%3Fc"


def test_a_webhook_is_asked_for(file: FileUpload) -> None:
    """In forms and in JSON."""
    hook = "https://hooks.example/x"
    form, body = Service((202, {"id": "x"})), Service((202, {"id": "x"}))
    form.ask(execute(file, webhook_url=hook))
    body.ask(identify(LINK, webhook_url=hook))
    assert form.fields["webhook_url"] == body.json["webhook_url"] == hook


def test_every_call_brings_the_key(taken: Service) -> None:
    """As a bearer token."""
    taken.ask(execute(LINK))
    assert taken.request.headers["authorization"] == f"Bearer {KEY}"


def test_a_base_url_may_have_a_path(taken: Service) -> None:
    """As behind a gateway."""
    taken.ask(execute(LINK), base_url="https://gateway.example/docutray/")
    assert str(taken.request.url) == "https://gateway.example/docutray/api/steps-async/extract-invoice"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("a\udcff.pdf", "a?.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("Ä" * 200 + ".pdf", "Ä" * 98 + ".pdf"),
        ("", "document"),
    ],
    ids=["invalid", "long", "long in bytes", "none"],
)
def test_odd_names_of_files_are_made_sendable(file: FileUpload, taken: Service, name: str, sent: str) -> None:
    """What is no text is replaced; of a long one the end is kept, with its suffix."""
    taken.ask(execute(FileUpload(file.path, name, "application/pdf")))
    assert f'filename="{sent}"'.encode() in taken.request.content


def test_a_name_cannot_break_out_of_its_header(file: FileUpload, taken: Service) -> None:
    """Quotes and line breaks in a name stay in the name."""
    taken.ask(execute(FileUpload(file.path, 'a"\r\nX-Evil: 1\r\n\r\n.pdf', "application/pdf")))
    assert set(taken.parts) == {"image", "document_metadata", "image_content_type"}
    assert taken.parts["image"]["X-Evil"] is None


def test_a_copy_that_is_gone_was_not_submitted(tmp_path: Path, taken: Service) -> None:
    """Nothing was sent: it may be fetched and sent again."""
    with pytest.raises(TransientError):
        taken.ask(execute(FileUpload(tmp_path / "gone", "a.pdf", "application/pdf")))
    assert taken.requests == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((401, {"error": "Invalid API key"}), AccessDeniedError),
        ((404, {"message": "Step not found or access denied"}), RejectedError),
        ((429, {"error": "Rate limit exceeded", "retryAfter": 1}), RateLimitedError),
        ((503, {"message": "busy"}), TransientError),
        ((500, {"message": "Internal server error: x"}), TransientError),
        ((500, b"Internal Server Error"), OutcomeUnknownError),
        ((502, b"<html>"), OutcomeUnknownError),
        ((202, b"<html>"), OutcomeUnknownError),
        ((202, b""), OutcomeUnknownError),
        ((202, {"status": "ENQUEUED"}), OutcomeUnknownError),
        ((202, {"id": ""}), OutcomeUnknownError),
        ((200, {"message": "OK"}), OutcomeUnknownError),
        ((307, b""), AccessDeniedError),
    ],
)
def test_a_submission_is_sent_once(file: FileUpload, reply: Reply, error: type[TrayflowError]) -> None:
    """However it ends, the client does not repeat it: that is for those who know what it may cost."""
    service = Service(reply)
    with pytest.raises(error) as ended:
        service.ask(execute(file))
    assert type(ended.value) is error
    assert len(service.requests) == 1


def test_both_statuses_are_asked_for() -> None:
    """Each at its own address, the id quoted."""
    service = Service((200, {"status": "PROCESSING"}))
    service.ask(lambda client: client.identification("a/b"))
    service.ask(lambda client: client.execution("c"))
    paths = [request.url.raw_path for request in service.requests]
    assert paths == [b"/api/identify-async/status/a%2Fb", b"/api/steps-async/status/c"]
    assert {request.method for request in service.requests} == {"GET"}


def test_a_status_is_typed_and_kept_as_it_came() -> None:
    """The fields for the tables, the whole answer for the ledger."""
    answer = {"id": "x", "status": "SUCCESS", "data": {"total": 12.5, "id": "007"}, "more": [1]}
    progress = Service((200, answer)).ask(status_of("x"))
    assert progress.data == {"total": 12.5, "id": "007"}
    assert progress.raw == answer


@pytest.mark.parametrize(
    "reply",
    [
        (200, b"<html>"),
        (200, b'{"id": "x"'),
        (200, []),
        (200, {"id": "y", "status": "SUCCESS", "data": {}}),
        (200, {"id": "x"}),
        (500, b""),
        (502, b""),
        (408, b""),
    ],
)
def test_a_status_that_could_not_be_had_is_asked_for_again(reply: Reply) -> None:
    """Asking costs nothing: whatever fails is transient, also another submission's answer."""
    with pytest.raises(TransientError):
        Service(reply).ask(status_of("x"))


def test_a_submission_that_the_service_does_not_know() -> None:
    """404 in its words is permanent."""
    with pytest.raises(RejectedError) as ended:
        Service((404, {"message": "Execution not found"})).ask(status_of("x"))
    assert ended.value.status == 404


def types(*numbers: int, total: int = 250) -> Reply:
    rows = [{"id": str(n), "codeType": f"type_{n}", "name": f"Type {n}"} for n in numbers]
    return 200, {"data": rows, "pagination": {"total": total, "page": 1, "limit": 100}}


def test_all_pages_of_types_are_read() -> None:
    """However many the service puts on a page."""
    service = Service(types(*range(100)), types(*range(100, 200)), types(*range(200, 250)))
    found = service.ask(lambda client: client.document_types())
    assert [known.code for known in found] == [f"type_{n}" for n in range(250)]
    assert [request.url.params["page"] for request in service.requests] == ["1", "2", "3"]


def test_types_are_listed_once() -> None:
    """Also where the list moves while it is read, or the service does not turn pages."""
    service = Service(types(1, 2, 3, total=5), types(3, 4, total=5))
    assert [known.code for known in service.ask(lambda client: client.document_types())] == [
        "type_1",
        "type_2",
        "type_3",
        "type_4",
    ]


def test_a_list_of_types_that_promises_too_much_ends() -> None:
    """An empty page is the last one."""
    service = Service(types(1), (200, {"data": [], "pagination": {"total": 250}}))
    assert len(service.ask(lambda client: client.document_types())) == 1


def test_a_list_of_types_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that has always one more page is not believed for ever."""
    monkeypatch.setattr("trayflow.client.MOST_PAGES", 3)
    service = Service(types(1, total=10**9))
    assert len(service.ask(lambda client: client.document_types())) == 1
    assert len(service.requests) == 3


def test_a_type_with_its_schema() -> None:
    """By code; one that the account lacks is a permanent refusal."""
    row = {"id": "1", "codeType": "invoice", "name": "Invoice", "jsonSchema": {"type": "object"}}
    service = Service((200, row))
    assert service.ask(lambda client: client.document_type("invoice")).json_schema == {"type": "object"}
    assert service.request.url.path == "/api/document-types/invoice"
    with pytest.raises(RejectedError):
        Service((404, {"message": "Document type not found"})).ask(lambda client: client.document_type("will"))


@pytest.mark.parametrize(
    ("status", "known"), [(400, True), (415, True), (422, True), (404, False), (403, False), (202, True)]
)
def test_a_step_is_known_by_how_it_refuses_nothing(status: int, known: bool) -> None:
    """The call holds no document, so that nothing can be submitted."""
    service = Service((status, {"message": "?"}))
    assert service.ask(lambda client: client.step_is_known("s")) is known
    assert (service.request.method, service.request.url.path, service.json) == ("POST", "/api/steps-async/s", {})


def test_whether_a_step_is_known_may_be_asked_again() -> None:
    """It submits nothing, so no outcome of it is unknown; another server's 404 says nothing about a step."""
    for status in (500, 502):
        with pytest.raises(TransientError):
            Service((status, b"")).ask(lambda client: client.step_is_known("s"))
    with pytest.raises(AccessDeniedError, match="does not speak DocuTray"):
        Service((404, b"<html>")).ask(lambda client: client.step_is_known("s"))


@pytest.mark.parametrize("key", ["", "  ", "a b", "a\nb", "schlüssel"])
def test_what_cannot_be_a_key(key: str) -> None:
    """Said before the first call, without the key."""
    with pytest.raises(SettingsError) as ended:
        DocuTray("https://docutray.example", key)
    assert not key.strip() or key not in str(ended.value)


def test_a_key_loses_the_line_break_of_its_file() -> None:
    """`export DOCUTRAY_API_KEY` of a file's content brings one along."""
    service = Service((200, {"status": "PROCESSING"}))

    async def ask() -> None:
        async with DocuTray("https://x.example", f"{KEY}\n", transport=httpx.MockTransport(service.handle)) as client:
            await client.execution("x")

    asyncio.run(ask())
    assert service.request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("url", ["", "app.docutray.com", "ftp://x", "https://", "https://x:port", "https://u:p@x"])
def test_what_cannot_be_an_address(url: str) -> None:
    """Said before the first call."""
    with pytest.raises(SettingsError):
        DocuTray(url, KEY)


@given(
    status=st.integers(200, 599),
    content=st.binary(max_size=40)
    | st.dictionaries(
        st.sampled_from(["id", "status", "data", "error", "message", "pagination", "codeType"]),
        st.none() | st.booleans() | st.text(max_size=5) | st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    ).map(lambda body: json.dumps(body).encode()),
)
def test_whatever_the_service_answers_is_in_the_tree(status: int, content: bytes) -> None:
    """Every call ends in a result or in one of our own errors; only submissions end unknown."""
    calls: list[Callable[[DocuTray], Awaitable[Any]]] = [
        lambda client: client.execution("x"),
        lambda client: client.document_types(),
        lambda client: client.document_type("x"),
        lambda client: client.step_is_known("x"),
        execute(LINK),
    ]
    ends = []

    async def handle(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content)

    async def ask() -> None:
        async with DocuTray("https://x.example", KEY, transport=httpx.MockTransport(handle)) as client:
            for call in calls:
                try:
                    ends.append(await call(client))
                except TrayflowError as error:
                    ends.append(error)

    asyncio.run(ask())
    *questions, submission = ends
    assert not any(isinstance(end, OutcomeUnknownError) for end in questions)
    assert isinstance(submission, Accepted | TrayflowError)
