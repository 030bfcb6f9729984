"""How a source is looked through: for a while, or until there is enough to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks import documents
from tasks.documents import Look, discover
from trayflow.ledger import Ledger
from trayflow.models import Found, Listing, Skipped
from trayflow.progress import Discovered, Event, listener
from trayflow.tally import Tally


@pytest.fixture
def tray(tmp_path: Path) -> Iterator[Any]:
    """As much of a tray as a look needs: an empty ledger, and a tally."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    place = SimpleNamespace(uri="s3://bucket")
    yield SimpleNamespace(ledger=ledger, source=place, destination=place, tally=Tally())
    ledger.close()


def page(number: int, size: int = 3) -> Listing:
    return Listing(tuple(Found(f"{number}-{n}.pdf", "1", 1) for n in range(size)), ())


def look(tray: Any, pages: Iterator[Listing]) -> Look:
    return asyncio.run(discover._function(tray, pages, 1))


def test_a_look_goes_through_many_pages(tray: Any) -> None:
    """Up to the end of a small source: no page is a task run of its own."""
    told: list[Event] = []
    token = listener.set(told.append)
    try:
        found = look(tray, iter([page(1), Listing((), (Skipped("a", "being written"),)), page(2)]))
    finally:
        listener.reset(token)
    assert [document.key for document in found.documents] == [f"{p}-{n}.pdf" for p in (1, 2) for n in range(3)]
    assert (found.pages, found.is_last) == (3, True)
    assert told == [Discovered(6, 0)]
    assert tray.tally.documents == 6
    assert tray.tally.skipped == {"being written": 1}


def test_a_look_ends_when_there_is_enough_to_do(tray: Any) -> None:
    """The next one goes on with the next page."""
    pages = iter([page(1, documents.ENOUGH), page(2)])
    first, second = look(tray, pages), look(tray, pages)
    assert (len(first.documents), first.pages, first.is_last) == (documents.ENOUGH, 1, False)
    assert (len(second.documents), second.pages, second.is_last) == (3, 1, True)


def test_a_look_ends_after_a_while(tray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found of a slow source is brought home before all of it is listed."""
    monkeypatch.setattr(documents, "A_LOOK", 0.0)
    first = look(tray, iter([page(1), page(2)]))
    assert (len(first.documents), first.pages, first.is_last) == (3, 1, False)
