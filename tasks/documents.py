"""The seven things that are done to documents, each a task that one can see, retry and trust."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from prefect import Task

from tasks.observed import observed, with_budget
from tasks.submit import submit
from tasks.wait import wait_for
from trayflow.client import FileUpload
from trayflow.ledger import Page, Submission
from trayflow.models import Accepted, Document, Extraction, Kind, Progress, Spooled
from trayflow.settings import Limits
from trayflow.tray import Tray


@observed("discover page {number}")
async def discover(tray: Tray, number: int) -> Page | None:
    """List the next page of the source and enter it in the ledger; `None` after the last one."""
    found = await asyncio.to_thread(next, tray.pages, None)
    if found is None:
        return None
    return await asyncio.to_thread(tray.ledger.discover, tray.source.uri, found, tray.destination.uri)


@observed("fetch {document.label}")
async def fetch(tray: Tray, document: Document) -> Spooled:
    """Bring the bytes here, and look at them. Raises `DocumentError` for what the service could not read."""

    def take() -> Spooled:
        with tray.source.open(document.key) as stream:
            return tray.spool.take(document.id, stream)

    return await asyncio.to_thread(take)


@observed("submit identification {document.label}")
async def submit_identification(tray: Tray, document: Document, spooled: Spooled) -> Submission:
    """Ask the service, once, what the document is."""

    async def post(intent: str) -> Accepted:
        return await tray.service.submit_identification(
            _upload(document, spooled), candidates=tray.candidates, metadata=_metadata(document, intent)
        )

    return await submit(tray, document, Kind.IDENTIFY, post, settings=",".join(tray.candidates))


@observed("await identification {document.label}")
async def await_identification(tray: Tray, document: Document, submission: Submission) -> Progress:
    """Wait until the service says what the document is, or that it cannot."""
    return await wait_for(tray, document, submission, tray.service.identification)


@observed("submit execution {document.label}")
async def submit_execution(tray: Tray, document: Document, spooled: Spooled, step_id: str) -> Submission:
    """Send the document, once, to the step that fits."""

    async def post(intent: str) -> Accepted:
        return await tray.service.submit_execution(
            _upload(document, spooled), step_id=step_id, metadata=_metadata(document, intent)
        )

    return await submit(tray, document, Kind.EXECUTE, post, step_id=step_id)


@observed("await execution {document.label}")
async def await_execution(tray: Tray, document: Document, submission: Submission) -> Progress:
    """Wait until the step has extracted the document's fields, or has given up."""
    return await wait_for(tray, document, submission, tray.service.execution)


@observed("write {document.label}")
async def write(tray: Tray, document: Document, extraction: Extraction) -> dict[str, int]:
    """Append the document's rows, exactly once. Returns the rows by table."""
    async with tray.appending:
        return await asyncio.to_thread(tray.destination.append, [extraction])


@dataclass(frozen=True, slots=True)
class DocumentTasks:
    """The tasks with the attempts and the back-off that the user set."""

    discover: Task[[Tray, int], Any] = discover
    fetch: Task[[Tray, Document], Any] = fetch
    submit_identification: Task[[Tray, Document, Spooled], Any] = submit_identification
    await_identification: Task[[Tray, Document, Submission], Any] = await_identification
    submit_execution: Task[[Tray, Document, Spooled, str], Any] = submit_execution
    await_execution: Task[[Tray, Document, Submission], Any] = await_execution
    write: Task[[Tray, Document, Extraction], Any] = write


def tasks_with(limits: Limits) -> DocumentTasks:
    """The tasks of a run: what retries, how often and how slowly is a setting."""
    tasks = DocumentTasks()
    return DocumentTasks(**{name: with_budget(getattr(tasks, name), limits) for name in DocumentTasks.__slots__})


def _upload(document: Document, spooled: Spooled) -> FileUpload:
    name = document.key.rsplit("/", 1)[-1]
    return FileUpload(spooled.path, filename=name, content_type=spooled.content_type)


def _metadata(document: Document, intent: str) -> dict[str, Any]:
    """What travels with a submission and comes back with every word about it."""
    return {"trayflow_intent": intent, "trayflow_document": document.id}
