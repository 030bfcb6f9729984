"""The flow, in a real Prefect, against a service that does what each test tells it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType

from flows.ingest import ingest
from tests.flowing import endings, put, reasons, rows, run
from tests.scripted import Scripted, hurry
from trayflow.endings import failed_checks
from trayflow.errors import AccessDeniedError, ServiceUnreachableError, SettingsError
from trayflow.ledger import Ledger
from trayflow.models import Extraction, Spooled
from trayflow.progress import Ended, Event, Summary, listener
from trayflow.sources import Folder
from trayflow.spool import Spool

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    # Prefect leaves its event loops' sockets and its database connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Scripted) -> Path:
    """An empty folder of documents, in a working directory whose settings point at the service and hurry."""
    monkeypatch.chdir(tmp_path)
    hurry(monkeypatch, service, TRAYFLOW_LIMITS__ATTEMPTS="3")
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def test_documents_become_rows(inbox: Path, service: Scripted) -> None:
    """Each is identified and executed once, and its row says where it came from."""
    for name in ("a.pdf", "b.pdf"):
        put(inbox, name)
    summary = run(inbox)
    assert (summary.documents, summary.written, summary.in_progress) == (2, 2, 0)
    assert summary.tables == {"invoice": 2}
    assert summary.submissions.model_dump() == {"identify": 2, "execute": 2}
    assert len(service.accepted) == 4
    assert {row["number"] for row in rows(inbox)} == {"007"}
    assert {row["source_uri"].rsplit("/", 1)[-1] for row in rows(inbox)} == {"a.pdf", "b.pdf"}


def test_a_second_run_submits_nothing(inbox: Path, service: Scripted) -> None:
    """The ledger says that all is done; the tables stay as they are."""
    put(inbox, "a.pdf")
    run(inbox)
    before = rows(inbox)
    summary = run(inbox)
    assert (summary.documents, summary.unchanged, summary.written) == (1, 1, 0)
    assert summary.submissions.model_dump() == {"identify": 0, "execute": 0}
    assert len(service.accepted) == 2
    assert rows(inbox) == before


def test_a_changed_file_is_read_again(inbox: Path) -> None:
    """New bytes under the old name are a new version, with a row of its own."""
    put(inbox, "a.pdf")
    run(inbox)
    put(inbox, "a.pdf", "other text, other bytes")
    summary = run(inbox)
    assert (summary.written, summary.submissions.execute) == (1, 1)
    assert len(rows(inbox)) == 2


def test_same_bytes_are_paid_for_once(inbox: Path, service: Scripted) -> None:
    """A copy under another name is a duplicate, in the same run as in a later one."""
    first = put(inbox, "a.pdf")
    (inbox / "b.pdf").write_bytes(first.read_bytes())
    summary = run(inbox)
    (inbox / "c.pdf").write_bytes(first.read_bytes())
    later = run(inbox)
    assert (summary.written, summary.duplicate) == (1, 1)
    assert (later.duplicate, later.unchanged) == (1, 2)
    assert len(service.accepted) == 2


def test_bad_files_stop_no_others(inbox: Path) -> None:
    """Each ends in quarantine with its reason, and the good one is written."""
    (inbox / "empty.pdf").write_bytes(b"")
    (inbox / "text.pdf").write_bytes(b"no pdf at all")
    (inbox / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    put(inbox, "good.pdf")
    summary = run(inbox)
    assert (summary.written, summary.quarantined) == (1, 3)
    assert endings(inbox) == {
        "empty.pdf": "empty_file",
        "text.pdf": "unsupported_type",
        "broken.pdf": "unreadable",
        "good.pdf": "written",
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"confidence": 0.4}, "low_confidence"),
        ({"type_code": "other"}, "other_type"),
        ({"type_code": "contract"}, "no_route"),
    ],
)
def test_what_fits_no_step_is_not_executed(inbox: Path, service: Scripted, change: dict[str, Any], reason: str) -> None:
    """It goes to review with its reason, and nothing is paid for beyond the identification."""
    for name, value in change.items():
        setattr(service, name, value)
    put(inbox, "a.pdf")
    summary = run(inbox)
    assert (summary.review, summary.submissions.execute) == (1, 0)
    assert endings(inbox) == {"a.pdf": reason}


@pytest.mark.parametrize(
    "change",
    [
        {"validation": {"errors": {"count": 1, "messages": ["totals differ"]}}},
        {"data": {"number": "007", "total": "a lot"}},
    ],
)
def test_doubtful_fields_are_not_written(inbox: Path, service: Scripted, change: dict[str, Any]) -> None:
    """Failed checks, or text where a number belongs: a person looks first."""
    for name, value in change.items():
        setattr(service, name, value)
    put(inbox, "a.pdf")
    summary = run(inbox)
    assert (summary.review, summary.written) == (1, 0)
    assert endings(inbox) == {"a.pdf": "failed_checks"}


def test_what_the_service_gives_up_is_quarantined(inbox: Path, service: Scripted) -> None:
    """An ERROR ends the document and carries the service's own code."""
    service.failure = {"code": "EXTRACTION_FAILED", "message": "unreadable"}
    put(inbox, "a.pdf")
    assert run(inbox).quarantined == 1
    assert endings(inbox) == {"a.pdf": "identification_failed"}


