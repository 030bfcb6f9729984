"""Submissions that nobody knows the outcome of, and services and ledgers that fail: the flow in a real Prefect."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.states import AwaitingRetry

import tasks.submit
from flows.ingest import ingest
from tests.flowing import endings, put, rows, run
from tests.scripted import Scripted, hurry
from trayflow.errors import LedgerError, ServiceFailingError
from trayflow.ledger import Ledger, Submission
from trayflow.ledger.submissions import Submissions

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    # Prefect leaves its event loops' sockets and its database connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BUSY = (503, {"message": "busy"})


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Scripted) -> Path:
    monkeypatch.chdir(tmp_path)
    hurry(monkeypatch, service, TRAYFLOW_LIMITS__WRITE_EVERY="0.01")
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def open_ledger(inbox: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{inbox.parent / '.trayflow' / 'ledger.db'}")


def test_resubmit_makes_another_attempt(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unknown one is given up, and the next has an intent of its own."""
    monkeypatch.setenv("TRAYFLOW_UNKNOWN__ON_UNKNOWN", "resubmit")
    service.execute.append("cut")
    put(inbox, "a.pdf")
    summary = run(inbox)
    assert summary.written == 1
    intents = [intent for kind, intent in service.intents if kind == "execute"]
    assert len(intents) == len(set(intents)) == 2


