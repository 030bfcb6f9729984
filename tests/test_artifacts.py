"""What a run leaves on its page in Prefect: artifacts, tags, its name, and an event for each end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import tags
from prefect.client.schemas.objects import FlowRun
from prefect.events.worker import EventsWorker
from prefect.runtime import flow_run

import tasks.artifacts
from flows.ingest import ingest
from tests.flowing import put
from tests.prefect_servers import flows_at, prefect_at
from tests.scripted import Scripted, hurry
from trayflow.errors import RunStoppedError
from trayflow.progress import Ended, Event, listener

pytestmark = [
    # Prefect leaves its event loops' sockets and its database connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server that keeps its feed of events, as the one of `trayflow up` does."""
    with prefect_at(tmp_path_factory.mktemp("prefect"), lasting=True) as url, flows_at(url):
        yield url


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Scripted, api: str) -> Path:
    """An empty folder of documents, in a working directory whose settings point at the service and hurry."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAYFLOW_PREFECT__REPORT", "true")
    hurry(monkeypatch, service)
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


class Run:
    """A run of the flow that has ended, and what the server has of it."""

    def __init__(self, inbox: Path, api: str, **options: Any) -> None:
        self.error: BaseException | None = None
        self._api = api
        self.id = asyncio.run(self._main(inbox, options))
        self.flow_run = FlowRun.model_validate(self.ask("GET", f"/flow_runs/{self.id}"))
        asked = {"artifacts": {"flow_run_id": {"any_": [self.id]}}}
        self.artifacts = {row["type"]: row for row in self.ask("POST", "/artifacts/filter", asked)}

    async def _main(self, inbox: Path, options: dict[str, Any]) -> str:
        state: Any = await ingest(str(inbox), str(inbox.parent / "tables"), **options, return_state=True)
        if state.is_failed():
            self.error = await state.aresult(raise_on_failure=False)
        return str(state.state_details.flow_run_id)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return httpx.request(method, f"{self._api}{path}", json=body, timeout=30).raise_for_status().json()

    @property
    def report(self) -> str:
        return str(self.artifacts["markdown"]["data"])

    @property
    def table(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = json.loads(self.artifacts["table"]["data"])
        return rows


def events(api: str, count: int, run_id: str) -> list[dict[str, Any]]:
    """The events of documents' ends in a run, once there are so many."""
    EventsWorker.drain_all(timeout=5)
    within = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    asked = {
        "occurred": within,
        "event": {"prefix": ["trayflow.document."]},
        "related": {"id": [f"prefect.flow-run.{run_id}"]},
    }
    for _ in range(600):
        answer = httpx.post(f"{api}/events/filter", json={"filter": asked, "limit": 50}, timeout=30).json()
        if answer["total"] >= count:
            found: list[dict[str, Any]] = answer["events"]
            return found
        threading.Event().wait(0.1)
    raise AssertionError(f"no {count} events, but {answer['total']}")


def test_a_run_leaves_a_report_a_table_and_its_tags(inbox: Path, api: str) -> None:
    """Counts, the reason of what has no row with a link to its task run, and what to do about it."""
    put(inbox, "good.pdf")
    (inbox / "a|b`.pdf").write_bytes(b"")
    run = Run(inbox, api)
    assert r"- **a\|b\`.pdf** · The file is empty. · `empty_file` · [task run](/runs/task-run/" in run.report
    assert "| invoice | 1 | 0 | 0 | 0 |" in run.report
    assert "| invoice | 1 | 1 |" in run.report
    assert "| submitted | 1 identification, 1 execution |" in run.report
    assert [(row["document"], row["reason"]) for row in run.table] == [(r"a\|b\`.pdf", "empty_file")]
    assert run.artifacts["progress"]["data"] == 100
    assert run.artifacts["progress"]["description"] == "2 documents: 1 quarantined, 1 written"
    source = f"{inbox.parent.name}/inbox"
    assert set(run.flow_run.tags) == {f"source:{source}", "type:invoice", "outcome:quarantined"}
    assert run.flow_run.name.startswith(f"ingest {source} 20")


def test_the_link_leads_to_the_task_run_that_found_it(inbox: Path, api: str) -> None:
    """Not just to any of the run's."""
    (inbox / "empty.pdf").write_bytes(b"")
    run = Run(inbox, api)
    id_ = run.report.partition("/runs/task-run/")[2][:36]
    assert run.ask("GET", f"/task_runs/{id_}")["name"] == "fetch empty.pdf"


def test_the_table_holds_what_earlier_runs_left(inbox: Path, api: str) -> None:
    """It is about the source, not about the run: the key is the same, so that Prefect shows versions of one thing."""
    (inbox / "empty.pdf").write_bytes(b"")
    first, second = Run(inbox, api), Run(inbox, api)
    assert "## No row of their own" not in second.report
    assert [row["document"] for row in second.table] == ["empty.pdf"]
    assert second.flow_run.tags[-1] == "outcome:unchanged"
    for kind in ("progress", "table", "markdown"):
        assert first.artifacts[kind]["key"] == second.artifacts[kind]["key"]
        assert first.artifacts[kind]["id"] != second.artifacts[kind]["id"]


def test_a_run_over_keys_says_how_many(inbox: Path, api: str) -> None:
    """A day of small runs is a row of them that can be told apart; tags that were there stay."""
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        put(inbox, name)
    with tags("mine"):
        run = Run(inbox, api, keys=["a.pdf", "b.pdf"])
    assert run.flow_run.name.endswith(" · 2 documents")
    assert {"mine", "outcome:written"} <= set(run.flow_run.tags)


