"""How a run goes through its documents: some at once, each by itself, all to an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from prefect import get_run_logger

from tasks.documents import DocumentTasks, tasks_with
from tasks.pace import Admission
from trayflow.endings import ending_of
from trayflow.errors import RunStoppedError, TransientError, TrayflowError
from trayflow.models import Document, Ending, Outcome
from trayflow.progress import Discovered, Ended, EndedElsewhere, Summary, tell
from trayflow.tray import Tray

#: Seconds between looks at the documents that another run holds.
LOOK_AGAIN = 2.0

BringHome = Callable[[Tray, DocumentTasks, Document], Awaitable[Ending]]


async def run_documents(tray: Tray, bring_home: BringHome) -> Summary:
    """Let every document of the source reach its outcome, `bring_home` telling each one's way.

    A document that fails ends by itself and stops no other. Raises `RunStoppedError`, with the summary so far, for what
    concerns all of them; whatever is under way then stays in the ledger as it is.
    """
    do = tasks_with(tray.settings.limits)
    held: list[Document] = []

    async def see_through(document: Document) -> None:
        try:
            if not await _attempt(tray, do, document, bring_home):
                held.append(document)
        finally:
            admission.leave()

    try:
        async with Admission(tray.settings) as admission:
            async with asyncio.TaskGroup() as group:
                async for document in _discovered(tray, do):
                    await admission.enter()
                    group.create_task(see_through(document))
            while held:
                await asyncio.sleep(LOOK_AGAIN)
                again, held[:] = held[:], []
                async with asyncio.TaskGroup() as group:
                    for document in again:
                        await admission.enter()
                        group.create_task(see_through(document))
    except ExceptionGroup as failed:
        stopped = failed.subgroup(RunStoppedError)
        if stopped is None:
            raise
        raise await _stopped(tray, stopped) from None
    return await _summary(tray)


async def _discovered(tray: Tray, do: DocumentTasks) -> AsyncIterator[Document]:
    number = 1
    while page := await do.discover(tray, number):
        tray.tally.documents += len(page.documents) + page.unchanged
        tray.tally.unchanged += page.unchanged
        tell(Discovered(new=len(page.documents), unchanged=page.unchanged))
        for document in page.documents:
            yield document
        number += 1


async def _attempt(tray: Tray, do: DocumentTasks, document: Document, bring_home: BringHome) -> bool:
    """Bring one document home, whatever happens to it. `False` when another run holds it."""
    log = get_run_logger()
    if not await asyncio.to_thread(tray.ledger.claim, document.id, tray.run_id, document.outcome):
        return await _ended_elsewhere(tray, document)
    try:
        await _end(tray, document, await bring_home(tray, do, document))
    except (RunStoppedError, asyncio.CancelledError):
        raise
    except TransientError as error:
        await tray.check_service()
        log.warning("%s stays under way: %s", document.label, error)
    except TrayflowError as error:
        ending = ending_of(error)
        if ending is None:
            raise
        await _end(tray, document, ending)
    except Exception as error:  # a fault of ours with one document must not stop the others
        log.error("%s stays under way after a fault of trayflow: %s", document.label, type(error).__name__)
    finally:
        tray.spool.drop(document.id)
    return True


async def _ended_elsewhere(tray: Tray, document: Document) -> bool:
    """Whether the run that holds this document has ended it meanwhile."""
    now = await asyncio.to_thread(tray.ledger.document, document.id)
    if now.outcome is None:
        return False
    tray.tally.unchanged += 1
    tell(EndedElsewhere(now))
    return True


async def _end(tray: Tray, document: Document, ending: Ending) -> None:
    if ending.outcome is not Outcome.WRITTEN:  # what is written was recorded with its rows
        await asyncio.to_thread(tray.ledger.end, document.id, ending)
    tray.tally.outcomes[ending.outcome] += 1
    get_run_logger().info("%s: %s (%s)", document.label, ending.outcome, ending.message)
    tell(Ended(document, ending.outcome, ending.message))


async def _stopped(tray: Tray, stopped: ExceptionGroup[RunStoppedError]) -> RunStoppedError:
    error = stopped.exceptions[0]
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    error.summary = await _summary(tray)
    return error


async def _summary(tray: Tray) -> Summary:
    return tray.tally.summary(await tray.rows())
