"""The story of a document: found, fetched, identified, routed, executed, checked, written.

A run takes documents from a source, lets a bounded number of them be under way at once, and ends when each has reached
its outcome. The ledger says what is done: run again, crashed or retried, the flow carries on from there.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.key import with_key
from flows.names import run_name
from flows.run import run_documents
from tasks.artifacts import shown
from tasks.documents import DocumentTasks
from trayflow.endings import failed_checks, identified, succeeded
from trayflow.models import Document, Ending, Outcome
from trayflow.progress import Summary
from trayflow.reasons import Reason
from trayflow.routing import Route, route
from trayflow.settings import load_settings
from trayflow.tray import Tray, open_tray


@flow(name="ingest", flow_run_name=run_name("ingest"), persist_result=False)
async def ingest(
    source: str, to: str, config: str | None = None, ledger: str | None = None, keys: list[str] | None = None
) -> Summary:
    """Bring every document of a source into tables.

    Args:
        source: a folder of documents.
        to: the folder of CSV files that the rows are appended to.
        config: a settings file; by default `trayflow.toml` in the working directory, if there is one.
        ledger: the ledger's database URL; by default the one in the settings.
        keys: the documents that this run is about, by their keys in the source; by default, all.
    """
    settings = await with_key(load_settings(Path(config) if config else None, ledger=ledger))
    async with open_tray(settings, source, to, keys) as tray, shown(tray):
        return await run_documents(tray, bring_home)


async def bring_home(tray: Tray, do: DocumentTasks, document: Document) -> Ending:
    """One document's way from the source into the tables, and where it ends.

    Raises `DocumentError` and its like where a task finds that the way ends early. `TransientError` and
    `RunStoppedError` leave the document under way.
    """
    routing = tray.settings.routing
    if execution := await tray.ledger.call(tray.ledger.submissions.execution, document.id):
        progress = await do.await_execution(tray, document, execution)  # an earlier run submitted it
    else:
        spooled = await do.fetch(tray, document)
        if original := await tray.ledger.call(tray.ledger.enter_bytes, document.id, spooled):
            first = await tray.ledger.call(tray.ledger.document, original)
            return Ending(Outcome.DUPLICATE, f"The same bytes as {first.key}.", Reason.SAME_BYTES, original)

        identification = identified(await do.identify(tray, document, spooled))
        match route(identification, routing, tray.steps):
            case Ending() as ending:
                return ending
            case Route(step_id):
                progress = await do.execute(tray, document, spooled, step_id)

    answer = succeeded(progress)
    extraction = await tray.ledger.call(tray.ledger.extraction, document.id)
    if doubt := failed_checks(extraction, answer, tray.schemas.get(extraction.document_type), routing):
        return doubt
    await do.write(extraction)
    return Ending(Outcome.WRITTEN, extraction.document_type)
