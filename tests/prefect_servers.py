"""Prefect servers of ours, and flows of this process that run on one.

Prefect is imported when it is asked for: what it reads of the environment has to be there before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def prefect_at(home: Path, port: int | None = None, *, lasting: bool) -> Iterator[str]:
    """A server as long as the block lasts, by default on a free port; its API address.

    A `lasting` one keeps its feed of events, as the one of `trayflow up` does.
    """
    from deployments import prefect_server
    from deployments.children import free_port

    port = port or free_port()
    child = prefect_server.start(home, port, lasting=lasting)
    try:
        child.wait_until_answering(f"{prefect_server.api_url(port)}/health")
        yield prefect_server.api_url(port)
    finally:
        child.stop()


@contextmanager
def flows_at(api_url: str) -> Iterator[None]:
    """Flows that are called in this process run on that server."""
    from prefect.events.worker import EventsWorker
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api_url}):
        yield
        EventsWorker.drain_all(timeout=5)
