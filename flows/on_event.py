"""Documents whose arrival was told as Prefect events: one run for all that were told within a short time.

The trigger of the deployment (prefect.yaml) fires with the first event and stays quiet for some seconds. The run that
it starts waits for as long, asks the server for every event since, and takes the documents that they name.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter

from flows.ingest import bring_home
from flows.key import with_key
from flows.names import run_name
from flows.run import run_documents
from tasks.artifacts import shown
from tasks.events import DOCUMENT_ARRIVED
from trayflow.progress import Summary
from trayflow.settings import load_settings
from trayflow.tray import open_tray

#: Seconds that a server as shipped may take to write an event down; and by which clocks may differ.
LAG, SLACK = 6.0, 60.0

#: Addresses beyond which the whole source is looked at instead: one listing is cheaper than so many look-ups.
MOST = 5000


@flow(name="ingest on event", flow_run_name=run_name("ingest on event"), persist_result=False)
async def ingest_on_event(
    source: str,
    to: str,
    address: str,
    occurred: str | None = None,
    gather: float = 10.0,
    config: str | None = None,
    ledger: str | None = None,
) -> Summary:
    """Bring documents that have arrived into tables: the one at `address`, and those told of right after it.

    Args:
        source: a folder, or s3://bucket/prefix; what arrives elsewhere is left alone.
        to: the folder of CSV files that the rows are appended to.
        address: where the document lies, the event's resource: s3://bucket/key or a file's URI.
        occurred: when the event occurred, in ISO 8601; by default now.
        gather: seconds for which the trigger stays quiet after it has fired, its `within`.
        config: a settings file; by default `trayflow.toml` in the working directory, if there is one.
        ledger: the ledger's database URL; by default the one in the settings.
    """
    settings = await with_key(load_settings(Path(config) if config else None, ledger=ledger))
    first = datetime.fromisoformat(occurred) if occurred else datetime.now(UTC)
    due = first + timedelta(seconds=gather + LAG)
    await asyncio.sleep(max((due - datetime.now(UTC)).total_seconds(), 0.0))
    addresses = {address, *await arrived(first - timedelta(seconds=SLACK))}
    async with open_tray(settings, source, to) as tray, shown(tray):
        if len(addresses) <= MOST:
            tray.keys = sorted(key for each in addresses if (key := tray.source.key_at(each)))
            ours, place = len(tray.keys), tray.source.uri
            get_run_logger().info("%d events, %d of them about documents of %s", len(addresses), ours, place)
        return await run_documents(tray, bring_home)


async def arrived(since: datetime) -> set[str]:
    """The addresses of all documents whose arrival was told since then, or a few more than `MOST` of them."""
    asked = EventFilter(
        event=EventNameFilter(name=[DOCUMENT_ARRIVED]),
        occurred=EventOccurredFilter(since=since, until=datetime.now(UTC)),
    )
    async with get_client() as client:
        page = await client.read_events(asked, limit=50)
        addresses = {event.resource.id for event in page.events}
        while page.next_page and len(addresses) <= MOST:
            page = await client.read_events_page(str(page.next_page))
            addresses |= {event.resource.id for event in page.events}
    return addresses
