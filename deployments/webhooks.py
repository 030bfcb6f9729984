"""`trayflow webhooks`: receives the service's events, and notes in the ledger which submissions they are about.

Whoever waits for one of those, in whatever process, then asks the service at once instead of at the next poll. An event
that gets lost costs that time and nothing else: polling goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trayflow.answers import GarbledAnswerError
from trayflow.errors import LedgerError, RunStoppedError, SettingsError
from trayflow.hooks import EVENT, SIGNATURE, Heard, is_signed, may_be_signed, read_event
from trayflow.ledger import Ledger, Submission
from trayflow.settings import Settings

SECRET_VARIABLE = "DOCUTRAY_WEBHOOK_SECRET"  # noqa: S105 - its name
PATHS = ("/", "/webhooks")

#: Bytes of a body at the most. Larger events are refused: polling finds out what they would have told.
LARGEST = 1_000_000

#: Seconds that a body gets to arrive, and that the ledger gets to be looked into; the service waits 30 s for an answer.
BODY_SECONDS, LOOK_SECONDS = 10.0, 10.0

#: Bodies that may be arriving at once, which bounds the memory that strangers can take.
BODIES = 64

#: Events that may wait for being recorded.
ROOM = 1000

#: Seconds after which an event that found no room is welcome again.
RETRY_AFTER = 10

#: Seconds before each further try to record an event; the last one goes for all that follow.
TRY_AGAIN = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

#: At the end: seconds for calls under way, then for recording what waits, and between tries to do so.
GRACE, FAREWELL, HURRY = 3, 5.0, 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class News:
    """What is to be recorded: that the service spoke of this submission under this id."""

    submission_id: str
    remote_id: str
    ended: bool
    name: str

    def __str__(self) -> str:
        what = "has ended" if self.ended else "is under way"
        return f"{self.name or 'An event'}: submission {self.submission_id} {what}"


class Recorder:
    """Records news one after another, each until it is recorded, in a thread that does not outlive the process.

    A thread of its own, since a ledger that does not answer must hold up neither answers nor the end.
    """

    def __init__(self, ledger: Ledger, room: int = ROOM, delays: Sequence[float] = TRY_AGAIN) -> None:
        self._ledger = ledger
        self._room = room
        self._delays = delays
        self._waiting: queue.SimpleQueue[News | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin to record."""
        self._thread.start()

    def take(self, news: News) -> bool:
        """Keep this until it is recorded; `False` when there is no room. For one caller at a time."""
        if self._waiting.qsize() >= self._room:
            return False
        self._waiting.put(news)
        return True

    def close(self, seconds: float = FAREWELL) -> int:
        """Record what still waits, within so many seconds. Returns how much of it is not recorded."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(seconds)
        # The one in hand has left the queue, and the mark of the end is in it.
        return self._waiting.qsize() if self._thread.is_alive() else 0

    def _work(self) -> None:
        while (news := self._waiting.get()) is not None:
            failed = 0
            while not self._record(news):
                if self._closing.wait(self._delays[min(failed, len(self._delays) - 1)]):
                    time.sleep(HURRY)
                failed += 1

    def _record(self, news: News) -> bool:
        """Whether there is nothing more to be done."""
        try:
            self._ledger.submissions.hear(news.submission_id, news.remote_id, ended=news.ended)
        except LedgerError as error:
            log.warning("%s, and cannot be recorded yet. %s", news, error)
            return False
        except Exception as error:  # a fault of ours with one event must not stop the others
            log.error("%s, and is not recorded after a fault of trayflow: %s", news, type(error).__name__)
            return True
        log.info("%s", news)
        return True


class Receiver:
    """Answers the service: the signature first, then what it says, then whether we know what it speaks of."""

    def __init__(self, ledger: Ledger, recorder: Recorder, secret: bytes, body_seconds: float = BODY_SECONDS) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._secret = secret
        self._body_seconds = body_seconds
        self._bodies = asyncio.Semaphore(BODIES)

    def app(self) -> Starlette:
        """What is served."""
        routes = [Route(path, self.receive, methods=["POST"]) for path in PATHS]
        app = Starlette(
            routes=[*routes, Route("/health", _health)],
            exception_handlers={HTTPException: _refused},
        )
        app.router.redirect_slashes = False
        return app

    async def receive(self, request: Request) -> Response:
        """Take one event. The answer goes out before anything is recorded."""
        try:
            return await self._receive(request)
        except asyncio.CancelledError:  # the server has waited long enough, and ends
            _refuse(503, "the receiver ends", close=True)

    async def _receive(self, request: Request) -> Response:
        signature = request.headers.get(SIGNATURE)
        if not may_be_signed(signature):
            _refuse(401, "there is no signature sha256=… in the header", close=True)
        body = await self._body(request)
        if not is_signed(body, signature, self._secret):
            _refuse(401, "the signature is not that of the secret")
        try:
            heard = read_event(body, request.headers.get(EVENT))
        except GarbledAnswerError as error:
            _refuse(400, f"{error}")
        submission = await self._look_up(heard)
        if submission is None:
            _refuse(404, "the ledger knows no such execution")
        if not heard.is_about(submission):
            # Nothing would be gained if the service sent it again.
            log.warning("Ignored: another execution than that of submission %s", submission.id)
            return JSONResponse({"status": "ignored"}, 200)
        remote_id = submission.remote_id or heard.remote_ids[0]
        if not self._recorder.take(News(submission.id, remote_id, heard.ended, heard.name)):
            _refuse(503, "too many events wait for being recorded")
        return JSONResponse({"status": "accepted"}, 202)

    async def _body(self, request: Request) -> bytes:
        if int(request.headers.get("content-length", 0)) > LARGEST:
            _refuse(413, "it is too large", close=True)
        if self._bodies.locked():
            _refuse(503, "too many bodies are arriving", close=True)
        body = bytearray()
        async with self._bodies:
            try:
                async with asyncio.timeout(self._body_seconds):
                    async for chunk in request.stream():
                        body += chunk
                        if len(body) > LARGEST:
                            _refuse(413, "it is too large", close=True)
            except TimeoutError:
                _refuse(408, "its body takes too long", close=True)
            except ClientDisconnect:
                _refuse(400, "its body ends too early", close=True)
        return bytes(body)

    async def _look_up(self, heard: Heard) -> Submission | None:
        def find() -> Submission | None:
            named = self._ledger.submissions.named
            return next((found for id_ in heard.remote_ids if (found := named(heard.intent, id_))), None)

        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await asyncio.to_thread(find)
        except (LedgerError, TimeoutError) as error:
            log.warning("%s", error if isinstance(error, LedgerError) else "The ledger does not answer.")
            _refuse(503, "the ledger cannot be asked now")


def secret_in_environment() -> bytes:
    """The secret that events are signed with. Raises `SettingsError` where there is none."""
    secret = os.environ.get(SECRET_VARIABLE, "")
    if not secret.strip():
        raise SettingsError(f"Set {SECRET_VARIABLE} to the secret of your webhook endpoint in the DocuTray account.")
    return os.fsencode(secret)


def serve(settings: Settings, port: int, host: str, say: Callable[[str], None]) -> None:
    """Receive events on `host`:`port` until SIGINT or SIGTERM (main thread only); what was accepted is then recorded.

    Port 0 takes a free one. Raises `SettingsError` without a secret or a ledger, `RunStoppedError` when the address
    cannot be had.
    """
    secret = secret_in_environment()
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    ledger = Ledger.open(settings.ledger_url)
    recorder = Recorder(ledger)
    with contextlib.closing(ledger), _listening(host, port) as listener:
        config = uvicorn.Config(
            Receiver(ledger, recorder, secret).app(),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=GRACE,
        )
        recorder.start()
        say("\n".join(_greeting(listener, settings)))
        # uvicorn ends in good order and then raises the signal once more: that must not cost us our own end.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
        finally:
            if left := recorder.close():
                log.warning("Not recorded: %s. Polling finds out what they told.", f"{left} event{'s'[: left > 1]}")


def _greeting(listener: socket.socket, settings: Settings) -> list[str]:
    host, port = listener.getsockname()[:2]
    webhooks = settings.webhooks
    if webhooks.url:
        runs = f"Submissions ask for events at {webhooks.url} (webhooks.url)."
    elif webhooks.expected:
        runs = "Runs with these settings wait for events (webhooks.expected)."
    else:
        runs = "Runs with these settings do not wait for events: set webhooks.expected = true, or webhooks.url."
    return [
        f"Listening on http://{f'[{host}]' if ':' in host else host}:{port}/webhooks",
        "Enter at DocuTray: the https address under which this one is reached from outside, and as its secret",
        f"the one in {SECRET_VARIABLE}.",
        runs,
        "Ctrl-C ends it.",
    ]


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, since asyncio turns off Nagle's algorithm only then: it would delay each answer by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would allow two listeners
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise RunStoppedError(f"Nothing can listen on {host}, port {port}: {error}.") from None
    return listener


def _refuse(status: int, reason: str, *, close: bool = False) -> NoReturn:
    """Answer with an error. `close` ends the connection: what is still to come on it is not read."""
    headers = {"Connection": "close"} if close else {}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    raise HTTPException(status, reason, headers)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    log.warning("Refused with %s: %s", error.status_code, error.detail)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})
