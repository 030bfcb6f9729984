"""The automation that tells somebody of quarantined documents, with a server that runs it and a webhook that hears."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from deployments.notify import NAME, notify
from tests.deployments.commands import eventually, trayflow
from tests.prefect_servers import flows_at, prefect_at
from tests.scripted import Scripted

pytestmark = [
    # Prefect leaves its event loops' sockets and its database connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def hearing() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook on this machine: its address, and the bodies that came."""
    heard: list[dict[str, Any]] = []

    class Hear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hear) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
        server.shutdown()
        thread.join()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """A server as `trayflow up` keeps it, with its feed of events and its triggers."""
    with prefect_at(tmp_path / "home", lasting=True) as url, flows_at(url):
        yield url


def test_a_quarantined_document_is_told_of(api: str, inbox: Path, account: dict[str, str], service: Scripted) -> None:
    """Once a minute at the most, with its address, the reason and the run; making it again leaves one automation."""
    with hearing() as (url, heard):
        asyncio.run(notify(url, within=timedelta(hours=1)))
        asyncio.run(notify(url, within=timedelta(hours=1)))
        (inbox / "empty.pdf").write_bytes(b"")
        (inbox / "empty too.pdf").write_bytes(b"")
        done = trayflow("run", "inbox", "--to", "tables", cwd=inbox.parent, env={**account, "PREFECT_API_URL": api})
        assert done.returncode == 0, done.stderr
        eventually(lambda: heard)
    (told,) = heard
    assert "Quarantined: empty" in told["text"]
    assert f"{inbox.as_uri()}/empty" in told["text"]
    assert "was quarantined: empty_file." in told["text"]
    assert f"ingest {inbox.parent.name}/inbox 20" in told["text"]
    assert "/runs/flow-run/" in told["text"]

    async def automations() -> int:
        async with get_client() as client:
            return len(await client.read_automations_by_name(NAME))

    assert asyncio.run(automations()) == 1
