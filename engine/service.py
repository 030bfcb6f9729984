"""What the engine does with a submission: check it, keep it, wait for its end where the caller does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request

from engine import errors
from engine.catalog import Catalog
from engine.documents import DocumentType
from engine.faults import Faults
from engine.misbehaviour import Misbehaviour
from engine.pool import BasePool, Fate, Stage, Watch
from engine.queue import Job, Kind, Queue, Status
from engine.readings import prune_readings
from engine.settings import EngineSettings
from engine.simulation import SimulatedPool
from engine.stats import Stats
from engine.submissions import Submission, receive
from engine.webhooks import Webhooks
from engine.workers import Pool

logger = logging.getLogger(__name__)

# Seconds between the rounds that forget old jobs and readings.
_ROUND = 60.0
# What the document itself is to blame for: a synchronous call answers it with 400.
_BAD_DOCUMENT = frozenset({"EMPTY_FILE", "ENCRYPTED", "UNREADABLE"})


class Service:
    """The engine behind its routes. `running` must be entered before anything is submitted.

    In the data folder: `queue.db`; `files/`, a file for each job that has not ended, named by its id; `incoming/`,
    uploads that are not complete; `readings/`.
    """

    def __init__(self, settings: EngineSettings, catalog: Catalog, faults: Faults | None = None) -> None:
        self.catalog = catalog
        self.stats = Stats()
        self.misbehaviour = Misbehaviour(faults, self.stats)
        self._settings = settings
        self._files, self._incoming, self._readings = (
            settings.data_dir / name for name in ("files", "incoming", "readings")
        )
        for folder in (settings.data_dir, self._files, self._incoming, self._readings):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._queue = Queue(settings.data_dir / "queue.db")
        self._webhooks = Webhooks(catalog, self.stats, url=settings.webhook_url, secret=settings.webhook_secret)
        self._pool = self._new_pool(settings)

    def _new_pool(self, settings: EngineSettings) -> BasePool:
        watch = _Watch(self._queue, self.stats, self.misbehaviour, self._webhooks)
        if settings.simulate is not None:
            return SimulatedPool(
                self._queue,
                self.catalog,
                seconds=settings.simulate,
                at_once=settings.at_once,
                seed=self.misbehaviour.seed,
                watch=watch,
            )
        return Pool(
            self._queue,
            self.catalog,
            settings.data_dir,
            size=settings.workers,
            job_seconds=settings.job_seconds,
            processing=settings.processing,
            # A job that is stuck must not hold up others with its bytes.
            one_reading=not self.misbehaviour.may_stick,
            watch=watch,
        )

    @property
    def _keeps_files(self) -> bool:
        """A simulation only looks at documents as they pass."""
        return self._settings.simulate is None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry on with what a former service left, and work until the end of the block."""
        self._queue.requeue_interrupted()
        _delete_all_but(self._files, self._queue.open_ids() if self._keeps_files else ())
        _delete_all_but(self._incoming, ())
        async with self._webhooks, self._pool:
            rounds = asyncio.create_task(self._keep_tidy())
            try:
                yield
            finally:
                rounds.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await rounds
        self._queue.close()

    async def _keep_tidy(self) -> None:
        while True:
            try:
                self._queue.forget_old()
                await asyncio.to_thread(prune_readings, self._readings)
            except Exception as error:  # it is tried again; the service goes on without
                logger.warning("old jobs and readings could not be deleted: %s", type(error).__name__)
            await asyncio.sleep(_ROUND)

    async def accept(self, request: Request, kind: Kind, target: str = "") -> Job:
        """Take in a submission and enqueue it; from then on it is not lost. Raises `ApiError`, `MisbehavedError`.

        `target` is the step's id; identifications and conversions bring their types with them.
        """
        async with receive(
            request,
            self._incoming if self._keeps_files else None,
            most_bytes=self._settings.most_bytes,
            download_seconds=self._settings.download_seconds,
        ) as submission:
            job = self._job(kind, target, submission)
            self.misbehaviour.before_acceptance(job)
            if self._keeps_files:
                submission.upload.keep(self._files / job.id)
            self._queue.add(job)
        self.stats.accepted(job)
        self._pool.wake()
        await self.misbehaviour.after_acceptance(job)
        return job

    def _job(self, kind: Kind, target: str, submission: Submission) -> Job:
        candidates: tuple[str, ...] = ()
        if kind is Kind.IDENTIFY:
            candidates = _codes(submission.structure("document_type_code_options"))
            self._require_types(candidates)
        elif kind is Kind.CONVERT:
            code = submission.fields.get("document_type_code")
            if not isinstance(code, str) or not code:
                raise errors.validation(["document_type_code: a document type code is required"])
            self._require_types([code])
            target = code
        metadata = submission.structure("document_metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise errors.validation(["document_metadata: must be an object"])
        webhook_url = submission.fields.get("webhook_url")
        if webhook_url is not None and not isinstance(webhook_url, str):
            raise errors.validation(["webhook_url: must be a string"])
        return Job(
            id=str(uuid.uuid4()),
            kind=kind,
            target=target,
            candidates=candidates,
            content_type=submission.content_type,
            sha256=submission.upload.sha256,
            filename=submission.filename,
            metadata=metadata,
            webhook_url=webhook_url or None,
        )

    def _require_types(self, codes: Iterable[str]) -> None:
        unknown = [code for code in codes if code not in self.catalog.types]
        if unknown:
            raise errors.types_not_accessible(unknown)

    async def result_of(self, job: Job) -> dict[str, Any]:
        """Wait for the end of a job and return its result. Raises `ApiError` (400, 500) when it ended in an error."""
        ended = await self._pool.end_of(job.id)
        if ended is None or ended.status is not Status.SUCCESS or ended.result is None:
            error = (ended and ended.error) or {}
            if error.get("code") in _BAD_DOCUMENT:
                raise errors.validation([f"image: {error['message']}"])
            raise errors.internal(f"{error.get('code')}: {error.get('message')}")
        return ended.result

    async def status_of(self, job_id: str, kind: Kind) -> tuple[Job, Stage | None]:
        """A job of this kind and the stage it is in.

        Raises `ApiError`, 400 for what is no id and 404, and `MisbehavedError`.
        """
        self.stats.polled(kind)
        if not _is_id(job_id):
            raise errors.invalid_id()
        job = self._job_of(job_id, kind)
        if self.misbehaviour.active:
            await self.misbehaviour.of_status(job)
            job = self._job_of(job_id, kind)  # the answer may have been held back
        if job.responded_at is not None:
            self.stats.shown(job.id)
        return job, self._pool.progress(job.id)

    def _job_of(self, job_id: str, kind: Kind) -> Job:
        job = self._queue.get(job_id.lower())
        if job is None or job.kind is not kind:
            raise errors.execution_not_found()
        return job

    def document_type(self, code_or_id: str) -> DocumentType:
        """A type. Raises `ApiError` (404)."""
        found = self.catalog.find_type(code_or_id)
        if found is None:
            raise errors.type_not_found()
        return found


class _Watch(Watch):
    """Tells statistics and receivers how jobs go, and spoils those that a fault meets."""

    def __init__(self, queue: Queue, stats: Stats, misbehaviour: Misbehaviour, webhooks: Webhooks) -> None:
        self._queue = queue
        self._stats = stats
        self._misbehaviour = misbehaviour
        self._webhooks = webhooks

    def started(self, job: Job) -> Fate | None:
        self._tell(job, self._webhooks.started)
        return self._misbehaviour.fate(job)

    def ended(self, job: Job) -> None:
        self._stats.ended(job.id)
        self._tell(job, self._webhooks.ended)

    def _tell(self, job: Job, how: Callable[[Job, str | None], None]) -> None:
        try:
            if self._webhooks.wanted(job) and (now := self._queue.get(job.id)):
                how(now, self._misbehaviour.of_webhooks(job))
        except Exception as error:  # whatever it is, the work goes on
            logger.warning("a webhook could not be made: %s", type(error).__name__)


def _codes(options: Any) -> tuple[str, ...]:
    if not isinstance(options, list) or not options or not all(isinstance(code, str) and code for code in options):
        raise errors.validation(["document_type_code_options: must be a list of at least one document type code"])
    return tuple(dict.fromkeys(options))


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _delete_all_but(folder: Path, names: Iterable[str]) -> None:
    keep = set(names)
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink()
