"""What the tests of the commands share: folders with documents, and a service that does what a test says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.papers import pdf
from tests.scripted import Scripted, account_at


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
