"""The client on real connections: refused, cut, slow, garbled, reused or not."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sockets import Talk, free_port, http, request_head, talking, whole_request
from trayflow import client as client_module
from trayflow.client import DocuTray, FileUpload, UrlUpload
from trayflow.errors import AccessDeniedError, OutcomeUnknownError, RateLimitedError, RejectedError, TransientError

KEY = "dt_live_0123456789"
HURRY = httpx.Timeout(0.3, connect=5, pool=None)
TAKEN = http(202, b'{"id": "x", "status": "ENQUEUED"}')
WORKING = http(200, b'{"id": "x", "status": "PROCESSING"}')

Use = Callable[[DocuTray], Awaitable[Any]]


def ask(talk: Talk, *uses: Use, **options: Any) -> list[Any]:
    """What the calls, one after the other on one client, return or raise."""

    async def asked() -> list[Any]:
        ends: list[Any] = []
        async with talking(talk) as url, DocuTray(url, KEY, **options) as client:
            for use in uses:
                ends += await asyncio.gather(use(client), return_exceptions=True)
        return ends

    return asyncio.run(asked())


async def post(client: DocuTray) -> Any:
    return await client.submit_execution(UrlUpload("https://files.example/a"), step_id="s", metadata={})


async def get(client: DocuTray) -> Any:
    return await client.execution("x")


def upload(path: Path, size: int) -> Use:
    """Submit a file of that many bytes."""
    with path.open("wb") as file:
        file.truncate(size)
    document = FileUpload(path, "a.pdf", "application/pdf")
    return lambda client: client.submit_execution(document, step_id="s", metadata={})


def test_a_refused_connection_was_not_accepted() -> None:
    """Nobody listens: whatever was to be sent can be sent later."""

    async def asked() -> list[Any]:
        async with DocuTray(f"http://127.0.0.1:{free_port()}", KEY) as client:
            return list(await asyncio.gather(post(client), get(client), return_exceptions=True))

    for end in asyncio.run(asked()):
        assert type(end) is TransientError
        assert end.status is None


def test_a_connection_cut_before_the_answer_leaves_it_unknown() -> None:
    """The service may have taken the document and then fallen over. It is sent no second time."""
    heads = []

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heads.append((await whole_request(reader))[""])

    posted, asked = ask(talk, post, get)
    assert type(posted) is OutcomeUnknownError
    assert type(asked) is TransientError
    assert [head.split()[0] for head in heads] == ["POST", "GET"]


def test_a_connection_cut_while_the_document_is_sent_leaves_it_unknown(tmp_path: Path) -> None:
    """Sending had begun."""

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)

    (end,) = ask(talk, upload(tmp_path / "a", 20_000_000))
    assert type(end) is OutcomeUnknownError


def test_an_answer_that_does_not_come_in_time_leaves_it_unknown() -> None:
    """The time-out is ours; the service goes on."""

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        await asyncio.Event().wait()

    posted, asked = ask(talk, post, get, timeout=HURRY)
    assert type(posted) is OutcomeUnknownError
    assert type(asked) is TransientError


def test_a_document_that_is_not_read_in_time_leaves_it_unknown(tmp_path: Path) -> None:
    """The service stopped reading; what it has done with the beginning is its own affair."""

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await request_head(reader)
        await asyncio.Event().wait()

    (end,) = ask(talk, upload(tmp_path / "a", 20_000_000), timeout=HURRY)
    assert type(end) is OutcomeUnknownError


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a",
        b"HTTP/1.1 202 Accepted\r\nContent-Le",
        http(202, b'{"id": "x"', length=5000),
        http(202, b"no gzip", "Content-Encoding: gzip"),
    ],
    ids=["another protocol", "TLS", "cut headers", "cut body", "broken encoding"],
)
def test_a_garbled_answer_leaves_it_unknown(garbage: bytes) -> None:
    """The id that it may have held is lost."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(garbage)
        await writer.drain()

    posted, asked = ask(talk, post, get)
    assert type(posted) is OutcomeUnknownError
    assert type(asked) is TransientError


