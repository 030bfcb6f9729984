"""The engine's queue: order, one reading at a time for the same bytes, restarts, and forgetting."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.queue import Job, Kind, Queue, Status


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    opened = Queue(tmp_path / "queue.db")
    yield opened
    opened.close()


def job(sha256: str | None = None) -> Job:
    return Job(
        id=str(uuid.uuid4()),
        kind=Kind.STEP,
        target="extract-invoice",
        candidates=("invoice", "receipt"),
        content_type="application/pdf",
        sha256=sha256 or uuid.uuid4().hex,
        filename="März.pdf",
        metadata={"a": [1, {"b": None}]},
        webhook_url="https://example.org/hook",
    )


def add(queue: Queue, *jobs: Job) -> list[str]:
    for each in jobs:
        queue.add(each)
    return [each.id for each in jobs]


def claim_all(queue: Queue) -> list[str]:
    claimed = []
    while found := queue.claim():
        claimed.append(found.id)
    return claimed


def test_a_job_comes_back_as_it_went_in(queue: Queue) -> None:
    """Every member of a job is kept."""
    given = job()
    queue.add(given)
    found = queue.get(given.id)
    assert found is not None
    assert found.requested_at
    assert found == dataclasses.replace(given, requested_at=found.requested_at)


def test_jobs_are_claimed_in_the_order_they_came(queue: Queue) -> None:
    """The oldest job is next, and each is claimed once."""
    ids = add(queue, job(), job(), job())
    assert claim_all(queue) == ids


def test_the_same_bytes_are_not_read_twice_at_once(queue: Queue) -> None:
    """A job whose bytes are being read waits; later jobs overtake it; it is next when the reading ends."""
    first, second, other = add(queue, job("same"), job("same"), job())
    assert claim_all(queue) == [first, other]
    queue.succeed(first, {})
    assert claim_all(queue) == [second]


def test_an_ended_job_keeps_its_end(queue: Queue) -> None:
    """The first end of a job stands, and it is not claimed again."""
    [only] = add(queue, job())
    queue.claim()
    queue.succeed(only, {"data": {"number": "1"}})
    queue.fail(only, {"code": "TIMEOUT"})
    found = queue.get(only)
    assert found is not None
    assert (found.status, found.result, found.error) == (Status.SUCCESS, {"data": {"number": "1"}}, None)
    assert found.responded_at is not None
    assert claim_all(queue) == []


def test_interrupted_jobs_are_first_again(tmp_path: Path) -> None:
    """After a service died, another one finds its jobs, those under way in their old places."""
    before = Queue(tmp_path / "queue.db")
    ids = add(before, job(), job(), job())
    before.claim()
    before.claim()
    after = Queue(tmp_path / "queue.db")
    after.requeue_interrupted()
    assert claim_all(after) == ids
    before.close()
    after.close()


def test_open_jobs_are_known(queue: Queue) -> None:
    """The jobs whose files are still needed are those that have not ended."""
    waiting, under_way, ended = add(queue, job(), job(), job())
    queue.fail(ended, {})
    assert queue.open_ids() == {waiting, under_way}


def test_old_jobs_are_forgotten(queue: Queue) -> None:
    """Ended jobs go after their time; what has not ended stays however old it is."""
    ended, waiting = add(queue, job(), job())
    queue.succeed(ended, {})
    queue.forget_old(days=1)
    assert queue.get(ended) is not None
    time.sleep(0.002)  # times are kept in milliseconds
    queue.forget_old(days=0)
    assert queue.get(ended) is None
    assert queue.get(waiting) is not None


def test_only_so_many_jobs_are_kept(queue: Queue) -> None:
    """Beyond the bound the jobs that ended first go."""
    ids = add(queue, job(), job(), job())
    for each in ids:
        queue.succeed(each, {})
        time.sleep(0.002)  # as above
    queue.forget_old(most=2)
    assert [each for each in ids if queue.get(each)] == ids[1:]


def test_thousands_of_jobs_do_not_slow_it_down(tmp_path: Path, queue: Queue) -> None:
    """With 20,000 jobs a status and a claim look at a handful of rows, by an index."""
    [ended, *_] = add(queue, *(job() for _ in range(50)))
    with sqlite3.connect(tmp_path / "queue.db") as other:
        other.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO jobs (id, kind, target, candidates, content_type, sha256, status, requested_at, responded_at)"
            " SELECT 'old-' || i, 'step', 's', '[]', 'application/pdf', 'sha-' || i, 'SUCCESS', '2026', '2026' FROM n"
        )
    other.close()
    queue.get(ended)
    queue.claim()
    begin = time.perf_counter()
    for _ in range(20):
        queue.get(ended)
        queue.claim()
    assert (time.perf_counter() - begin) / 20 < 0.005


def test_a_queue_of_another_version_is_left_alone(tmp_path: Path) -> None:
    """A file that a later engine made is refused, not guessed at."""
    with sqlite3.connect(tmp_path / "queue.db") as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(RuntimeError, match="another version"):
        Queue(tmp_path / "queue.db")
