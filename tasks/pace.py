"""How fast documents may enter a run: no faster than the Prefect server can write down what happens to them.

The server has no back-pressure. Its queue holds 10,000 events, three a task run; it drops in silence what does not fit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self
from uuid import UUID

import httpx
from prefect.context import TaskRunContext
from prefect.runtime import flow_run

from tasks.record import backlog, wait_until_recorded
from trayflow.settings import Settings
from trayflow.tally import way

#: Task runs a second that a Prefect server as shipped records (30 at most, measured).
STOCK_RATE = 25.0

#: Task runs that a document takes on its whole way: fetch, identify, execute, and a part of a write.
PER_DOCUMENT = 3.2

#: Task runs that may come at once after a quiet time, when the server has nothing left to record.
BURST = 500.0

#: Seconds between two documents that enter, at the least: so the first ones are at the service while the next are being
#: read, and not all of them after the last one was.
APART = 0.01

#: Task runs by which the server's record may lag before no further document enters.
MOST_BEHIND = 1000

#: Seconds between looks at a server that lags.
LOOK_AGAIN = 0.5

#: Seconds without anything recorded after which what is missing counts as lost: waiting for it would never end.
GIVEN_UP = 30.0

#: Seconds that the server gets at the end of a run that failed, and of one that was interrupted.
AFTER_FAILURE, AFTER_INTERRUPT = 10.0, 3.0

log = logging.getLogger(__name__)

_admission: ContextVar[Admission | None] = ContextVar("admission", default=None)


def note() -> None:
    """Tell the run's admission that a task run began; to be called in the task's body. A retry counts once."""
    context, admission = TaskRunContext.get(), _admission.get()
    if context is not None and admission is not None:
        admission.started.add(context.task_run.id)
    if context is not None and (under_way := way.get()):
        under_way.task_run = context.task_run.id


class Admission:
    """Admits documents: at most a window of them at once, at a pace, and none while the server's record lags far.

    Around a run it is a context manager; at the end of it every task run of the run is recorded, or a warning is logged
    with the number of those that are not.
    """

    def __init__(self, settings: Settings) -> None:
        rate = settings.prefect.task_runs_per_second or STOCK_RATE
        self.started: set[UUID] = set()
        self._interval = PER_DOCUMENT / rate
        self._burst = BURST / rate
        self._next = time.monotonic() - self._burst
        self._window = asyncio.Semaphore(settings.limits.window)
        self._under_way = 0
        self._most_handed_over = settings.limits.window
        self._handed_over: set[str] = set()
        self._gate = asyncio.Lock()
        self._flow_run = flow_run.get_id()
        self._recorded = 0
        self._lost = 0
        self._token: Token[Admission | None] | None = None

    async def __aenter__(self) -> Self:
        self._token = _admission.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            _admission.reset(self._token)
        if self._flow_run is None:
            return
        patience = GIVEN_UP
        if kind is not None:
            patience = AFTER_FAILURE if issubclass(kind, Exception) else AFTER_INTERRUPT
        if missing := await wait_until_recorded(self.started, self._flow_run, patience=patience):
            log.warning("The Prefect server has not recorded %d of %d task runs.", missing, len(self.started))

    async def enter(self) -> None:
        """Wait until one more document may be under way."""
        await self._window.acquire()
        try:
            async with self._gate:
                await self._pace()
                await self._catch_up()
        except BaseException:
            self._window.release()
            raise
        self._under_way += 1

    def hand_over(self, document_id: str) -> None:
        """Only a document's rows are still to be written: its place is free, unless a window full of them waits."""
        if document_id not in self._handed_over and len(self._handed_over) < self._most_handed_over:
            self._handed_over.add(document_id)
            self._window.release()

    @property
    def all_handed_over(self) -> bool:
        """Whether every document that is under way waits for its rows to be written."""
        return len(self._handed_over) == self._under_way

    def leave(self, document_id: str) -> None:
        """A document is under way no more."""
        self._under_way -= 1
        if document_id in self._handed_over:
            self._handed_over.remove(document_id)
        else:
            self._window.release()

    def refund(self) -> None:
        """A document that entered takes no task runs after all."""
        self._next -= self._interval

    async def _pace(self) -> None:
        now = time.monotonic()
        self._next = max(self._next + self._interval, now - self._burst)
        await asyncio.sleep(max(self._next - now, APART))

    async def _catch_up(self) -> None:
        """Hold until the record lags by less than `MOST_BEHIND`; the server is asked only when it may lag by that."""
        if self._flow_run is None:
            return
        progressed = time.monotonic()
        while len(self.started) - self._recorded - self._lost >= MOST_BEHIND:
            try:
                recorded = len(self.started) - await backlog(len(self.started), self._flow_run)
            except httpx.HTTPError:
                recorded = self._recorded
            if recorded > self._recorded:
                self._recorded, progressed = recorded, time.monotonic()
            elif time.monotonic() - progressed > GIVEN_UP:
                self._lost = len(self.started) - self._recorded
                log.warning("The Prefect server has not recorded %d task runs; the run goes on.", self._lost)
            else:
                await asyncio.sleep(LOOK_AGAIN)