def test_a_refused_submission_is_sent_again(inbox: Path, service: Scripted) -> None:
    """A 503, or a 500 in the service's own words, was not accepted: the next try is the same intent."""
    service.identify.extend([(503, {"message": "busy"}), (500, {"message": "Internal server error: x"})])
    put(inbox, "a.pdf")
    assert run(inbox).written == 1
    intents = [intent for kind, intent in service.intents if kind == "identify"]
    assert len(intents) == 3
    assert len(set(intents)) == 1


def test_a_rate_limit_costs_no_attempt(inbox: Path, service: Scripted) -> None:
    """More 429s than attempts: the run waits as told and goes on."""
    limited = {"error": "Rate limit exceeded", "limitType": "minute", "retryAfter": 0.05}
    service.identify.extend([(429, limited)] * 6)
    put(inbox, "a.pdf")
    assert run(inbox).written == 1


@pytest.mark.parametrize("answer", ["cut", "garbage", (502, {}), (504, {})])
def test_an_unknown_outcome_is_never_repeated(inbox: Path, service: Scripted, answer: Any) -> None:
    """It may have been accepted and billed: one POST, review, and no other in a later run."""
    service.execute.append(answer)
    put(inbox, "a.pdf")
    assert run(inbox).review == 1
    assert endings(inbox) == {"a.pdf": "submission_unknown"}
    assert run(inbox).unchanged == 1
    assert [kind for kind, _ in service.intents] == ["identify", "execute"]


def test_a_refusal_for_good_is_quarantined(inbox: Path, service: Scripted) -> None:
    """A 4xx about this document is not tried again."""
    service.identify.append((400, {"message": "Validation error", "errors": ["image"]}))
    put(inbox, "a.pdf")
    assert run(inbox).quarantined == 1
    assert endings(inbox) == {"a.pdf": "rejected"}
    assert len(service.intents) == 1


def test_an_exhausted_budget_leaves_the_document_under_way(inbox: Path, service: Scripted) -> None:
    """Nothing is marked failed for want of patience: the next run sends it."""
    service.identify.extend([(503, {"message": "busy"})] * 3)
    put(inbox, "a.pdf")
    summary = run(inbox)
    assert (summary.in_progress, summary.quarantined) == (1, 0)
    assert run(inbox).written == 1


def test_polling_goes_on_until_the_last_word(inbox: Path, service: Scripted) -> None:
    """A status that is not final, and one that could not be had, are both asked for again."""
    service.polls.extend(["PROCESSING", (500, {"message": "x"}), "PROCESSING"])
    put(inbox, "a.pdf")
    assert run(inbox).written == 1


def test_a_wrong_key_stops_the_run_before_it_begins(inbox: Path, service: Scripted) -> None:
    """One clear error, no submission, and no document marked as anything."""
    service.key = "another"
    put(inbox, "a.pdf")
    with pytest.raises(AccessDeniedError):
        run(inbox)
    assert service.intents == []


def test_a_key_that_expires_stops_the_run(inbox: Path, service: Scripted) -> None:
    """401 concerns every document: the run ends, and they stay under way for the next one."""
    service.identify.append((401, {"error": "Invalid API key"}))
    put(inbox, "a.pdf")
    with pytest.raises(AccessDeniedError) as stopped:
        run(inbox)
    assert stopped.value.summary is not None
    assert stopped.value.summary.in_progress == 1
    assert run(inbox).written == 1