def test_resubmit_has_an_end(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that cuts every line is not paid for ever: after so many attempts a person decides."""
    monkeypatch.setenv("TRAYFLOW_UNKNOWN__ON_UNKNOWN", "resubmit")
    monkeypatch.setenv("TRAYFLOW_UNKNOWN__RESUBMISSIONS", "2")
    service.execute.extend(["cut"] * 9)
    put(inbox, "a.pdf")
    assert run(inbox).review == 1
    assert endings(inbox) == {"a.pdf": "submission_unknown"}
    assert [kind for kind, _ in service.intents].count("execute") == 3
    assert run(inbox).unchanged == 1


def test_news_within_the_grace_are_waited_for(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who learns the id while the run waits spares the document its review, and a second payment."""
    monkeypatch.setenv("TRAYFLOW_UNKNOWN__GRACE", "600")
    monkeypatch.setattr(tasks.submit, "LOOK_AGAIN", 0.02)
    service.execute.append("cut")
    put(inbox, "a.pdf")

    async def told() -> Any:
        running = asyncio.create_task(ingest(str(inbox), str(inbox.parent / "tables")))
        while not (inbox.parent / ".trayflow" / "ledger.db").exists():
            await asyncio.sleep(0.02)
        ledger = open_ledger(inbox)
        while not (doubtful := await asyncio.to_thread(ledger.submissions.in_doubt)):
            await asyncio.sleep(0.02)
        while doubtful and doubtful[0].submission.state != "unknown":
            doubtful = await asyncio.to_thread(ledger.submissions.in_doubt)
        ledger.submissions.hear(doubtful[0].submission.id, "told", ended=True)
        ledger.close()
        return await running

    assert asyncio.run(told()).written == 1
    assert len(service.accepted) == 2


def test_another_route_does_not_repeat_what_is_unknown(inbox: Path, service: Scripted) -> None:
    """An execution of unknown outcome is the document's only one, even where settings would now choose another step."""
    service.execute.append("cut")
    put(inbox, "a.pdf")
    run(inbox)
    ledger = open_ledger(inbox)
    (doubtful,) = ledger.submissions.in_doubt()
    _put_back(ledger, doubtful.document.id)
    ledger.close()
    (inbox.parent / "trayflow.toml").write_text(
        '[routing]\non_low_confidence = "step:extract-invoice"\nminimum_confidence = 1.0\n'
    )
    assert run(inbox).review == 1
    assert len(service.accepted) == 2


def _put_back(ledger: Ledger, document_id: str) -> None:
    with ledger._database.writing() as connection:
        connection.exec_driver_sql("UPDATE documents SET outcome = NULL, reason = NULL WHERE id = ?", (document_id,))


def test_a_failing_service_stops_the_run(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not each document in turn: the breaker says so once, nothing is marked as failed, and the next run carries on."""
    monkeypatch.setenv("TRAYFLOW_LIMITS__BREAKER", "3")
    monkeypatch.setenv("TRAYFLOW_LIMITS__WINDOW", "2")
    for number in range(12):
        put(inbox, f"{number:02}.pdf")
    service.identify.extend([BUSY] * 1000)
    with pytest.raises(ServiceFailingError, match="One document fails after another") as stopped:
        run(inbox)
    assert stopped.value.summary is not None
    assert stopped.value.summary.in_progress == 12
    assert set(endings(inbox).values()) == {None}
    assert len(service.intents) < 12
    service.identify.clear()
    assert run(inbox).written == 12


def test_one_bad_spell_is_no_failing_service(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as other calls succeed, documents that exhaust their tries are left under way one by one."""
    monkeypatch.setenv("TRAYFLOW_LIMITS__BREAKER", "2")
    monkeypatch.setenv("TRAYFLOW_LIMITS__WINDOW", "1")
    for name in ("a.pdf", "b.pdf", "c.pdf", "d.pdf"):
        put(inbox, name)
    fine = None
    service.identify.extend([BUSY, BUSY, fine, BUSY, BUSY, fine])
    assert run(inbox).in_progress == 2
    assert len(rows(inbox)) == 2


def test_polls_that_fail_in_a_row_leave_the_document_under_way(inbox: Path, service: Scripted) -> None:
    """What was paid for is kept: the next run asks for it again and submits nothing."""
    service.polls.extend([(500, {"message": "x"})] * 2)
    put(inbox, "a.pdf")
    assert run(inbox).in_progress == 1
    summary = run(inbox)
    assert (summary.written, summary.submissions.identify) == (1, 0)


def test_a_poll_that_fails_now_and_then_costs_nothing(inbox: Path, service: Scripted) -> None:
    """Only failures in a row count: between them the service answered."""
    service.polls.extend([(500, {"message": "x"}), "PROCESSING"] * 6)
    put(inbox, "a.pdf")
    assert run(inbox).written == 1


def test_an_id_is_recorded_although_the_ledger_is_away(
    inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service has taken the document: its id is recorded as soon as the ledger can be written again."""
    real, failed = Submissions.accept, []

    def accept(self: Submissions, submission: Submission, remote_id: str) -> Submission:
        if len(failed) < 2:
            failed.append(remote_id)
            raise LedgerError("The ledger cannot be used: away.")
        return real(self, submission, remote_id)

    monkeypatch.setattr(Submissions, "accept", accept)
    monkeypatch.setattr(tasks.submit, "RECORD_AGAIN", (0.01, 0.01, 0.01))
    put(inbox, "a.pdf")
    assert run(inbox).written == 1
    assert len(failed) == 2
    assert len(service.accepted) == 2


def test_a_ledger_that_is_away_stops_the_run(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """It concerns every document: one message, nothing marked, and the next run carries on."""

    def finish(*_: Any) -> None:
        raise LedgerError("The ledger cannot be used: away.")

    put(inbox, "a.pdf")
    put(inbox, "b.pdf")
    with monkeypatch.context() as patch:
        patch.setattr(Submissions, "finish", finish)
        with pytest.raises(LedgerError, match="away"):
            run(inbox)
    assert run(inbox).written == 2
    assert len(service.accepted) == 4


def test_a_run_that_lost_its_claim_submits_nothing(
    inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that slept for longer than its lease leaves the document to the run that has it now."""
    put(inbox, "a.pdf")
    real, taken = Ledger.enter_bytes, []

    def taken_over(self: Ledger, document_id: str, *more: Any) -> Any:
        if not taken:
            taken.append(document_id)
            with self._database.writing() as connection:
                connection.exec_driver_sql("UPDATE runs SET lease_until = '2001-01-01 00:00:00'")
            self.runs.start("another", 0.5)
            assert self.runs.claim(document_id, "another")
        return real(self, document_id, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "enter_bytes", taken_over)
        patch.setattr("flows.run.LOOK_AGAIN", 0.1)
        summary = run(inbox)
    # The other run died with the document in its hands; then it was taken up again.
    assert summary.written == 1
    assert len(service.accepted) == 2


def test_documents_that_are_ready_together_are_written_together(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One append for several documents: each has its row, once."""
    monkeypatch.setenv("TRAYFLOW_LIMITS__WRITE_EVERY", "0.5")
    for number in range(8):
        put(inbox, f"{number}.pdf")
    assert run(inbox).written == 8
    assert len(rows(inbox)) == 8


def test_a_flow_run_that_is_retried_in_the_ui_carries_on(
    inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same flow run, executed again as a worker does: what it has is kept, and nothing is submitted twice."""
    monkeypatch.setenv("TRAYFLOW_LIMITS__BREAKER", "1")
    monkeypatch.setenv("TRAYFLOW_LIMITS__WINDOW", "1")
    put(inbox, "a.pdf")
    put(inbox, "b.pdf")
    fine = None
    service.identify.extend([fine, BUSY, BUSY])

    async def retried() -> tuple[Any, Any]:
        first: Any = await ingest(str(inbox), str(inbox.parent / "tables"), return_state=True)
        async with get_client() as client:
            id_ = first.state_details.flow_run_id
            await client.set_flow_run_state(id_, AwaitingRetry(scheduled_time=datetime.now(UTC)), force=True)
            flow_run = await client.read_flow_run(id_)
        running: Any = run_flow(ingest, flow_run=flow_run, parameters=flow_run.parameters)
        return first, await running

    first, summary = asyncio.run(retried())
    assert first.is_failed()
    assert (summary.written, summary.unchanged) == (1, 1)
    assert len(service.accepted) == 4
    assert len(rows(inbox)) == 2
