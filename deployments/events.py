"""`trayflow events forward`: new objects in a bucket become Prefect events, so that automations decide what happens.

A message is deleted once Prefect has its events, and never before. While Prefect is away, the messages in hand stay
ours: let go, they would come again and again, until the queue takes them for poison. What is forwarded twice after all
has the same id both times.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from deployments import prefect_server
from deployments.lasting import find_up
from trayflow.arrivals import Message, Queue
from trayflow.errors import RunStoppedError, SettingsError, SourceError
from trayflow.failures import jittered
from trayflow.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

#: Seconds before each further try, for the queue and for Prefect; the last one goes for all that follow.
TRY_AGAIN = (1.0, 2.0, 5.0, 10.0, 30.0)

#: Seconds between lines that say how much was forwarded.
REPORT = 60.0

#: A Prefect server drops in silence what finds no room among 10,000 waiting events. As shipped, with two automations
#: and on two cores, it takes in 64 a second when it has them for itself, and half of that when not (measured).
EVENTS_PER_SECOND = 25.0

log = logging.getLogger(__name__)

T = TypeVar("T")


class PrefectAwayError(Exception):
    """Prefect does not take events now. The message says why."""


class Forwarder:
    """Takes messages from a queue and hands their objects to `emit`, which raises `PrefectAwayError`."""

    def __init__(
        self, queue: Queue, emit: Callable[[Sequence[Message]], int], delays: Sequence[float] = TRY_AGAIN
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._queue = queue
        self._emit = emit
        # Messages in hand are made ours again between two tries: that must not come too late.
        self._delays = [min(delay, queue.visibility / 3) for delay in delays]
        self._held: list[Message] = []

    def forward(self) -> None:
        """Take what is there, or wait for it; returns when it is forwarded, and Prefect has had time to take it in."""
        self._held = self._until_it_works(self._queue.receive)
        clear = [message for message in self._held if message.poison is None]
        self.counts["messages"] += len(self._held)
        emitted = self._until_it_works(lambda: self._emit(clear))
        self.counts["events"] += emitted
        self._finish(clear)
        self._held = []
        time.sleep(emitted / EVENTS_PER_SECOND)

    def let_go(self) -> None:
        """Let the messages in hand come again at once, to whoever asks next."""
        try:
            self._queue.release(self._held)
        except SourceError as error:
            log.warning("%s", error)

    def _finish(self, clear: Sequence[Message]) -> None:
        """What fails here is done when the messages come again."""
        try:
            self._queue.delete(clear)
            for message in self._held:
                if message.poison is not None:
                    self._queue.bury(message, message.poison)
                    self.counts["not understood"] += 1
        except SourceError as error:
            log.warning("%s Some messages come again.", error)

    def _until_it_works(self, call: Callable[[], T]) -> T:
        delays = itertools.chain(self._delays, itertools.repeat(self._delays[-1]))
        while True:
            try:
                return call()
            except (SourceError, PrefectAwayError) as error:
                delay = jittered(next(delays))
                log.warning("%s Tried again in %.0f s.", error, delay)
            time.sleep(delay)
            if self._held:
                self._hold_on()

    def _hold_on(self) -> None:
        try:
            self._queue.extend(self._held)
        except SourceError as error:
            log.warning("%s", error)


def forward(settings: Settings, url: str | None, visibility: int | None, say: Callable[[str], None]) -> None:
    """Forward a queue's messages until SIGINT or SIGTERM raise `KeyboardInterrupt` (main thread only).

    Raises `SettingsError` without a queue or a Prefect server, `SourceError` when the queue cannot be reached at first,
    `RunStoppedError` when Prefect will not take our events.
    """
    url = url or settings.watch.queue
    if url is None:
        raise SettingsError("Say which queue: --queue URL, or watch.queue in your settings.")
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    with Queue(url, visibility or settings.watch.visibility) as queue, _prefect(settings) as client:
        say(f"Forwarding {url}\nto Prefect at {client.api_url}".rstrip("/"))
        if not queue.has_dead_letters:
            say("The queue has no dead-letter queue: messages that are not understood stay in it.")
        say("Ctrl-C ends it.")
        forwarder = Forwarder(queue, lambda messages: emit(client, messages))
        try:
            _report_now_and_then(forwarder)
        finally:
            forwarder.let_go()
            say(_line(forwarder.counts))


def emit(client: SyncPrefectClient, messages: Sequence[Message]) -> int:
    """Hand the objects of messages to Prefect as events; returns how many, once Prefect has them.

    Raises `PrefectAwayError` when that may work later, `SettingsError` or `RunStoppedError` when it never will.
    """
    from prefect.exceptions import PrefectHTTPStatusError

    from tasks.events import arrived

    events: list[dict[str, Any]] = [
        arrived(created, message.id).model_dump(mode="json") for message in messages for created in message.objects
    ]
    if not events:
        return 0
    try:
        client.request("POST", "/events", json=events)
    except httpx.TransportError as error:
        raise PrefectAwayError(f"Nobody answers at {client.api_url} ({type(error).__name__}).") from None
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise SettingsError(
                f"Prefect refuses the key ({status}): check PREFECT_API_KEY or PREFECT_API_AUTH_STRING."
            ) from None
        if status >= 500 or status in (408, 429):
            raise PrefectAwayError(f"Prefect cannot take events now ({status}).") from None
        raise RunStoppedError(
            f"Prefect refuses the events ({status}): is {client.api_url} the API of a Prefect 3 server?"
        ) from None
    return len(events)


def _prefect(settings: Settings) -> SyncPrefectClient:
    url, ours = prefect_server.configured_url(), False
    if url is None:
        up = find_up(settings.home)
        if up is None:
            raise SettingsError(
                "There is no Prefect server: set PREFECT_API_URL to the one whose automations wait for the events, "
                "or start `trayflow up` in this folder."
            )
        os.environ |= prefect_server.client_env(up.api_url, settings.home)
        ours = True
    # Prefect reads its settings when it is imported. We try again ourselves: its client would do so for a minute.
    os.environ |= {"PREFECT_CLIENT_MAX_RETRIES": "0"}
    from prefect.client.orchestration import get_client

    # No proxy leads to our own server.
    return get_client(httpx_settings={"trust_env": False} if ours else {}, sync_client=True)


def _report_now_and_then(forwarder: Forwarder) -> None:
    reported, since = Counter[str](), time.monotonic()
    while True:
        forwarder.forward()
        if time.monotonic() - since >= REPORT and forwarder.counts != reported:
            log.info("%s", _line(forwarder.counts))
            reported, since = forwarder.counts.copy(), time.monotonic()


def _line(counts: Counter[str]) -> str:
    line = f"{_number(counts['messages'], 'message')}, {_number(counts['events'], 'event')} forwarded"
    return f"{line}, {odd:,} not understood." if (odd := counts["not understood"]) else f"{line}."


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