def test_a_redirect_is_not_followed() -> None:
    """Neither the key nor a document goes where a redirect points, be it the same server."""
    seen: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await whole_request(reader))[""].split()[1])
        writer.write(http(308, b"", "Location: /elsewhere", "Connection: close"))
        await writer.drain()

    for end in ask(talk, post, get):
        assert type(end) is AccessDeniedError
    assert seen == ["/api/steps-async/s", "/api/steps-async/status/x"]


def test_a_rate_limit_whose_body_is_cut_still_counts() -> None:
    """The header has the wait, and nothing was accepted."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(http(429, b'{"err', "Retry-After: 7", length=500))
        await writer.drain()

    (end,) = ask(talk, post)
    assert isinstance(end, RateLimitedError)
    assert end.retry_after == 7


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, but the last one never does."""
    monkeypatch.setattr(client_module, "BODY_SECONDS", 0.3)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(http(202, b"{", length=10**6))
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    posted, asked = ask(talk, post, get)
    assert type(posted) is OutcomeUnknownError
    assert type(asked) is TransientError


def test_an_absurdly_large_answer_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that was small on the wire."""
    monkeypatch.setattr(client_module, "LARGEST_BODY", 100_000)
    packed = gzip.compress(b'{"id": "x", "status": "ENQUEUED", "data": "' + b" " * 10**6 + b'"}')

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(http(202, packed, "Content-Encoding: gzip"))
        await writer.drain()

    posted, asked = ask(talk, post, get)
    assert type(posted) is OutcomeUnknownError
    assert type(asked) is TransientError


def test_a_refusal_that_comes_while_the_document_is_sent(tmp_path: Path) -> None:
    """The service says no at the headers and takes in the rest unread: its word counts."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = int((await request_head(reader))["content-length"])
        writer.write(http(413, b'{"message": "File exceeds maximum allowed size (100MB)"}', "Connection: close"))
        await writer.drain()
        while left:
            left -= len(await reader.read(2**16)) or left

    (end,) = ask(talk, upload(tmp_path / "a", 20_000_000))
    assert type(end) is RejectedError
    assert end.status == 413


def test_submissions_get_connections_of_their_own_and_questions_share_theirs() -> None:
    """A service that hangs up on kept connections at any moment then costs no submission."""
    connections: list[list[str]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods: list[str] = []
        connections.append(methods)
        while True:
            methods.append((await whole_request(reader))[""].split()[0])
            writer.write(TAKEN if methods[-1] == "POST" else WORKING)
            await writer.drain()

    ask(talk, get, post, get, post, get)
    assert sorted(connections) == [["GET", "GET", "GET"], ["POST"], ["POST"]]


def test_a_service_that_hangs_up_between_two_submissions_costs_none() -> None:
    """It reads the second request's first byte and closes: common servers do when a kept connection times out."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(TAKEN)
        await writer.drain()
        await reader.read(1)

    assert [end.remote_id for end in ask(talk, post, post, post)] == ["x", "x", "x"]


def test_no_more_connections_than_were_asked_for() -> None:
    """Calls beyond wait for a free one, however long that takes, and all get through."""
    open_now: list[int] = []
    most = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        await whole_request(reader)
        open_now.append(1)
        most = max(most, len(open_now))
        await asyncio.sleep(0.02)
        open_now.pop()
        writer.write(TAKEN)
        await writer.drain()

    async def many(client: DocuTray) -> Any:
        return await asyncio.gather(*(post(client) for _ in range(20)))

    (ends,) = ask(talk, many, max_connections=3, timeout=HURRY)
    assert len(ends) == 20
    assert most == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """An engine on localhost cannot be reached through it."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(WORKING)
        await writer.drain()

    async def asked() -> Any:
        async with talking(talk) as url, DocuTray(url.replace("127.0.0.1", host), KEY) as client:
            return await get(client)

    assert asyncio.run(asked()).status == "PROCESSING"


def test_a_file_is_streamed_from_disk(tmp_path: Path) -> None:
    """Thirty megabytes pass through less than two of memory."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(TAKEN)
        await writer.drain()

    async def measured(client: DocuTray) -> int:
        submit = upload(tmp_path / "a", 30_000_000)
        tracemalloc.start()
        try:
            await submit(client)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    (peak,) = ask(talk, measured)
    assert peak < 2_000_000
