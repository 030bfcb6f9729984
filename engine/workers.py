"""The worker processes as the service sees them: a pool that takes jobs from the queue until it is closed.

A worker that dies takes nothing along: its job is tried again in a new process, up to `MOST_ATTEMPTS` times. The dying
of the service itself is no failure of the job: the next service finds it in the queue (`Queue.requeue_interrupted`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from engine.catalog import Catalog
from engine.pool import BasePool, Fate, Stage, Watch, failure
from engine.queue import Job, Kind, Queue
from engine.work import WORK, Work

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3

# One line of a worker's answers, in bytes: far above the fields of the longest document.
_LONGEST_ANSWER = 64 * 2**20
# Seconds before the queue is tried again after it could not be read or written.
_PAUSE = 1.0
# How the names of variables end that hold secrets.
_SECRETS = ("_KEY", "_TOKEN", "_SECRET")


class WorkerFailedError(Exception):
    """A worker died or could not do its job; the message says how, without text of the document."""


class Pool(BasePool):
    """`size` workers that process the jobs of `queue`, whose files are `files`/<job id>.

    `processing` is the import path of an `engine.work.Process`. A job that takes longer than `job_seconds` is ended.
    With `one_reading`, jobs with the same bytes wait for each other (see `Queue.claim`).
    """

    def __init__(
        self,
        queue: Queue,
        catalog: Catalog,
        data_dir: Path,
        *,
        size: int,
        job_seconds: float,
        processing: str,
        one_reading: bool = True,
        watch: Watch | None = None,
    ) -> None:
        super().__init__(queue, watch)
        self._catalog = catalog
        self._files = data_dir / "files"
        self._size = size
        self._job_seconds = job_seconds
        self._one_reading = one_reading
        self._command = worker_command(processing, data_dir / "readings")
        self._lanes: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._lanes = [asyncio.create_task(self._lane()) for _ in range(self._size)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    def wake(self) -> None:
        self._changed.set()

    async def _lane(self) -> None:
        worker = Worker(self._command)
        job: Job | None = None
        fate: Fate | None = None
        try:
            with contextlib.suppress(WorkerFailedError):  # the first job will tell
                await worker.start()
            while True:
                try:
                    if job is None:
                        job = self._queue.claim(one_reading=self._one_reading)
                        if job is None:
                            # Nothing can come in between: there is no pause for others since the claim.
                            self._changed.clear()
                            await self._changed.wait()
                            continue
                        fate = self._watch.started(job)
                    if fate is not Fate.STUCK:
                        await self._process(worker, job, fate)
                    job = None
                    self.wake()
                except Exception as error:  # a full disk, most likely; the job is kept and tried again
                    logger.error("the queue cannot be served: %s", type(error).__name__)
                    await asyncio.sleep(_PAUSE)
        finally:
            await worker.stop()

    async def _process(self, worker: Worker, job: Job, fate: Fate | None) -> None:
        work = self._work(job)
        if fate is Fate.FAILED:
            self._queue.fail(job.id, failure())
        elif work is None:
            self._queue.fail(job.id, _error("", "STEP_NOT_FOUND", "The step or type is no longer configured."))
        else:
            await self._attempt(worker, job, work)
        (self._files / job.id).unlink(missing_ok=True)
        self._ended(job)

    async def _attempt(self, worker: Worker, job: Job, work: Work) -> None:
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                await worker.start()
                async with asyncio.timeout(self._job_seconds):
                    answer = await worker.do(work, functools.partial(self._progress.__setitem__, job.id))
            except TimeoutError:
                await worker.stop()
                limit = f"The processing took longer than {self._job_seconds:g} seconds."
                return self._queue.fail(job.id, _error(self._stage(job), "TIMEOUT", limit))
            except WorkerFailedError as error:
                logger.warning("attempt %d of %d on job %s: %s", attempt, MOST_ATTEMPTS, job.id, error)
                continue
            if "refused" in answer:
                return self._queue.fail(job.id, answer["refused"])
            return self._queue.succeed(job.id, answer["result"])
        failed = f"The document could not be processed in {MOST_ATTEMPTS} attempts."
        return self._queue.fail(job.id, _error(self._stage(job), "EXTRACTION_FAILED", failed))

    def _stage(self, job: Job) -> str:
        _, _, name = self._progress.get(job.id, (0, 0, ""))
        return name

    def _work(self, job: Job) -> Work | None:
        """What is to be done for a job, or None when the catalog has lost its step or types since it was accepted."""
        file = (self._files / job.id, job.content_type, job.sha256)
        types = self._catalog.types
        if job.kind is Kind.IDENTIFY:
            known = tuple(types[code] for code in job.candidates if code in types)
            return Work(*file, candidates=known) if known else None
        if job.kind is Kind.CONVERT:
            return Work(*file, document_type=types[job.target], extract=True) if job.target in types else None
        if step := self._catalog.steps.get(job.target):
            return Work(*file, candidates=step.candidates, document_type=step.document_type, extract=True)
        return None


class Worker:
    """One worker process at a time: started when there is none, and again after it died."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Have a process that is ready for a job. Raises `WorkerFailedError` when there is none to be had."""
        if self._process is not None and self._process.returncode is None:
            return
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=_environment(),
                limit=_LONGEST_ANSWER,
            )
        except OSError as error:
            raise WorkerFailedError(f"the worker could not be started: {error.strerror}") from None
        await self._hear()

    async def do(self, work: Work, on_progress: Callable[[Stage], None]) -> dict[str, Any]:
        """Have a job done: the `result` or the `refused` of its last answer (see engine.worker).

        Raises `WorkerFailedError` when the process dies, or fails at the job.
        """
        await self._say(WORK.dump_json(work) + b"\n")
        while "progress" in (answer := await self._hear()):
            number, total, name = answer["progress"]
            on_progress((number, total, name))
        if "failed" in answer:
            raise WorkerFailedError(answer["failed"])
        return answer

    async def _say(self, line: bytes) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise WorkerFailedError("the worker is not running")
        try:
            process.stdin.write(line)
            await process.stdin.drain()
        except OSError:
            await self._fail(process)

    async def _hear(self) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdout is None:
            raise WorkerFailedError("the worker is not running")
        try:
            answer: dict[str, Any] = json.loads(await process.stdout.readline())
        except ValueError:  # the end of the stream, perhaps in the middle of an answer
            await self._fail(process)
        return answer

    async def _fail(self, process: asyncio.subprocess.Process) -> NoReturn:
        await self.stop()
        raise WorkerFailedError(f"the worker ended with {process.returncode}") from None

    async def stop(self) -> None:
        """End the process at once, whatever it is doing."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        # Reads what is left of the pipes, too, which would otherwise stay open.
        await process.communicate()


def worker_command(processing: str, readings: Path) -> list[str]:
    """The command of a worker: this interpreter, free of what lies in the current folder, and this package."""
    root = str(Path(__file__).parents[1])
    code = "import sys; sys.path.append(sys.argv[1]); from engine.worker import main; main(*sys.argv[2:])"
    return [sys.executable, "-P", "-c", code, root, processing, str(readings)]


def _environment() -> dict[str, str]:
    """Ours without secrets: a worker handles files from strangers. One thread a worker is what was measured as best."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith(_SECRETS)}
    return kept | {"OMP_NUM_THREADS": "1"}


def _error(step: str, code: str, message: str) -> dict[str, Any]:
    return {"step": step, "code": code, "message": message}
