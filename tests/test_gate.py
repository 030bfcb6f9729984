"""One gate for all calls of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest

import trayflow.gate
from trayflow.gate import Gate
from trayflow.ledger import Share
from trayflow.progress import Event, Paused, listener


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)  # as a real clock, which never stands still
        await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The gate's time, and nobody else's."""
    clock = Clock()
    monkeypatch.setattr(trayflow.gate, "time", clock)
    ours = SimpleNamespace(sleep=clock.sleep, Lock=asyncio.Lock, Condition=asyncio.Condition)
    monkeypatch.setattr(trayflow.gate, "asyncio", ours)
    return clock


def test_no_minute_holds_more_requests_than_are_allowed(clock: Clock) -> None:
    """Whatever minute one looks at, and however many wait at once; and no more is held back than that."""
    passed: list[float] = []

    async def call(gate: Gate) -> None:
        await gate.enter()
        passed.append(clock.now)

    async def run() -> None:
        gate = Gate(Share(requests=60))
        await asyncio.gather(*(call(gate) for _ in range(300)))

    asyncio.run(run())
    assert len(passed) == 300
    assert max(sum(start <= moment < start + 60 for moment in passed) for start in passed) <= 60
    assert passed[29] == 0.0  # half a minute's requests at once
    assert passed[-1] <= 61 * 5


def part_of(requests: int) -> Callable[[Share], Awaitable[Share]]:
    async def renew(_: Share) -> Share:
        return Share(requests=requests)

    return renew


def test_without_a_limit_nobody_waits() -> None:
    """Only the service's own word would close the gate."""

    async def run() -> None:
        gate = Gate(Share())
        for _ in range(10_000):
            await gate.enter()

    asyncio.run(run())


def test_a_part_of_nothing_waits_until_there_is_one(clock: Clock) -> None:
    """A new run begins without a part; it goes on as soon as the others leave it one."""

    async def run() -> bool:
        gate = Gate(Share(requests=0))
        waiting = asyncio.create_task(gate.enter())
        while clock.now < 600:
            await asyncio.sleep(0)
        waited = not waiting.done()
        await gate.deal(part_of(1))
        await waiting
        return waited

    assert asyncio.run(run())


def test_a_closed_gate_holds_all_and_says_so(clock: Clock) -> None:
    """The longest wish wins; whoever watches hears of the pause."""
    heard: list[Event] = []

    async def run() -> None:
        listener.set(heard.append)
        gate = Gate(Share())
        gate.close(20)
        gate.close(5)
        await asyncio.gather(*(gate.enter() for _ in range(5)))

    asyncio.run(run())
    assert clock.now == 20
    assert heard == [Paused(20), Paused(5)]


def test_no_more_submissions_are_in_flight_than_allowed() -> None:
    """A document's submission takes off when there is room; a landing makes room, whether it had taken off or not."""
    in_flight, most = 0, 0

    async def fly(gate: Gate, name: str) -> None:
        nonlocal in_flight, most
        await gate.take_off(name)
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0)
        in_flight -= 1
        await gate.land(name)
        await gate.land(name)

    async def run() -> None:
        gate = Gate(Share(in_flight=3))
        await asyncio.gather(*(fly(gate, str(number)) for number in range(30)))
        assert gate.used == Share(0, 0)

    asyncio.run(run())
    assert most == 3


def test_what_an_earlier_run_left_in_flight_counts() -> None:
    """Nobody takes off while adopted submissions fill the part."""

    async def run() -> bool:
        gate = Gate(Share(in_flight=1))
        gate.adopt("old")
        waiting = asyncio.create_task(gate.take_off("new"))
        await asyncio.sleep(0.02)
        waited = not waiting.done()
        await gate.land("old")
        await waiting
        return waited

    assert asyncio.run(run())


def test_a_document_takes_off_once() -> None:
    """Tried again, its submission needs no second place."""

    async def run() -> None:
        gate = Gate(Share(in_flight=1))
        await gate.take_off("a")
        await gate.take_off("a")
        assert gate.used.in_flight == 1

    asyncio.run(run())


def test_nothing_is_taken_while_the_part_is_renewed() -> None:
    """What the ledger is told to be in use is all that is, until it has answered: parts never overlap."""

    async def run() -> None:
        gate = Gate(Share(in_flight=2))
        await gate.take_off("a")
        told: list[Share] = []
        answer = asyncio.Event()

        async def renew(used: Share) -> Share:
            told.append(used)
            await answer.wait()
            return Share(in_flight=1)

        dealing = asyncio.create_task(gate.deal(renew))
        waiting = asyncio.create_task(gate.take_off("b"))
        while not told:
            await asyncio.sleep(0)
        assert not waiting.done()
        answer.set()
        await dealing
        assert (told, gate.used.in_flight) == ([Share(0, 1)], 1)
        await gate.land("a")
        await waiting

    asyncio.run(run())


def test_first_submissions_go_before_second_ones() -> None:
    """Whatever waited longer; one that is given up holds nobody up."""
    order: list[str] = []

    async def fly(gate: Gate, name: str, *, first: bool) -> None:
        await gate.take_off(name, first=first)
        order.append(name)
        await asyncio.sleep(0)
        await gate.land(name)

    async def run() -> None:
        gate = Gate(Share(in_flight=1))
        await gate.take_off("flying")
        async with asyncio.TaskGroup() as group:
            for name, first in (("second", False), ("another", False), ("first", True)):
                group.create_task(fly(gate, name, first=first))
                await asyncio.sleep(0)
            given_up = asyncio.create_task(gate.take_off("given up", first=True))
            await asyncio.sleep(0)
            given_up.cancel()
            await gate.land("flying")

    asyncio.run(asyncio.wait_for(run(), 20))
    assert order == ["first", "second", "another"]


def test_who_has_a_place_gives_way_to_nobody() -> None:
    """A second submission that is told to wait keeps its place: whoever waits for that place would wait for ever."""

    async def run() -> None:
        gate = Gate(Share(in_flight=1))
        await gate.take_off("a")
        waiting = asyncio.create_task(gate.take_off("b", first=True))
        await asyncio.sleep(0)
        await gate.take_off("a")
        await gate.land("a")
        await waiting

    asyncio.run(asyncio.wait_for(run(), 20))
