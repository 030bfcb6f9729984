"""What the tests of the commands share: one Prefect server of ours, and a service that does what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import prefect_server
from deployments.children import free_port
from tests.papers import pdf
from tests.scripted import Scripted, account_at


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a Prefect server of ours, for all tests that do not start one themselves."""
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    child = prefect_server.start(home, port, lasting=False)
    try:
        child.wait_until_answering(f"{prefect_server.api_url(port)}/health")
        yield prefect_server.api_url(port)
    finally:
        child.stop()


@pytest.fixture
def account(service: Scripted) -> dict[str, str]:
    """The environment of somebody who has a key, and no time to wait."""
    return account_at(service)


@pytest.fixture
def env(account: dict[str, str], server: str) -> dict[str, str]:
    """The same with a Prefect server of their own."""
    return {**account, "PREFECT_API_URL": server}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A working folder with three documents in `inbox`."""
    return fill(tmp_path)


def fill(folder: Path) -> Path:
    (folder / "inbox").mkdir()
    for name in ("a", "b", "c"):
        (folder / "inbox" / f"{name}.pdf").write_bytes(pdf((name,)))
    return folder / "inbox"
