"""An engine that simulates: no workers, made-up answers, and the queue, routes and answers of the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from docutray import Client
from jsonschema import Draft202012Validator

from engine.catalog import load_catalog
from tests.engines import RunningEngine, start_engine

STEPS = "/api/steps-async"
INVOICE = f"{STEPS}/extract-invoice"
TYPES = ["invoice", "receipt"]


def paper(number: int) -> bytes:
    """A document that nobody could read."""
    return b"%%PDF-1.4 document %d" % number


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """An engine that answers at once."""
    with start_engine(tmp_path_factory.mktemp("simulated"), simulate=0.01) as running:
        yield running


def test_no_more_than_so_many_at_once(tmp_path: Path) -> None:
    """The first documents are under way, as many as may be; the others wait. Nothing is kept of any, and none read."""
    with start_engine(tmp_path, simulate=600, at_once=2) as engine, engine.client() as client:
        jobs = [engine.submit(paper(number), INVOICE) for number in range(5)]
        statuses = [client.get(f"{STEPS}/status/{job}").json()["status"] for job in jobs]
        assert engine.workers() == []
        for folder in ("files", "incoming"):
            assert list((engine.data_dir / folder).iterdir()) == []
    assert statuses == ["PROCESSING", "PROCESSING", "ENQUEUED", "ENQUEUED", "ENQUEUED"]


def test_those_that_wait_come_in_their_order(tmp_path: Path) -> None:
    """Documents that wait are begun in the order in which they were accepted, those with the same bytes too."""
    with start_engine(tmp_path, simulate=0.01, at_once=1) as engine:
        jobs = [engine.submit(paper(number % 3), INVOICE) for number in range(6)]
        times = [engine.end_of(job, STEPS)["response_timestamp"] for job in jobs]
    assert times == sorted(times)


def test_jobs_take_their_time(tmp_path: Path) -> None:
    """No document ends before four fifths of the time that was asked for."""
    with start_engine(tmp_path, simulate=0.5) as engine, engine.client() as client:
        for job in [engine.submit(paper(number)) for number in range(3)]:
            engine.end_of(job)
        assert client.get("/__stats").json()["latency"]["p50"] >= 0.4


def test_a_killed_simulation_carries_on(tmp_path: Path) -> None:
    """What was accepted before a kill is done after it, as by the engine that reads."""
    with start_engine(tmp_path, simulate=600) as engine:
        job = engine.submit(paper(1), INVOICE)
        engine.kill()
    with start_engine(tmp_path, simulate=0.01) as engine:
        assert engine.end_of(job, STEPS)["status"] == "SUCCESS"


def test_a_step_answers_with_made_up_fields(engine: RunningEngine) -> None:
    """A step ends with fields that its type's schema allows, the same for the same bytes, and without complaints."""
    status = engine.end_of(engine.submit(paper(1), INVOICE), STEPS)
    assert Draft202012Validator(load_catalog().types["invoice"].json_schema).is_valid(status["data"])
    assert status["validation"]["errors"] == {"count": 0, "messages": []}
    again = engine.end_of(engine.submit(paper(1), INVOICE), STEPS)
    assert again["data"] == status["data"]


def test_a_step_over_several_types(engine: RunningEngine) -> None:
    """The fields are those of the type that the step identified."""
    status = engine.end_of(engine.submit(paper(2), f"{STEPS}/extract-any"), STEPS)
    found = load_catalog().types[status["identification"]["document_type"]]
    assert status["data"].keys() == found.json_schema["properties"].keys()


def test_the_official_sdk_reads_the_answers(engine: RunningEngine) -> None:
    """Identification, step and conversion of a simulation are read by the vendor's own SDK."""
    with Client(api_key=engine.key, base_url=engine.base_url, max_retries=0) as client:
        document = {"file": paper(3), "content_type": "application/pdf"}
        found = client.identify.run_async(**document, document_type_code_options=TYPES).wait()
        executed = client.steps.run_async("extract-invoice", **document).wait()
        converted = client.convert.run_async(**document, document_type_code="invoice").wait()
        at_once = client.convert.run(**document, document_type_code="invoice")
    assert found.is_success()
    assert found.document_type.code in TYPES
    assert found.document_type.confidence == 0.97
    assert [match.code for match in found.alternatives][-1] == "other"
    assert executed.is_success()
    assert executed.data == converted.data == at_once.data


@pytest.fixture
def reset(engine: RunningEngine) -> Iterator[httpx.Client]:
    """A client of the engine, whose statistics begin anew."""
    with engine.client() as client:
        assert client.post("/__stats/reset").status_code == 200
        yield client


def test_what_was_sent_is_counted(engine: RunningEngine, reset: httpx.Client) -> None:
    """The statistics tell submissions, repeats, polls and answers; refused submissions are posts only."""
    for intent in ("a", "a", "b", "a"):
        engine.submit(paper(1), document_metadata={"trayflow_intent": intent})
    engine.end_of(engine.submit(paper(1), INVOICE), STEPS)
    assert reset.post(INVOICE, json={}).status_code == 400
    stats = reset.get("/__stats").json()
    assert reset.get("/__stats", params={"intents": "true"}).json()["intents"] == {"a": 3, "b": 1}
    assert stats["submissions"] == {"identify": 4, "step": 1, "convert": 0}
    assert stats["posts"] == 6
    assert (stats["same_bytes_again"], stats["intents_again"], stats["repeated_intents"]) == (3, 2, ["a"])
    assert stats["polls"]["step"] >= 1
    assert stats["polls_per_execution"] == round(stats["polls"]["step"] / 5, 3)
    assert stats["read"] == 1
    assert 0 <= stats["lateness"]["p50"] == stats["lateness"]["max"]
    assert (stats["answers"]["202"], stats["answers"]["400"]) == (5, 1)
    assert stats["webhooks"] == {"sent": 0, "failed": 0, "lost": 0, "doubled": 0, "reordered": 0}


def test_statistics_begin_anew(engine: RunningEngine, reset: httpx.Client) -> None:
    """After a reset everything counts from nothing."""
    before = reset.get("/__stats").json()
    engine.end_of(engine.submit(paper(1)))
    assert reset.get("/__stats").json()["read"] == 1
    assert reset.post("/__stats/reset").json() == before == reset.get("/__stats").json()


def test_statistics_are_for_those_with_the_key(tmp_path: Path) -> None:
    """Any engine tells statistics, to those with its key; they are not counted against its limit of calls."""
    with start_engine(tmp_path, rate_limit_per_minute=1) as engine, engine.client() as client:
        assert client.get("/__stats", headers={"Authorization": "Bearer other"}).status_code == 401
        assert [client.get("/__stats").status_code for _ in range(3)] == [200] * 3
        assert client.get("/api/document-types").status_code == 200