def test_nobody_at_the_address_stops_the_run(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said at once, with the address."""
    monkeypatch.setenv("DOCUTRAY_BASE_URL", "http://127.0.0.1:9")
    put(inbox, "a.pdf")
    with pytest.raises(ServiceUnreachableError, match=r"127\.0\.0\.1:9"):
        run(inbox)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[routing.types.invoice]\nstep = "no-such-step"', "no step no-such-step"),
        ('[routing.types.invoce]\nstep = "extract-invoice"', "no document type invoce"),
    ],
)
def test_a_wrong_route_stops_the_run(inbox: Path, service: Scripted, text: str, says: str) -> None:
    """Steps and types are checked against the account before the first submission."""
    (inbox.parent / "trayflow.toml").write_text(text)
    put(inbox, "a.pdf")
    with pytest.raises(SettingsError, match=says):
        run(inbox)
    assert service.intents == []


def test_a_cancelled_run_loses_no_answer(inbox: Path, service: Scripted) -> None:
    """A POST under way when the run is cancelled is seen to its end; the next run goes on with its id."""
    put(inbox, "a.pdf")
    service.hold.clear()

    async def cancelled() -> None:
        running = asyncio.create_task(ingest(str(inbox), str(inbox.parent / "tables")))
        while not service.intents:
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.sleep(0)
        service.hold.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancelled())
    assert len(service.accepted) == 1
    summary = run(inbox)
    assert (summary.written, summary.submissions.identify) == (1, 0)
    assert len(service.accepted) == 2


def test_a_new_destination_gets_its_rows_from_the_ledger(inbox: Path, service: Scripted) -> None:
    """What was paid for once is written elsewhere without another submission."""
    put(inbox, "a.pdf")
    run(inbox)
    summary = asyncio.run(ingest(str(inbox), str(inbox.parent / "elsewhere")))
    assert (summary.written, summary.tables) == (1, {"invoice": 1})
    assert len(service.accepted) == 2


def test_whoever_listens_hears_each_ending(inbox: Path) -> None:
    """The command line's progress bar is told of every document, with its outcome."""
    put(inbox, "a.pdf")
    (inbox / "b.pdf").write_bytes(b"")
    heard: list[Any] = []
    token = listener.set(heard.append)
    try:
        run(inbox)
    finally:
        listener.reset(token)
    assert {(e.document.key, e.outcome.value) for e in heard if isinstance(e, Ended)} == {
        ("a.pdf", "written"),
        ("b.pdf", "quarantined"),
    }


def test_rows_are_written_while_others_wait(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents stream through: with a window of one, the first is in its table before the second is submitted."""
    monkeypatch.setenv("TRAYFLOW_LIMITS__WINDOW", "1")
    for name in ("a.pdf", "b.pdf"):
        put(inbox, name)
    seen: list[tuple[int, int]] = []

    def look(event: Event) -> None:
        if isinstance(event, Ended):
            seen.append((len(service.accepted), len(rows(inbox))))

    token = listener.set(look)
    try:
        run(inbox)
    finally:
        listener.reset(token)
    assert seen == [(2, 1), (4, 2)]


def test_every_call_is_a_task_run_named_after_the_document(inbox: Path) -> None:
    """An operator finds each document's steps by its key, all of them recorded by the end of the run."""
    put(inbox, "a.pdf")

    async def recorded() -> set[str]:
        state: Any = await ingest(str(inbox), str(inbox.parent / "tables"), return_state=True)
        async with get_client() as client:
            id_ = FlowRunFilterId(any_=[state.state_details.flow_run_id])
            found = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=id_))
        return {task_run.name for task_run in found if task_run.state_type is StateType.COMPLETED}

    assert asyncio.run(recorded()) == {
        "discover from page 1",
        "fetch a.pdf",
        "identify a.pdf",
        "execute a.pdf",
        "write a.pdf",
    }


