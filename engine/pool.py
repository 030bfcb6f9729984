"""What works off the queue, as the service sees it: worker processes (engine.workers) or a simulation of them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from engine.queue import Job, Queue

#: A stage of a job: its number (from 1), how many there are, its name.
Stage = tuple[int, int, str]


class Fate(StrEnum):
    """What becomes of a job that is not done as it should be."""

    STUCK = "stuck"
    FAILED = "failed"


def failure() -> dict[str, Any]:
    """The error of a job whose fate it is to fail."""
    return {"step": "extract", "code": "EXTRACTION_FAILED", "message": "The document could not be processed."}


class Watch:
    """Is told about jobs as they go, and may spoil them. This one lets them go."""

    def started(self, job: Job) -> Fate | None:
        """The job is under way. Returns what is to become of it, if not what is right."""
        return None

    def ended(self, job: Job) -> None:
        """The job, as it was when it started, has ended; the queue holds how."""


class BasePool(ABC):
    """Takes jobs from `queue` from the beginning of its `async with` block to the end."""

    def __init__(self, queue: Queue, watch: Watch | None = None) -> None:
        self._queue = queue
        self._watch = watch or Watch()
        self._progress: dict[str, Stage] = {}
        self._ends: dict[str, asyncio.Event] = {}

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @abstractmethod
    def wake(self) -> None:
        """There may be something to claim: a job was added, or one ended that others waited for."""

    def progress(self, job_id: str) -> Stage | None:
        """The stage that a job is in, once it is under way."""
        return self._progress.get(job_id)

    async def end_of(self, job_id: str) -> Job | None:
        """Wait until an accepted job has ended, and return it as it then is."""
        job = self._queue.get(job_id)
        if job is not None and job.responded_at is None:
            await self._ends.setdefault(job_id, asyncio.Event()).wait()
            job = self._queue.get(job_id)
        return job

    def _ended(self, job: Job) -> None:
        self._progress.pop(job.id, None)
        if end := self._ends.pop(job.id, None):
            end.set()
        self._watch.ended(job)
