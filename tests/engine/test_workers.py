"""The pool of worker processes over a queue, without the HTTP around it."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import workers
from engine.catalog import Catalog, load_catalog
from engine.queue import Job, Kind, Queue, Status
from engine.workers import Pool
from tests.obedient import attempts, order

CATALOG = load_catalog()


class Jobs:
    """A data folder with jobs in its queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("files", "readings"):
            (folder / name).mkdir()
        self.queue = Queue(folder / "queue.db")

    def add(self, document: bytes, kind: Kind = Kind.STEP, target: str = "extract-invoice") -> str:
        job = Job(
            id=str(uuid.uuid4()),
            kind=kind,
            target=target,
            candidates=("invoice", "receipt") if kind is Kind.IDENTIFY else (),
            content_type="application/pdf",
            sha256=hashlib.sha256(document).hexdigest(),
        )
        (self.folder / "files" / job.id).write_bytes(document)
        self.queue.add(job)
        return job.id

    def done(self, *ids: str, **options: Any) -> list[Job]:
        """The jobs as they are after a pool worked on them to their ends."""
        catalog: Catalog = options.pop("catalog", CATALOG)
        chosen: dict[str, Any] = {"size": 1, "job_seconds": 60, "processing": "tests.obedient:process"} | options

        async def work() -> list[Job | None]:
            async with Pool(self.queue, catalog, self.folder, **chosen) as pool:
                return await asyncio.wait_for(asyncio.gather(*map(pool.end_of, ids)), 60)

        jobs = [job for job in asyncio.run(work()) if job is not None]
        assert len(jobs) == len(ids)
        return jobs


@pytest.fixture
def jobs(tmp_path: Path) -> Any:
    made = Jobs(tmp_path)
    yield made
    made.queue.close()


def test_jobs_run_beside_each_other(jobs: Jobs, tmp_path: Path) -> None:
    """Two workers do two jobs at once: here each waits for a sign of the other."""
    one, two = tmp_path / "one", tmp_path / "two"
    first = jobs.add(order(f"touch-and-wait-for {one} {two}"))
    second = jobs.add(order(f"touch-and-wait-for {two} {one}"))
    assert [job.status for job in jobs.done(first, second, size=2)] == [Status.SUCCESS] * 2


def test_a_long_answer(jobs: Jobs) -> None:
    """Fields of some megabytes come through."""
    [job] = jobs.done(jobs.add(order("long-answer 3000000")))
    assert job.result is not None
    assert len(job.result["data"]["number"]) == 3_000_000


def test_workers_know_no_secrets(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and secrets of the service's environment are not handed to processes that read files from strangers."""
    monkeypatch.setenv("DOCUTRAY_API_KEY", "made-up")
    monkeypatch.setenv("DOCUTRAY_WEBHOOK_SECRET", "made-up")
    monkeypatch.setenv("HARMLESS", "yes")
    [job] = jobs.done(jobs.add(order("environment")))
    assert job.result is not None
    assert job.result["data"]["HARMLESS"] == "yes"
    assert not {"DOCUTRAY_API_KEY", "DOCUTRAY_WEBHOOK_SECRET"} & set(job.result["data"])


@pytest.mark.parametrize("processing", ["no_such_module:process", "tests.obedient:no_such_function"])
def test_workers_that_cannot_start(jobs: Jobs, processing: str) -> None:
    """When no worker comes up, jobs end in an error after three attempts instead of waiting for ever."""
    [job] = jobs.done(jobs.add(order("nothing")), processing=processing)
    assert job.error is not None
    assert (job.status, job.error["code"]) == (Status.ERROR, "EXTRACTION_FAILED")


def test_a_step_that_is_gone(jobs: Jobs) -> None:
    """A job whose step was taken away between two starts of the engine ends in an error that says so."""
    without = dataclasses.replace(CATALOG, steps={})
    [job] = jobs.done(jobs.add(order("nothing")), catalog=without)
    assert job.error is not None
    assert (job.status, job.error["code"]) == (Status.ERROR, "STEP_NOT_FOUND")


def test_types_that_are_gone(jobs: Jobs) -> None:
    """An identification goes on among the candidates that are left, and ends in an error when none is."""
    one = dataclasses.replace(CATALOG, types={"invoice": CATALOG.types["invoice"]})
    [job] = jobs.done(jobs.add(order("nothing"), Kind.IDENTIFY, ""), catalog=one)
    assert job.status is Status.SUCCESS
    [job] = jobs.done(jobs.add(order("nothing"), Kind.IDENTIFY, ""), catalog=dataclasses.replace(CATALOG, types={}))
    assert job.status is Status.ERROR


def test_a_full_disk_loses_nothing(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that cannot be written is made again until it can."""
    monkeypatch.setattr(workers, "_PAUSE", 0.01)
    job_id = jobs.add(order("nothing"))
    monkeypatch.setattr(jobs.queue, "succeed", fails_twice(jobs.queue.succeed))
    [job] = jobs.done(job_id)
    assert job.status is Status.SUCCESS
    assert len(attempts(jobs.folder, job_id)) == 3


def fails_twice(function: Callable[..., None]) -> Callable[..., None]:
    failures = [sqlite3.OperationalError("database or disk is full")] * 2

    def call(*args: Any) -> None:
        if failures:
            raise failures.pop()
        function(*args)

    return call
