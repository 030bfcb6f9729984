"""How a run goes through its documents: some at once, each by itself, all to an end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from prefect import get_run_logger

from flows.logs import show_in_flow_run
from flows.memory import libraries_left_out
from tasks.documents import DocumentTasks, tasks_with
from tasks.ended import emit_ended
from tasks.pace import Admission
from trayflow.endings import ending_of
from trayflow.errors import ClaimLostError, FetchError, ReplacedError, RunStoppedError, ServiceError, TrayflowError
from trayflow.failures import failure_of
from trayflow.models import Document, Ending, Listing, Outcome
from trayflow.progress import Discovered, Ended, EndedElsewhere, Summary, tell
from trayflow.tally import Way
from trayflow.tray import Tray

#: Seconds between looks at the documents that another run holds.
LOOK_AGAIN = 2.0

BringHome = Callable[[Tray, DocumentTasks, Document], Awaitable[Ending]]


async def run_documents(tray: Tray, bring_home: BringHome) -> Summary:
    """Let every document of the source reach its outcome, `bring_home` telling each one's way.

    A document that fails ends by itself and stops no other. Raises `RunStoppedError`, with the summary so far, for what
    concerns all of them; whatever is under way then stays in the ledger as it is.
    """
    # That a task run ended well is its state; a line in the log for each would be a tenth of its cost.
    logging.getLogger("prefect.task_runs").setLevel(logging.WARNING)
    show_in_flow_run()
    held: list[Document] = []
    replaced: list[str] = []
    try:
        async with libraries_left_out(), Admission(tray.settings) as admission, tasks_with(tray, admission) as do:

            async def see_through(document: Document) -> None:
                try:
                    if await tray.ledger.call(tray.ledger.runs.claim, document.id, tray.run_id, document.outcome):
                        if await _attempt(tray, do, document, bring_home):
                            replaced.append(document.key)
                    else:
                        admission.refund()
                        held.append(document)
                except ClaimLostError:
                    held.append(document)
                finally:
                    admission.leave(document.id)

            async def take_up(documents: AsyncIterator[Document]) -> None:
                async with asyncio.TaskGroup() as group:
                    async for document in documents:
                        await admission.enter()
                        group.create_task(see_through(document))

            await take_up(_discovered(tray, do, tray.pages()))
            if replaced:
                await take_up(_discovered(tray, do, iter([await asyncio.to_thread(tray.source.find, replaced)])))
            await take_up(_left_behind(tray))
            while held:
                await asyncio.sleep(LOOK_AGAIN)
                await take_up(_let_go(tray, held))
    except ExceptionGroup as failed:
        stopped = failed.subgroup(RunStoppedError)
        if stopped is None:
            raise
        raise await _stopped(tray, stopped) from None
    return await _summary(tray)


async def _discovered(tray: Tray, do: DocumentTasks, pages: Iterator[Listing]) -> AsyncIterator[Document]:
    number, is_last = 1, False
    while not is_last:
        look = await do.discover(tray, pages, number)
        for document in look.documents:
            yield document
        number, is_last = number + look.pages, look.is_last


async def _left_behind(tray: Tray) -> AsyncIterator[Document]:
    """Documents that are under way and in no listing any more: a newer version took their place, or they were deleted.

    What was submitted of them is brought home; the others end with that reason.
    """
    page = await tray.ledger.call(tray.ledger.left_behind, tray.source.uri, tray.keys)
    while page:
        meant = [document for document in page.documents if tray.source.patterns.take(document.key)]
        tray.tally.documents += len(meant)
        tell(Discovered(new=len(meant), unchanged=0))
        for document in meant:
            yield document
        page = await tray.ledger.call(tray.ledger.left_behind, tray.source.uri, tray.keys, page)


async def _let_go(tray: Tray, held: list[Document]) -> AsyncIterator[Document]:
    """Documents that other runs held and hold no more: those that ended are counted, the others are to be taken up."""
    seen = {document.id: document.outcome for document in held}
    free = await tray.ledger.call(tray.ledger.let_go, list(seen), tray.run_id)
    held[:] = [document for document in held if document.id not in free]
    for document in free.values():
        if document.outcome is None or document.outcome is seen[document.id]:
            yield document
        else:
            tray.tally.unchanged += 1
            tell(EndedElsewhere(document))


async def _attempt(tray: Tray, do: DocumentTasks, document: Document, bring_home: BringHome) -> bool:
    """Bring one document home, whatever happens to it. Returns whether a newer version has taken its place.

    Raises `ClaimLostError` when another run has taken it over.
    """
    log, gone = get_run_logger(), tray.tally.set_out(document)
    try:
        await _end(tray, gone, await bring_home(tray, do, document))
    except (RunStoppedError, ClaimLostError, asyncio.CancelledError):
        raise
    except TrayflowError as error:
        if ending := ending_of(error):
            await _end(tray, gone, ending)
            return isinstance(error, ReplacedError)
        if not isinstance(error, ServiceError | FetchError):
            raise
        log.warning("%s stays under way: %s", document.label, error)
        tray.tally.leave(gone, failure_of(error).what)
        if isinstance(error, ServiceError):
            await tray.check_service()
        tray.breaker.failed(document.id, error)
    except Exception as error:  # a fault of ours with one document must not stop the others
        log.error("%s stays under way after a fault of trayflow: %s", document.label, type(error).__name__)
        tray.tally.leave(gone, failure_of(error).what)
    finally:
        await tray.spool.drop(document.id)
        await tray.gate.land(document.id)
    return False


async def _end(tray: Tray, gone: Way, ending: Ending) -> None:
    document = gone.document
    # What is written was recorded with its rows.
    if ending.outcome is not Outcome.WRITTEN and not await tray.ledger.call(
        tray.ledger.end, document.id, tray.run_id, ending
    ):
        raise ClaimLostError
    tray.tally.end(gone, ending)
    get_run_logger().info("%s: %s (%s)", document.label, ending.outcome, ending.message)
    tell(Ended(document, ending.outcome, ending.message))
    emit_ended(gone, ending)


async def _stopped(tray: Tray, stopped: ExceptionGroup[RunStoppedError]) -> RunStoppedError:
    error = stopped.exceptions[0]
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    error.summary = await _summary(tray)
    return error


async def _summary(tray: Tray) -> Summary:
    return tray.tally.summary(await tray.rows())
