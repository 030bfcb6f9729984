"""What is done to documents, each a task that one can see, retry and trust.

To submit and to wait for the answer is one task run: a second one would cost as much as the call itself, and tell no
more (docs/performance.md). A task run that is tried again waits for what it has submitted, and submits nothing twice:
the ledger knows.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tasks.observed import observed
from tasks.pace import Admission
from tasks.submit import submit
from tasks.wait import wait_for
from trayflow.batches import Batches
from trayflow.client import FileUpload, Upload, UrlUpload
from trayflow.ledger import Submission
from trayflow.models import Accepted, Document, Extraction, Kind, Listing, Progress, Skipped, Spooled
from trayflow.progress import Discovered, tell
from trayflow.tally import Part, way
from trayflow.tray import Tray

#: Seconds after which a look at the source brings home what it found, and documents with which it does so sooner.
A_LOOK, ENOUGH = 0.5, 50

#: Documents whose rows are appended in one go, at the most.
WRITTEN_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a source brought: documents that need work, and the number of pages; the last one sees the end."""

    documents: Sequence[Document]
    unchanged: int
    skipped: Sequence[Skipped]
    pages: int
    is_last: bool


@observed("discover from page {number}")
async def discover(tray: Tray, pages: Iterator[Listing], number: int) -> Look:
    """List on, and enter in the ledger what is listed: for `A_LOOK` seconds, or until there is enough to be done.

    Of a large source most pages bring nothing new, and a task run for each would cost more than to list it.
    """
    given_up = threading.Event()
    try:
        look = await asyncio.to_thread(_look, tray, pages, given_up)
    finally:
        given_up.set()
    tray.tally.find(len(look.documents), look.unchanged)
    tray.tally.skip(look.skipped)
    tell(Discovered(new=len(look.documents), unchanged=look.unchanged))
    return look


def _look(tray: Tray, pages: Iterator[Listing], given_up: threading.Event) -> Look:
    """One thread sees to both listing and ledger: the event loop is busy with documents meanwhile."""
    documents: list[Document] = []
    skipped: list[Skipped] = []
    began, unchanged, count = time.monotonic(), 0, 0
    for listing in pages:
        page = tray.ledger.discover(tray.source.uri, listing.found, tray.destination.uri)
        documents += page.documents
        skipped += listing.skipped
        unchanged += page.unchanged
        count += 1
        if len(documents) >= ENOUGH or time.monotonic() - began >= A_LOOK or given_up.is_set():
            return Look(documents, unchanged, skipped, count, is_last=False)
    return Look(documents, unchanged, skipped, count, is_last=True)


@observed("fetch {document.label}")
async def fetch(tray: Tray, document: Document) -> Spooled:
    """Bring the bytes here, and look at them.

    Raises `DocumentError` for what the service could not read, `FetchError` when the bytes cannot be had now.
    """

    def take() -> Spooled:
        with tray.source.open(document) as stream:
            return tray.spool.take(document.id, stream)

    with tray.tally.timed(Part.FETCH):
        await tray.spool.make_room(document.id, document.size)
        return await asyncio.to_thread(take)


@observed("identify {document.label}")
async def identify(tray: Tray, document: Document, spooled: Spooled) -> Progress:
    """Ask the service, once, what the document is, and wait until it says so, or that it cannot."""

    async def post(intent: str) -> Accepted:
        return await tray.service.submit_identification(
            await _upload(tray, document, spooled),
            candidates=tray.candidates,
            metadata=_metadata(document, intent),
            webhook_url=tray.settings.webhooks.url,
        )

    submission = await submit(tray, document, Kind.IDENTIFY, post, settings=",".join(tray.candidates))
    progress = await wait_for(tray, document, submission, tray.service.identification)
    if progress.identification and (under_way := way.get()):
        under_way.document_type = progress.identification.document_type.code
    return progress


@observed("execute {document.label}")
async def execute(tray: Tray, document: Document, spooled: Spooled, step_id: str) -> Progress:
    """Send the document, once, to the step that fits, and wait until it has extracted its fields, or has given up."""

    async def post(intent: str) -> Accepted:
        return await tray.service.submit_execution(
            await _upload(tray, document, spooled),
            step_id=step_id,
            metadata=_metadata(document, intent),
            webhook_url=tray.settings.webhooks.url,
        )

    submission = await submit(tray, document, Kind.EXECUTE, post, step_id=step_id)
    return await wait_for(tray, document, submission, tray.service.execution)


@observed("await execution {document.label}")
async def await_execution(tray: Tray, document: Document, submission: Submission) -> Progress:
    """Wait for the end of an execution that an earlier run submitted."""
    return await wait_for(tray, document, submission, tray.service.execution)


@observed("write {label}")
async def write(tray: Tray, extractions: Sequence[Extraction], label: str) -> None:
    """Append the rows of documents, each exactly once."""
    with tray.tally.timed(Part.WRITE):
        tray.tally.rows.update(await asyncio.to_thread(tray.destination.append, extractions))


class DocumentTasks:
    """The tasks with the attempts and the back-off that the user set. Made by `tasks_with`."""

    def __init__(self, tray: Tray, admission: Admission) -> None:
        limits = tray.settings.limits
        self.discover = discover.with_budget(limits)
        self.fetch = fetch.with_budget(limits)
        self.identify = identify.with_budget(limits)
        self.execute = execute.with_budget(limits)
        self.await_execution = await_execution.with_budget(limits)
        self._write = write.with_budget(limits)
        self._tray = tray
        self._admission = admission
        self.batches = Batches(self._write_together, limits.write_every, WRITTEN_AT_ONCE)

    async def write(self, extraction: Extraction) -> None:
        """Append one document's rows, together with those of the documents that are ready at the same time."""
        self._admission.hand_over(extraction.document.id)
        if self._admission.all_handed_over:
            self.batches.flush()
        await self.batches.add(extraction)

    async def _write_together(self, extractions: Sequence[Extraction]) -> Sequence[None]:
        first, others = extractions[0].document.label, len(extractions) - 1
        await self._write(self._tray, extractions, f"{first} and {others} more" if others else first)
        return [None] * len(extractions)


@asynccontextmanager
async def tasks_with(tray: Tray, admission: Admission) -> AsyncIterator[DocumentTasks]:
    """The tasks of a run; what is being written at the end of the block is written."""
    tasks = DocumentTasks(tray, admission)
    try:
        yield tasks
    finally:
        await tasks.batches.close()


async def _upload(tray: Tray, document: Document, spooled: Spooled) -> Upload:
    settings = tray.settings.source
    if settings.submit == "url":
        return UrlUpload(
            await asyncio.to_thread(tray.source.link, document, settings.url_seconds), spooled.content_type
        )
    name = document.key.rsplit("/", 1)[-1]
    return FileUpload(spooled.path, filename=name, content_type=spooled.content_type)


def _metadata(document: Document, intent: str) -> dict[str, Any]:
    """What travels with a submission and comes back with every word about it."""
    return {"trayflow_intent": intent, "trayflow_document": document.id}
