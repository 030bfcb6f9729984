"""Documents enter a run no faster than allowed."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

import tasks.pace
from tasks.pace import Admission
from trayflow.settings import Limits, Prefect, Settings


def admission(window: int = 100, rate: float = 6e6) -> Admission:
    return Admission(Settings(limits=Limits(window=window), prefect=Prefect(task_runs_per_second=rate)))


def test_the_window_is_never_exceeded() -> None:
    """Of many documents, only as many as the window holds are under way at once, and all get in at last."""
    under_way, most = 0, 0
    full = asyncio.Event()

    async def work(gate: Admission, number: int) -> None:
        nonlocal under_way, most
        await gate.enter()
        under_way += 1
        most = max(most, under_way)
        if under_way == 3:
            full.set()
        await full.wait()
        under_way -= 1
        gate.leave(str(number))

    async def run() -> None:
        async with admission(window=3) as gate:
            await asyncio.gather(*(work(gate, number) for number in range(20)))

    asyncio.run(run())
    assert (most, under_way) == (3, 0)


def test_documents_come_at_the_pace_of_their_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the rate of twenty documents' task runs a second, twenty documents a second enter."""
    monkeypatch.setattr(tasks.pace, "BURST", 0.0)

    async def run() -> float:
        async with admission(rate=20 * tasks.pace.PER_DOCUMENT) as gate:
            began = time.monotonic()
            for _ in range(10):
                await gate.enter()
            return time.monotonic() - began

    assert asyncio.run(run()) >= 0.45


def test_a_document_whose_rows_wait_leaves_its_place() -> None:
    """The next one enters before the rows are written; but no more than a window full of documents wait so."""

    async def run() -> list[bool]:
        async with admission(window=1) as gate:
            await gate.enter()
            gate.hand_over("a")
            alone = gate.all_handed_over
            await gate.enter()
            gate.hand_over("b")  # there is no room for another one
            waiting = asyncio.create_task(gate.enter())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(waiting), 0.1)
            gate.leave("a")
            still = waiting.done()
            gate.leave("b")
            await waiting
            return [alone, still, gate.all_handed_over]

    assert asyncio.run(run()) == [True, False, False]


def test_a_document_that_was_taken_costs_no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another run holds makes no task runs here: the next one enters at once."""
    monkeypatch.setattr(tasks.pace, "BURST", tasks.pace.PER_DOCUMENT)

    async def run() -> None:
        async with admission(rate=tasks.pace.PER_DOCUMENT / 3600) as gate:
            await gate.enter()
            gate.refund()
            gate.leave("a")
            await asyncio.wait_for(gate.enter(), 5)

    asyncio.run(run())


def test_nobody_enters_while_the_record_lags(monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many task runs unrecorded, the next document waits until the server has caught up."""
    lags = [tasks.pace.MOST_BEHIND, tasks.pace.MOST_BEHIND, 10]
    asked: list[int] = []

    async def backlog(started: int, flow_run_id: str) -> int:
        asked.append(started)
        return lags[len(asked) - 1]

    async def run() -> None:
        gate = lagging(monkeypatch, backlog)
        await gate.enter()
        await gate.enter()

    asyncio.run(run())
    assert len(asked) == len(lags)


def test_what_was_lost_does_not_hold_a_run_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that records nothing more is not waited for: the run goes on, with a warning."""
    monkeypatch.setattr(tasks.pace, "GIVEN_UP", 0.0)

    async def backlog(started: int, flow_run_id: str) -> int:
        return started

    async def run() -> None:
        await lagging(monkeypatch, backlog).enter()

    asyncio.run(run())
    assert caplog.messages == ["The Prefect server has not recorded 1000 task runs; the run goes on."]


def lagging(monkeypatch: pytest.MonkeyPatch, backlog: object) -> Admission:
    """An admission of a flow run that has started a thousand task runs."""
    monkeypatch.setattr(tasks.pace, "backlog", backlog)
    monkeypatch.setattr(tasks.pace, "LOOK_AGAIN", 0.0)
    monkeypatch.setattr("prefect.runtime.flow_run.get_id", lambda: "a flow run")
    gate = admission()
    gate.started.update(uuid.uuid4() for _ in range(tasks.pace.MOST_BEHIND))
    return gate
