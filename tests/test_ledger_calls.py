"""Calls of the ledger from an event loop: off the loop, together where that is cheaper, and each with its own end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import event

from trayflow.errors import ClaimLostError, LedgerError
from trayflow.ledger import Ledger, SubmissionState
from trayflow.models import Found, Kind

SOURCE = "file:///inbox"


def enter(ledger: Ledger, count: int, run_id: str = "run") -> list[str]:
    """Documents that a run holds."""
    found = [Found(f"{number}.pdf", "v1", 1) for number in range(count)]
    ids = [document.id for document in ledger.discover(SOURCE, found, "file:///tables").documents]
    ledger.runs.start(run_id, 60)
    for id_ in ids:
        assert ledger.runs.claim(id_, run_id)
    return ids


def commits(ledger: Ledger) -> list[object]:
    """Grows with every commit of the ledger's database."""
    seen: list[object] = []
    event.listen(ledger._database._engine, "commit", seen.append)
    return seen


def test_calls_that_come_together_all_get_their_answers(ledger: Ledger) -> None:
    """Fifty intents at once: each is committed, and each caller is told about its own."""
    ids = enter(ledger, 50)

    async def run() -> list[str]:
        calls = (ledger.call(ledger.submissions.intend, id_, Kind.IDENTIFY, "run") for id_ in ids)
        return [submission.document_id for submission, mine in await asyncio.gather(*calls) if mine]

    assert asyncio.run(run()) == ids


def test_on_sqlite_they_share_a_commit(tmp_path: Path) -> None:
    """A commit costs more than what is committed: calls that come together need few of them."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    ids = enter(ledger, 50)
    seen = commits(ledger)

    async def run() -> None:
        await asyncio.gather(*(ledger.call(ledger.submissions.intend, id_, Kind.IDENTIFY, "run") for id_ in ids))

    asyncio.run(run())
    assert 1 <= len(seen) <= 5
    ledger.close()


def test_one_that_fails_takes_no_other_along(ledger: Ledger) -> None:
    """A claim that is lost is told to its caller alone; the others are committed, once."""
    mine, lost = enter(ledger, 2)
    ledger.runs.renew("run", -1)
    ledger.runs.start("another", 60)
    assert ledger.runs.claim(lost, "another")

    async def run() -> list[object]:
        calls = [ledger.call(ledger.submissions.intend, id_, Kind.IDENTIFY, "run") for id_ in (lost, mine)]
        return list(await asyncio.gather(*calls, return_exceptions=True))

    refused, done = asyncio.run(run())
    assert isinstance(refused, ClaimLostError)
    assert isinstance(done, tuple)
    assert done[1] is True
    kept = ledger.submissions.get(done[0].id)
    assert kept is not None
    assert kept.state is SubmissionState.INTENDED
    assert ledger.submissions.execution(lost) is None
    _, theirs = ledger.submissions.intend(lost, Kind.IDENTIFY, "another")
    assert theirs, "the intent of the one that failed was left behind"


def test_nobody_is_told_of_what_is_not_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the commit fails, every call that shares it fails, and nothing of any of them is there."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    ids = enter(ledger, 3)

    def full(connection: object) -> None:
        raise LedgerError("The disk is full.")

    event.listen(ledger._database._engine, "commit", full)

    async def run() -> list[object]:
        calls = [ledger.call(ledger.submissions.intend, id_, Kind.IDENTIFY, "run") for id_ in ids]
        return list(await asyncio.gather(*calls, return_exceptions=True))

    ends = asyncio.run(run())
    event.remove(ledger._database._engine, "commit", full)
    assert [type(end) for end in ends] == [LedgerError] * 3
    for id_ in ids:
        _, mine = ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
        assert mine, "an intent was left behind"
    ledger.close()
