"""One run of the flow in this process, as a command runs it: watched, and ended by Ctrl-C in good order.

The flow has a thread of its own, so that signals reach us and not Prefect, which would tear at whatever runs just then.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import get_current_settings
from prefect.utilities.urls import url_for

from deployments.children import StartError
from deployments.leftovers import mark_crashed
from deployments.local import Ground
from trayflow.progress import Event, listener

INTERRUPTED = 130

#: Seconds that the last log lines and events get to reach the server.
DRAIN = 5.0


@dataclass
class FlowRun:
    """A call of a flow, before, while and after it runs."""

    call: Callable[..., Awaitable[Any]]
    hear: Callable[[Event], None]
    notice: Callable[[str], None]
    server_is_lasting: bool
    url: str | None = None
    result: Any = None
    error: BaseException | None = None
    _interrupted: bool = field(default=False, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _call: asyncio.Task[None] | None = field(default=None, init=False)

    def run(self, ground: Ground) -> Any:
        """Run it to its end, and until the server has heard of that. Returns what the flow returns.

        Raises what the flow raises; `KeyboardInterrupt` when it was interrupted; `StartError` when a process that it
        stands on ended, or when the user's Prefect server does not answer.
        """
        thread = threading.Thread(target=self._in_thread, name="flow", daemon=True)
        fallen, told = None, False
        with _signals(self.cancel):
            thread.start()
            while thread.is_alive():
                thread.join(0.2)
                if fallen is None and (fallen := ground.fallen()):
                    self.cancel()
                elif self._interrupted and not told:
                    self.notice("Stopping: what was submitted is being recorded. Ctrl-C once more ends at once.")
                    told = True
        if fallen:
            raise StartError(f"The {fallen.name} ended unexpectedly: see {fallen.log}. The same command carries on.")
        _drain()
        if isinstance(self.error, asyncio.CancelledError):
            raise KeyboardInterrupt
        if self.error:
            raise self.error
        return self.result

    def cancel(self) -> None:
        """End it soon: what was submitted is recorded first."""
        self._interrupted = True
        if self._loop and self._call:
            self._loop.call_soon_threadsafe(self._call.cancel)

    def _in_thread(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # handed to the thread that waits
            self.error = error

    async def _main(self) -> None:
        self._loop, self._call = asyncio.get_running_loop(), asyncio.current_task()
        if self._interrupted:
            raise asyncio.CancelledError
        listener.set(self.hear)
        await _check_server()
        if not self.server_is_lasting:
            await mark_crashed()
        state: State[Any] = await self.call(return_state=True)
        self.url = url_for("flow-run", obj_id=state.state_details.flow_run_id)
        self.result = await state.aresult()


async def _check_server() -> None:
    async with get_client() as client:
        if error := await client.api_healthcheck():
            url = get_current_settings().api.url
            raise StartError(
                f"The Prefect server at {url} does not answer ({type(error).__name__}): see PREFECT_API_URL."
            )


def _drain() -> None:
    """What this process still has to say must reach the server before the server ends."""
    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=DRAIN)


@contextmanager
def _signals(cancel: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM cancels; the second ends the process, and the leashes end what it started."""
    count = 0

    def handle(*_: object) -> None:
        nonlocal count
        count += 1
        if count > 1:
            os._exit(INTERRUPTED)
        cancel()

    before = {signum: signal.signal(signum, handle) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