def test_a_run_that_stops_leaves_its_report(inbox: Path, api: str, service: Scripted) -> None:
    """With why, in words of ours, and what was done by then; documents under way show in tags and counts."""
    service.identify.append((401, {"error": "your letter begins with SECRET TEXT"}))
    put(inbox, "a.pdf")
    run = Run(inbox, api)
    assert isinstance(run.error, RunStoppedError)
    assert "**The run ended before its end.** The service does not let us in" in run.report
    assert "1 in progress" in run.report
    assert "outcome:in_progress" in run.flow_run.tags
    assert "SECRET TEXT" not in json.dumps(run.artifacts)


def test_a_run_that_is_interrupted_leaves_its_report(inbox: Path, api: str, service: Scripted) -> None:
    """Ctrl-C of the command line cancels the flow: the page says so."""
    service.polls.extend(["PROCESSING"] * 10_000)
    put(inbox, "a.pdf")
    (inbox / "empty.pdf").write_bytes(b"")

    async def main() -> str:
        seen: list[str] = []

        def hear(event: Event) -> None:
            if isinstance(event, Ended):
                seen.append(str(flow_run.get_id()))
                call.cancel()

        listener.set(hear)
        call = asyncio.create_task(ingest(str(inbox), str(inbox.parent / "tables")))  # type: ignore[arg-type]
        with pytest.raises(asyncio.CancelledError):
            await call
        return seen[0]

    id_ = asyncio.run(main())
    asked = {"artifacts": {"flow_run_id": {"any_": [id_]}, "type": {"any_": ["markdown"]}}}
    (row,) = httpx.post(f"{api}/artifacts/filter", json=asked, timeout=30).json()
    assert "**The run ended before its end.** It was interrupted." in row["data"]
    assert "**empty.pdf**" in row["data"]


def test_no_word_of_a_document_is_on_the_page(inbox: Path, api: str, service: Scripted) -> None:
    """Neither extracted fields nor what the service says of a failure; nor the key."""
    service.data = {"number": "SECRET TEXT", "total": "SECRET TEXT"}
    put(inbox, "a.pdf", "SECRET TEXT")
    run = Run(inbox, api)
    assert "failed_checks" in run.report
    service.failure = {"code": "EXTRACTION_FAILED", "message": "cannot read SECRET TEXT"}
    put(inbox, "b.pdf", "SECRET TEXT too")
    again = Run(inbox, api)
    assert "identification_failed" in again.report
    told = json.dumps([run.artifacts, again.artifacts, events(api, 1, run.id), events(api, 1, again.id)])
    assert "SECRET" not in told
    assert service.key not in told


def test_each_end_is_an_event(inbox: Path, api: str, service: Scripted) -> None:
    """Named by the outcome, about the document's address, with what an automation wants to choose by."""
    put(inbox, "good.pdf")
    (inbox / "empty.pdf").write_bytes(b"")
    run = Run(inbox, api)
    found = {event["event"]: event for event in events(api, 2, run.id)}
    assert set(found) == {"trayflow.document.written", "trayflow.document.quarantined"}
    written, bad = found["trayflow.document.written"], found["trayflow.document.quarantined"]
    assert written["resource"] == {
        "prefect.resource.id": f"{inbox.as_uri()}/good.pdf",
        "prefect.resource.name": "good.pdf",
    }
    assert {name: written["payload"][name] for name in ("type", "reason", "table", "key", "source")} == {
        "type": "invoice",
        "reason": None,
        "table": "invoice",
        "key": "good.pdf",
        "source": inbox.as_uri(),
    }
    assert (bad["payload"]["reason"], bad["payload"]["table"]) == ("empty_file", None)


def test_the_progress_moves_while_the_run_works(
    inbox: Path, api: str, service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the documents have ended while the others wait for the service."""
    monkeypatch.setattr(tasks.artifacts, "INTERVAL", 0.05)
    service.hold.clear()
    put(inbox, "a.pdf")
    (inbox / "empty.pdf").write_bytes(b"")
    seen: list[float] = []

    def watch() -> None:
        asked = {"artifacts": {"key": {"like_": f"progress-{inbox.parent.name[:20].replace('_', '-')}"}}}
        for _ in range(600):
            rows = httpx.post(f"{api}/artifacts/filter", json=asked, timeout=30).json()
            if rows and rows[0]["data"] == 50:
                seen.append(rows[0]["data"])
                break
            threading.Event().wait(0.05)
        service.hold.set()

    watching = threading.Thread(target=watch)
    watching.start()
    run = Run(inbox, api)
    watching.join()
    assert seen == [50]
    assert run.artifacts["progress"]["data"] == 100


def test_a_server_that_takes_no_artifact_fails_no_run(
    inbox: Path, api: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The rows are what counts: it is a warning."""

    async def refuse(*_: Any, **__: Any) -> None:
        raise httpx.ConnectError("no server")

    for name in ("acreate_markdown_artifact", "acreate_progress_artifact", "acreate_table_artifact"):
        monkeypatch.setattr(tasks.artifacts, name, refuse)
    put(inbox, "a.pdf")
    run = Run(inbox, api)
    assert run.error is None
    assert run.artifacts == {}
    assert "outcome:written" in run.flow_run.tags
    assert "did not take the report of this run (ConnectError)" in caplog.text
