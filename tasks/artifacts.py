"""What a run leaves on its page in the Prefect UI: a progress that moves, a report, a table, tags.

The run's work does not hang on any of it: a server that does not take something is a warning.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from trayflow import report
from trayflow.errors import LedgerError
from trayflow.labels import artifact_key, short
from trayflow.progress import Summary
from trayflow.tray import Tray

#: Seconds between two looks at the progress: an update costs the server 80 ms.
INTERVAL = 5.0

#: Documents in the table of what needs a person.
MOST_WAITING = 500

#: Seconds that the server gets for what a run leaves, and those when somebody waits for an interrupted run to end.
PATIENCE, WHEN_INTERRUPTED = 60.0, 10.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def shown(tray: Tray) -> AsyncIterator[None]:
    """Show the run on its page as long as the block lasts, and what came of it at the end, however it ends."""
    if flow_run.get_id() is None or not tray.settings.prefect.report:
        yield
        return
    page = _Page(tray)
    moving = asyncio.create_task(page.move())
    stopped: BaseException | None = None
    try:
        yield
    except BaseException as error:
        stopped = error
        raise
    finally:
        interrupted = stopped is not None and not isinstance(stopped, Exception)
        try:
            async with asyncio.timeout(WHEN_INTERRUPTED if interrupted else PATIENCE):
                page.over.set()  # not cancelled: an artifact half made would be made twice
                await asyncio.wait([moving])
                await page.close(stopped)
        except TimeoutError:
            log.warning("The Prefect server is too slow: the report of this run is missing there.")
        finally:
            moving.cancel()


class _Page:
    """One run's artifacts and tags."""

    def __init__(self, tray: Tray) -> None:
        self.over = asyncio.Event()
        self._tray = tray
        self._source = tray.source.uri
        self._needs_person = artifact_key("needs-a-person", self._source)
        self._progress: UUID | None = None
        self._told: tuple[float, str] | None = None

    async def move(self) -> None:
        """Keep the progress artifact up to date, until it is over."""
        while not self.over.is_set():
            await self._move()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), INTERVAL)

    async def close(self, stopped: BaseException | None) -> None:
        """Leave everything that a finished run leaves."""
        tray = self._tray
        try:
            summary = tray.tally.summary(await tray.rows())
        except LedgerError:  # which may be why the run has stopped
            summary = tray.tally.summary({})
        await self._move()
        why = report.why_stopped(stopped) if stopped else None
        await _tried("report", self._report(summary, why))
        await _tried("table of what needs a person", self._table())
        await _tried("tags", self._tag(summary))

    async def _move(self) -> None:
        tally = self._tray.tally
        now = report.percent(tally), report.counts(tally.summary({}))
        if now != self._told:
            self._told = now
            await _tried("progress", self._show(*now))

    async def _show(self, percent: float, description: str) -> None:
        if self._progress is None:
            key = artifact_key("progress", self._source)
            self._progress = await acreate_progress_artifact(percent, key, description)
        else:
            await aupdate_progress_artifact(self._progress, percent, description)

    async def _report(self, summary: Summary, stopped: str | None) -> None:
        tray = self._tray
        places = report.Places(self._source, tray.destination.uri, _artifact_page(self._needs_person))
        markdown = report.report(tray.tally, summary, places, _link, stopped)
        description = f"{'Stopped. ' if stopped else ''}{report.counts(summary)}"
        await acreate_markdown_artifact(markdown, artifact_key("report", self._source), description)

    async def _table(self) -> None:
        waiting, total = await self._tray.ledger.call(self._tray.ledger.needs_person, self._source, MOST_WAITING)
        description = report.how_many(total, len(waiting), self._source)
        await acreate_table_artifact(report.needs_person(waiting), self._needs_person, description)

    async def _tag(self, summary: Summary) -> None:
        ours = {f"outcome:{name}" for name in (*report.COUNTED, "none")}
        seen = report.most_frequent_types(self._tray.tally)
        new = [f"source:{short(self._source)}", *(f"type:{code}" for code in seen), f"outcome:{report.worst(summary)}"]
        id_ = UUID(flow_run.get_id())
        async with get_client() as client:
            there = (await client.read_flow_run(id_)).tags
            kept = [tag for tag in there if tag not in ours]
            await client.update_flow_run(id_, tags=list(dict.fromkeys([*kept, *new])))


async def _tried(what: str, call: Awaitable[Any]) -> None:
    try:
        await call
    except Exception as error:  # whatever the server does, or whoever is in between
        log.warning("The Prefect server did not take the %s of this run (%s).", what, type(error).__name__)


def _link(task_run: UUID) -> str | None:
    """A task run's page, on whatever host the UI is looked at: a server of ours has another port each time."""
    url = url_for("task-run", obj_id=task_run)
    return urlsplit(url).path if url else None


def _artifact_page(key: str) -> str | None:
    """The page of the newest artifact with this key; Prefect knows only how to link to runs."""
    page = _link(UUID(int=0))
    return f"{page.partition('/runs/')[0]}/artifacts/key/{key}" if page else None
