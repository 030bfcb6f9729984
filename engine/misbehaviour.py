"""Where faults meet the calls: the service asks here before and after it does what is right."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response

from engine import faulty
from engine.chance import pick
from engine.faults import Faults
from engine.faulty import MisbehavedError
from engine.pool import Fate
from engine.queue import Job
from engine.stats import Stats

_BEFORE = {"error": 500, "unavailable": 503}


class Misbehaviour:
    """Every method does nothing, or waits, or raises `MisbehavedError`. Without `faults` none of them does anything."""

    def __init__(self, faults: Faults | None, stats: Stats) -> None:
        self._faults = faults
        self._stats = stats

    @property
    def active(self) -> bool:
        return self._faults is not None

    @property
    def seed(self) -> int:
        return self._faults.settings.seed if self._faults else 0

    @property
    def may_stick(self) -> bool:
        return self._faults is not None and self._faults.settings.executions.stuck > 0

    def before_acceptance(self, job: Job) -> None:
        """A complete submission, not yet accepted."""
        if self._faults is None:
            return
        self._faults.sent(job)
        self._limit(self._faults, "submissions", *self._faults.call(job))
        fault = self._faults.of_submission(job)
        if fault == "cut_before":
            self._cut("submissions.cut_before")
        if fault in _BEFORE:
            self._answer(f"submissions.{fault}", faulty.error(_BEFORE[fault]))

    async def after_acceptance(self, job: Job) -> None:
        if self._faults is None:
            return
        await self._slow(self._faults, "submissions", *self._faults.call(job))
        fault = self._faults.of_submission(job)
        if fault == "cut":
            self._cut("submissions.cut")
        if fault == "garbage":
            self._garbage("submissions.garbage", 202)
        if fault == "gateway":
            status = (502, 504)[pick(2, self.seed, "gateway", *self._faults.call(job))]
            self._answer("submissions.gateway", faulty.gateway(status))

    async def of_status(self, job: Job) -> None:
        """A status call about a known job."""
        if self._faults is None:
            return
        poll = self._faults.called(job.id)
        call = ("status", *self._faults.call(job), poll)
        self._limit(self._faults, *call)
        await self._slow(self._faults, *call)
        fault = self._faults.of_status(job, poll)
        if fault == "cut":
            self._cut("status.cut")
        if fault == "garbage":
            self._garbage("status.garbage", 200)
        if fault == "error":
            self._answer("status.error", faulty.error(500))

    async def of_other_call(self, request: Request) -> None:
        """A call that is about no document, known by its path."""
        if self._faults is None:
            return
        call = (request.url.path, self._faults.called(request.url.path))
        self._limit(self._faults, *call)
        await self._slow(self._faults, *call)

    def of_webhooks(self, job: Job) -> str | None:
        """What the events of an execution meet."""
        return self._faults.of_webhooks(job) if self._faults else None

    def fate(self, job: Job) -> Fate | None:
        """What becomes of an execution that begins, if not what is right."""
        if self._faults is None or (chosen := self._faults.of_execution(job)) is None:
            return None
        self._stats.fault(f"executions.{chosen}")
        return Fate(chosen)

    def _limit(self, faults: Faults, *call: object) -> None:
        if faults.limits(*call):
            told = faults.settings.everywhere
            as_text = pick(2, self.seed, "text", *call) == 1
            response = faulty.rate_limited(told.rate_limit_form, told.retry_after, as_text=as_text)
            self._answer("everywhere.rate_limited", response)

    async def _slow(self, faults: Faults, *call: object) -> None:
        if faults.slows(*call):
            self._stats.fault("everywhere.slow")
            await asyncio.sleep(faults.settings.everywhere.slow_seconds)

    def _cut(self, fault: str) -> NoReturn:
        self._stats.answered("cut")
        self._answer(fault, faulty.Cut())

    def _garbage(self, fault: str, status: int) -> NoReturn:
        self._stats.answered("garbage")
        self._answer(fault, faulty.garbage(status))

    def _answer(self, fault: str, response: Response) -> NoReturn:
        self._stats.fault(fault)
        raise MisbehavedError(response)
