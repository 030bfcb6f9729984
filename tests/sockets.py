"""Servers that speak TCP by a script: for what no HTTP server does on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """A server that holds `talk` on each connection, which is closed after it. Yields its base URL."""
    under_way: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await talk(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over: a task that ends cancelled would be reported
        finally:
            under_way.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(under_way):
            task.cancel()
        await asyncio.gather(*under_way)
        await server.wait_closed()


async def request_head(reader: asyncio.StreamReader) -> dict[str, str]:
    """The headers of the next request, in lower case; the request line under the empty name."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    return {"": first} | {name.lower(): value for name, value in headers.items()}


async def whole_request(reader: asyncio.StreamReader) -> dict[str, str]:
    """Take in the next request to its last byte, keeping none of its body. Returns its head."""
    head = await request_head(reader)
    left = int(head.get("content-length", 0))
    while left:
        left -= len(await reader.read(min(left, 2**16))) or left
    return head


def http(status: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """An answer; `length` announces another length than the body has."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port
