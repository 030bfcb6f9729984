"""When the service is asked for an answer."""

from __future__ import annotations

import random
import statistics

import pytest

from trayflow.durations import FINE, Durations, Polls, service_seconds
from trayflow.models import Document, Progress
from trayflow.settings import Polling

SMALL = Document(id="a", source="file:///x", key="a.pdf", version="1", size=1000)
LARGE = Document(id="b", source="file:///x", key="b.pdf", version="1", size=5_000_000)


def asked(polls: Polls, took: float) -> tuple[int, float]:
    """How often a job that took so long was polled, and how late its end was seen."""
    now = 0.0
    for count in range(1, 1000):
        now += polls.next(now)
        if now >= took:
            return count, now - took
    raise AssertionError


def test_a_step_nobody_knows_is_asked_as_the_vendor_suggests() -> None:
    """Every second for a small document, every three for a large one."""
    nothing = Durations()
    assert [nothing.polls(Polling(), SMALL).next(0.0), nothing.polls(Polling(), LARGE).next(0.0)] == [1.0, 3.0]


def test_what_takes_long_is_asked_ever_more_slowly() -> None:
    """Up to the longest interval, and no longer."""
    polls = Durations().polls(Polling(interval=1.0, maximum=4.0), SMALL)
    assert [polls.next(100.0) for _ in range(6)] == [0.0, 1.0, 1.5, 2.25, 3.375, 4.0]


@pytest.mark.parametrize("usual", [2.0, 20.0])
def test_a_known_step_is_asked_seldom_and_in_time(usual: float) -> None:
    """A fifth more or less: under 2.5 polls an execution, and 95 of 100 seen within 30 % of the usual time."""
    chance = random.Random(1)  # noqa: S311
    known = Durations()
    counts, lateness = [], []
    for _ in range(500):
        took = usual * chance.uniform(0.8, 1.2)
        count, late = asked(known.polls(Polling(maximum=60.0), SMALL), took)
        counts.append(count)
        lateness.append(late)
        known.learn(took)
    assert statistics.mean(counts[50:]) < 2.5
    assert statistics.quantiles(lateness[50:], n=20)[-1] < 0.3 * usual


def test_a_step_that_became_slower_is_learnt() -> None:
    """After a while of longer durations the first poll comes later."""
    known = Durations([2.0] * 50)
    assert known.polls(Polling(), SMALL).next(0.0) == 2.0
    for _ in range(50):
        known.learn(10.0)
    assert known.polls(Polling(), SMALL).next(0.0) == 10.0


def test_what_others_show_meanwhile_counts() -> None:
    """A document that was sent when nothing was known is asked for in small steps once others have ended."""
    known = Durations()
    polls = known.polls(Polling(interval=10.0), SMALL)
    assert polls.next(0.0) == 10.0
    known.learn(12.0)
    assert polls.next(10.0) == pytest.approx(2.0)
    assert polls.next(12.0) == pytest.approx(FINE * 12.0)


def test_time_that_has_passed_counts() -> None:
    """A submission that an earlier run made is asked for at once when it should have ended."""
    assert Durations([2.0]).polls(Polling(), SMALL).next(60.0) == 0.0


@pytest.mark.parametrize(
    ("began", "ended", "seconds"),
    [
        ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:02.500Z", 2.5),
        ("2026-01-01T00:00:00", "2026-01-01T01:00:02+01:00", 2.0),
        ("2026-01-01T00:00:05Z", "2026-01-01T00:00:00Z", None),
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", None),
        (None, "2026-02-01T00:00:00Z", None),
        ("yesterday", 17, None),
    ],
)
def test_the_services_own_clock_is_believed_where_it_makes_sense(
    began: object, ended: object, seconds: float | None
) -> None:
    """What we see late does not make a step look slow."""
    raw = {"request_timestamp": began, "response_timestamp": ended}
    assert service_seconds(Progress(remote_id="x", status="SUCCESS", raw=raw)) == seconds
