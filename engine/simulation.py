"""A pool without workers: jobs take their time, nothing is read, and the answers are made up.

It costs a fraction of a millisecond a job, so that thousands of documents can be rehearsed on a small machine.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from engine import made_up
from engine.catalog import Catalog
from engine.chance import chance
from engine.plain_schema import Schema, plain
from engine.pool import BasePool, Fate, Watch, failure
from engine.queue import Job, Kind, Queue

logger = logging.getLogger(__name__)

# Seconds before the queue is tried again after it could not be read or written.
_PAUSE = 1.0


class SimulatedPool(BasePool):
    """Jobs take `seconds`, a fifth more or less; at most `at_once` are under way, further ones wait in their order.

    How long a job takes follows from `seed` and its document, not from when it comes.
    """

    def __init__(
        self,
        queue: Queue,
        catalog: Catalog,
        *,
        seconds: float,
        at_once: int,
        seed: int = 0,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(queue, watch)
        self._catalog = catalog
        self._seconds = seconds
        self._at_once = at_once
        self._seed = seed
        self._under_way: dict[str, asyncio.TimerHandle] = {}
        self._schema = functools.cache(self._plain_schema)

    async def __aenter__(self) -> Self:
        self.wake()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._under_way.values():
            timer.cancel()
        self._at_once = 0  # what still comes in waits for the next service

    def wake(self) -> None:
        try:
            # Nothing is read, so that jobs with the same bytes need not wait for each other.
            while len(self._under_way) < self._at_once and (job := self._queue.claim(one_reading=False)):
                self._begin(job)
        except Exception as error:  # a full disk, most likely; the job is kept and tried again
            logger.error("the queue cannot be served: %s", type(error).__name__)
            asyncio.get_running_loop().call_later(_PAUSE, self.wake)

    def _begin(self, job: Job) -> None:
        fate = self._watch.started(job)
        if fate is not Fate.STUCK:  # that would take a place for ever
            seconds = self._seconds * (0.8 + 0.4 * chance(self._seed, "latency", job.sha256, job.kind))
            self._end_after(seconds, job, fate)

    def _end_after(self, seconds: float, job: Job, fate: Fate | None) -> None:
        self._under_way[job.id] = asyncio.get_running_loop().call_later(seconds, self._end, job, fate)

    def _end(self, job: Job, fate: Fate | None) -> None:
        try:
            result = self._result(job)
            if fate is Fate.FAILED:
                self._queue.fail(job.id, failure())
            elif result is None:
                message = "The step or type is no longer configured."
                self._queue.fail(job.id, {"step": "", "code": "STEP_NOT_FOUND", "message": message})
            else:
                self._queue.succeed(job.id, result)
        except Exception as error:
            logger.error("the queue cannot be served: %s", type(error).__name__)
            self._end_after(_PAUSE, job, fate)
        else:
            del self._under_way[job.id]
            self._ended(job)
            self.wake()

    def _result(self, job: Job) -> dict[str, Any] | None:
        """What a worker would have found; None when the catalog has lost the job's step or types."""
        types, step = self._catalog.types, self._catalog.steps.get(job.target)
        result: dict[str, Any] = {}
        code = job.target if job.kind is Kind.CONVERT else ""
        candidates = tuple(types[code] for code in job.candidates if code in types)
        if job.kind is Kind.STEP and step is not None:
            candidates, code = step.candidates, step.document_type.code if step.document_type else ""
        if candidates:
            found = made_up.identification(candidates, job.sha256)
            result["identification"] = asdict(found)
            code = code or found.document_type.code
        if job.kind is not Kind.IDENTIFY and code in types:
            result["data"] = made_up.fields(self._schema(code), job.sha256)
            result["validation"] = {"errors": [], "warnings": []}
        return result or None

    def _plain_schema(self, code: str) -> Schema:
        return plain(self._catalog.types[code].json_schema)
