"""Clients that are refused while they are still sending."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Seconds for which what a refused client still sends is taken off the line, in all and without news from it: a client
# may also be waiting for the answer before it sends anything.
_IN_ALL, _WITHOUT_NEWS = 5.0, 0.5


class TakeInUnread:
    """Reads (and drops) the rest of a request's body before an error goes out.

    A server that answers and closes while data comes in resets the connection, and the client may lose the answer: it
    would see a broken pipe in place of 401 or 413.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        complete = False

        async def receive_and_note() -> Message:
            nonlocal complete
            message = await receive()
            complete = not message.get("more_body", False)
            return message

        async def send_after_the_rest(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_IN_ALL):
                        while not complete:
                            await asyncio.wait_for(receive_and_note(), _WITHOUT_NEWS)
            await send(message)

        return await self._app(scope, receive_and_note, send_after_the_rest)