def test_the_key_may_be_in_a_secret_block(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Prefect Secret block named in the settings opens the service; one that is not there is a wrong setting."""
    monkeypatch.delenv("DOCUTRAY_API_KEY")
    (inbox.parent / "trayflow.toml").write_text('[service]\napi_key_block = "tray-key"\n')
    put(inbox, "a.pdf")
    with pytest.raises(SettingsError, match="no Prefect Secret block tray-key"):
        run(inbox)
    asyncio.run(Secret(value=service.key).asave("tray-key"))
    assert run(inbox).written == 1


def test_a_run_takes_over_what_a_dead_one_held(inbox: Path, service: Scripted) -> None:
    """A document claimed by a run that no longer renews its lease is brought home by the next one."""
    put(inbox, "a.pdf")
    ledger = Ledger.open(f"sqlite:///{inbox.parent / '.trayflow' / 'ledger.db'}")
    (found,) = next(Folder(inbox).pages()).found
    (document,) = ledger.discover(inbox.resolve().as_uri(), [found], "anywhere").documents
    ledger.runs.start("dead", lease=1.5)
    assert ledger.runs.claim(document.id, "dead")
    ledger.close()
    assert run(inbox).written == 1
    assert len(service.accepted) == 2


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([(404, {"message": "Execution not found"})], "does not know"),
        ([(429, {"error": "Rate limit exceeded", "retryAfter": 0.01}), "PROCESSING", "PROCESSING"], "No answer after"),
    ],
)
def test_an_answer_that_never_comes_is_given_up(
    inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch, answers: list[Any], message: str
) -> None:
    """Lost by the service, or later than the service itself allows: review, the id kept, nothing sent again."""
    monkeypatch.setenv("TRAYFLOW_POLLING__GIVE_UP", "0.001")
    service.polls.extend(answers)
    put(inbox, "a.pdf")
    heard: list[Any] = []
    token = listener.set(heard.append)
    try:
        assert run(inbox).review == 1
    finally:
        listener.reset(token)
    assert endings(inbox) == {"a.pdf": "no_answer"}
    assert message in heard[-1].note
    assert len(service.accepted) == 1


def test_a_fault_of_ours_stops_no_other_document(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document that met it stays under way for a mended trayflow; the others are written."""

    def faulty(extraction: Extraction, *others: Any) -> Any:
        if extraction.document.key == "a.pdf":
            raise ZeroDivisionError
        return failed_checks(extraction, *others)

    for name in ("a.pdf", "b.pdf"):
        put(inbox, name)
    with monkeypatch.context() as patch:
        patch.setattr("flows.ingest.failed_checks", faulty)
        summary = run(inbox)
    assert (summary.written, summary.in_progress) == (1, 1)
    assert run(inbox).submissions.model_dump() == {"identify": 0, "execute": 0}
    assert len(rows(inbox)) == 2


def test_two_runs_at_once_share_the_work(inbox: Path, service: Scripted) -> None:
    """What one run holds the other leaves alone, and counts as unchanged once it has ended."""
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        put(inbox, name)

    async def both() -> list[Summary]:
        to = str(inbox.parent / "tables")
        return list(await asyncio.gather(ingest(str(inbox), to), ingest(str(inbox), to)))

    first, second = asyncio.run(both())
    assert first.written + second.written == 3
    assert first.unchanged + second.unchanged == 3
    assert (first.in_progress, second.in_progress) == (0, 0)
    assert len(service.accepted) == 6
    assert len(rows(inbox)) == 3


def test_a_version_that_was_replaced_before_it_was_read_is_said(inbox: Path, service: Scripted) -> None:
    """A run that died after its listing leaves versions behind that no later listing shows: they end with a reason."""
    put(inbox, "a.pdf")
    put(inbox, "gone.pdf")
    ledger = Ledger.open(f"sqlite:///{inbox.parent / '.trayflow' / 'ledger.db'}")
    (listing,) = Folder(inbox).pages()
    ledger.discover(inbox.resolve().as_uri(), listing.found, "anywhere")
    ledger.close()
    put(inbox, "a.pdf", "newer, and longer")
    (inbox / "gone.pdf").unlink()
    summary = run(inbox)
    assert (summary.written, summary.quarantined, summary.in_progress) == (1, 2, 0)
    assert len(service.accepted) == 2
    assert set(reasons(inbox)) == {("a.pdf", "replaced"), ("a.pdf", None), ("gone.pdf", "vanished")}


def test_a_version_that_changes_while_it_is_read_is_taken_in_the_same_run(
    inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is submitted of the version that nobody can read any more; the new one becomes a row."""
    put(inbox, "a.pdf")
    take, changed = Spool.take, []

    def take_late(self: Spool, document_id: str, stream: BinaryIO) -> Spooled:
        if not changed:
            changed.append(put(inbox, "a.pdf", "newer, and longer"))
        return take(self, document_id, stream)

    monkeypatch.setattr(Spool, "take", take_late)
    summary = run(inbox)
    assert (summary.written, summary.quarantined) == (1, 1)
    assert len(service.accepted) == 2
    assert set(reasons(inbox)) == {("a.pdf", "replaced"), ("a.pdf", None)}


def test_a_run_over_given_keys_takes_no_others(inbox: Path) -> None:
    """A batch of what has arrived is a run about just that; keys with nothing under them are passed over."""
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        put(inbox, name)
    summary = run(inbox, keys=["a.pdf", "c.pdf", "gone.pdf", "../inbox/b.pdf"])
    assert (summary.documents, summary.written) == (2, 2)
    assert set(endings(inbox)) == {"a.pdf", "c.pdf"}


def test_what_is_too_large_is_not_even_opened(inbox: Path, service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing's word is enough to end it."""
    monkeypatch.setenv("TRAYFLOW_LIMITS__MAX_BYTES", "10")
    put(inbox, "a.pdf")
    monkeypatch.delattr(Folder, "open")
    assert run(inbox).quarantined == 1
    assert endings(inbox) == {"a.pdf": "too_large"}
    assert service.accepted == []


def test_nothing_is_left_in_the_spool(inbox: Path) -> None:
    """A run takes its folder away, and those of runs that were killed."""
    put(inbox, "a.pdf")
    left = inbox.parent / ".trayflow" / "spool" / "a-run-that-was-killed"
    left.mkdir(parents=True)
    (left / "document").write_bytes(b"1")
    run(inbox)
    assert list(left.parent.iterdir()) == []
