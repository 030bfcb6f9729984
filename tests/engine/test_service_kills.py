"""Readers that crash and services that are killed: nothing that was accepted is lost. Every kill here is a real one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import papers
from tests.engines import RunningEngine, eventually, start_engine
from tests.obedient import attempts, order

OBEDIENT = "tests.obedient:process"
STEPS = "/api/steps-async"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """An engine whose workers do what the document says, for ten seconds at most."""
    with start_engine(tmp_path_factory.mktemp("obedient"), workers=2, processing=OBEDIENT, job_seconds=10) as running:
        yield running


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_a_segfault_costs_one_attempt(engine: RunningEngine) -> None:
    """A reader that crashes in native code takes only its own process along; the job is done by the next."""
    job = engine.submit(order("crash-once"))
    assert engine.end_of(job)["status"] == "SUCCESS"
    first, second = attempts(engine.data_dir, job)
    assert first != second


def test_a_killed_worker_costs_one_attempt(engine: RunningEngine) -> None:
    """A worker that is killed from outside, as for want of memory, is replaced and its job done again."""
    job = engine.submit(order("wait-once"))
    [worker] = eventually(lambda: attempts(engine.data_dir, job))
    os.kill(worker, signal.SIGKILL)
    assert engine.end_of(job)["status"] == "SUCCESS"


def test_three_crashes_end_a_job(engine: RunningEngine) -> None:
    """A document that ends every reader ends in an error after three attempts, and others go on."""
    job = engine.submit(order("exit-always"), f"{STEPS}/extract-invoice")
    status = engine.end_of(job, STEPS)
    assert (status["status"], status["error"]["code"]) == ("ERROR", "EXTRACTION_FAILED")
    assert len(attempts(engine.data_dir, job)) == 3
    assert engine.end_of(engine.submit(order("nothing")))["status"] == "SUCCESS"


def test_an_exception_is_not_told(engine: RunningEngine) -> None:
    """An error in the code is tried three times too; what it says stays out of the answer and the log."""
    job = engine.submit(order("raise-always"), f"{STEPS}/extract-invoice")
    status = engine.end_of(job, STEPS)
    assert (status["status"], status["error"]["code"]) == ("ERROR", "EXTRACTION_FAILED")
    assert len(attempts(engine.data_dir, job)) == 3
    assert "secret" not in str(status)
    assert "ValueError at obedient.py" in engine.log.read_text()
    assert "secret" not in engine.log.read_text()


def test_a_refused_document_is_not_tried_again(engine: RunningEngine) -> None:
    """What is wrong with the document itself ends the job at once, with its code."""
    job = engine.submit(order("refuse"), f"{STEPS}/extract-invoice")
    status = engine.end_of(job, STEPS)
    message = "The document is protected by a password."
    assert status["error"] == {"step": "read", "code": "ENCRYPTED", "message": message}
    assert len(attempts(engine.data_dir, job)) == 1


def test_errors_of_identifications_are_texts(engine: RunningEngine) -> None:
    """The SDK takes no object as the error of an identification: code and message in one text."""
    status = engine.end_of(engine.submit(order("refuse")))
    assert status["error"] == "ENCRYPTED: The document is protected by a password."


def test_printing_does_no_harm(engine: RunningEngine) -> None:
    """What a library prints does not disturb the talk between service and worker."""
    assert engine.end_of(engine.submit(order("print secret words")))["status"] == "SUCCESS"


def test_text_that_is_no_unicode(engine: RunningEngine) -> None:
    """Fields with half a surrogate pair arrive with a question mark in its place."""
    status = engine.end_of(engine.submit(order("odd-text"), f"{STEPS}/extract-invoice"), STEPS)
    assert status["data"] == {"number": "half a pair ?"}


def test_the_files_of_ended_jobs_are_deleted(engine: RunningEngine) -> None:
    """No document stays behind, whatever its end was."""
    for command in ("nothing", "refuse", "exit-always"):
        job = engine.submit(order(command, 7))
        engine.end_of(job)
        eventually(lambda: not (engine.data_dir / "files" / job).exists())  # noqa: B023 - called at once


def test_a_job_ends_at_the_time_limit(tmp_path: Path) -> None:
    """A job that takes too long is ended, its worker with it, and the next job is done."""
    with start_engine(tmp_path, processing=OBEDIENT, job_seconds=0.5) as engine:
        job = engine.submit(order("hold-the-lock"), f"{STEPS}/extract-invoice")
        status = engine.end_of(job, STEPS)
        assert (status["status"], status["error"]["code"]) == ("ERROR", "TIMEOUT")
        [worker] = attempts(engine.data_dir, job)
        assert not alive(worker)
        assert engine.end_of(engine.submit(order("nothing")))["status"] == "SUCCESS"


def test_a_killed_service_carries_on(tmp_path: Path) -> None:
    """Jobs under way and jobs that wait when the service is killed are done by the next one, in their order."""
    go = tmp_path / "go"
    with start_engine(tmp_path / "data", processing=OBEDIENT) as engine:
        jobs = [engine.submit(order(f"wait-for {go}", number), filename=f"{number}") for number in range(3)]
        eventually(lambda: attempts(engine.data_dir, jobs[0]))
        engine.kill()
    go.touch()
    with start_engine(tmp_path / "data", processing=OBEDIENT) as engine:
        ended = [engine.end_of(job) for job in jobs]
    assert [status["status"] for status in ended] == ["SUCCESS"] * 3
    times = [status["response_timestamp"] for status in ended]
    assert times == sorted(times)


def test_a_killed_service_reads_on(tmp_path: Path) -> None:
    """The same with the real reader: a picture that was accepted just before the kill is identified after it."""
    with start_engine(tmp_path) as engine:
        job = engine.submit(papers.image())
        engine.kill()
    with start_engine(tmp_path) as engine:
        status = engine.end_of(job)
    assert (status["status"], status["document_type"]["code"]) == ("SUCCESS", "invoice")


@pytest.mark.parametrize("command", ["wait-once", "hold-the-lock"])
def test_workers_die_with_a_killed_service(tmp_path: Path, command: str) -> None:
    """No worker outlives its service: not a busy one, not even one that lets no other thread run."""
    with start_engine(tmp_path, processing=OBEDIENT, workers=2) as engine:
        job = engine.submit(order(command))
        eventually(lambda: attempts(engine.data_dir, job))
        workers = engine.workers()
        assert len(workers) == 2
        engine.kill()
        eventually(lambda: not any(alive(pid) for pid in workers))


def test_a_service_that_is_told_to_end(tmp_path: Path) -> None:
    """SIGTERM ends service and workers within seconds; a job under way is done by the next service."""
    with start_engine(tmp_path, processing=OBEDIENT) as engine:
        job = engine.submit(order("wait-once"))
        [worker] = eventually(lambda: attempts(engine.data_dir, job))
        assert engine.stop() == 0
        assert not alive(worker)
        assert not (tmp_path / "address").exists()
        assert engine.log.read_text() == ""
    with start_engine(tmp_path, processing=OBEDIENT) as engine:
        assert engine.end_of(job)["status"] == "SUCCESS"


def test_a_retry_does_not_show(engine: RunningEngine) -> None:
    """A job that is tried again stays PROCESSING: its status never goes back."""
    seen: list[str] = []
    job = engine.submit(order("crash-once", 3))
    with engine.client() as client:

        def ended() -> bool:
            seen.append(client.get(f"/api/identify-async/status/{job}").json()["status"])
            return seen[-1] == "SUCCESS"

        eventually(ended)
    assert seen == sorted(seen, key=["ENQUEUED", "PROCESSING", "SUCCESS"].index)
