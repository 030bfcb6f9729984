"""A source is watched: what arrives is taken in small batches, each a run of `ingest` of its own.

So the Prefect UI shows a day as a row of runs. The ledger knows what each of them has done: a watch that was killed
looks at everything once when it begins again, and carries on.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

from prefect import flow, get_run_logger

from flows.ingest import ingest
from flows.key import with_key
from flows.logs import show_in_flow_run
from flows.names import run_name
from trayflow.arrivals.folder import changes
from trayflow.arrivals.queue import Queue
from trayflow.arrivals.watcher import Watcher
from trayflow.destinations import destination_at
from trayflow.errors import SettingsError
from trayflow.ledger import Ledger
from trayflow.settings import Settings, load_settings
from trayflow.sources import Folder, open_source
from trayflow.tray import open_tray


@flow(name="watch", flow_run_name=run_name("watch"), persist_result=False)
async def watch(
    source: str, to: str, config: str | None = None, ledger: str | None = None, queue: str | None = None
) -> None:
    """Bring documents into tables as they arrive, until the run is cancelled.

    Args:
        source: a folder, or s3://bucket/prefix.
        to: the folder of CSV files that the rows are appended to.
        config: a settings file; by default `trayflow.toml` in the working directory, if there is one.
        ledger: the ledger's database URL; by default the one in the settings.
        queue: the URL of the SQS queue of the bucket's events; by default the one in the settings.
    """
    settings = await with_key(load_settings(Path(config) if config else None, ledger=ledger))

    async def run_batch(keys: list[str]) -> None:
        await ingest(source, to, config, ledger, keys)

    show_in_flow_run()
    async with open_tray(settings, source, to, keys=()):
        pass  # whatever is wrong in the settings ends the watch before it has begun
    with ExitStack() as stack:
        watched = await asyncio.to_thread(open_source, source, settings.source, settings.limits)
        messages = await asyncio.to_thread(_queue, stack, settings, source, queue)
        book = await asyncio.to_thread(Ledger.open, settings.ledger_url)
        stack.callback(book.close)
        told = changes(watched) if isinstance(watched, Folder) else None
        place = destination_at(to, book).uri
        watcher = Watcher(watched, book, place, settings.watch, run_batch, changes=told, queue=messages)
        get_run_logger().info("Watching %s", watched.uri)
        try:
            await watcher.watch()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None:
                task.uncancel()  # that is how a watch ends
            get_run_logger().info("The watch has ended.")


def _queue(stack: ExitStack, settings: Settings, source: str, url: str | None) -> Queue | None:
    url = url or settings.watch.queue
    if url is None:
        return None
    if not source.startswith("s3://"):
        raise SettingsError("A queue tells of objects in a bucket: watch s3://…, or a folder without watch.queue.")
    return stack.enter_context(Queue(url, settings.watch.visibility))
