"""The deployments of prefect.yaml, run by a real server and a real worker, as `trayflow up` keeps them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments import lasting
from deployments.children import free_port
from tests.deployments.commands import ROOT, eventually, started
from tests.papers import pdf
from tests.scripted import Scripted, account_at, serving

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Deployed:
    """A folder in which `trayflow up` runs, and its server."""

    def __init__(self, folder: Path, service: Scripted, api_url: str) -> None:
        self.samples = folder / "samples"
        self.service = service
        self._folder = folder
        self._api = httpx.Client(base_url=api_url, timeout=60, trust_env=False)

    def rows(self) -> list[str]:
        """The documents in the table, by name."""
        table = self._folder / "tables" / "invoice.csv"
        lines = table.read_text().splitlines()[1:] if table.is_file() else []
        return sorted(line.split(",")[1].rpartition("/")[2] for line in lines)

    def put(self, name: str) -> str:
        """Put a document there; returns its address."""
        (self.samples / name).write_bytes(pdf((name,)))
        return (self.samples / name).as_uri()

    def run(self, name: str) -> str:
        """Have a deployment run; returns the flow run's id."""
        deployment = self._ask("GET", f"deployments/name/{name}")
        return str(self._ask("POST", f"deployments/{deployment['id']}/create_flow_run", {})["id"])

    def state(self, flow_run_id: str) -> str:
        return str(self._ask("GET", f"flow_runs/{flow_run_id}")["state_type"])

    def cancel(self, flow_run_id: str) -> None:
        """As the button in the UI does."""
        self._ask("POST", f"flow_runs/{flow_run_id}/set_state", {"state": {"type": "CANCELLING"}})

    def runs_of(self, flow: str) -> list[dict[str, Any]]:
        """The flow runs of a flow."""
        return list(self._ask("POST", "flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "limit": 50}))

    def tell(self, *addresses: str) -> None:
        """Emit that documents have arrived, as somebody else's program would."""
        now = datetime.now(UTC).isoformat()
        events = [
            {
                "occurred": now,
                "event": "trayflow.document.arrived",
                "resource": {"prefect.resource.id": address},
                "id": str(uuid.uuid4()),
            }
            for address in addresses
        ]
        self._ask("POST", "events", events)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The server's answer. While its database is busy it says 503, and whoever asks asks again, as Prefect does."""
        answers: list[httpx.Response] = []

        def answered() -> bool:
            answers.append(self._api.request(method, path, json=body))
            return answers[-1].status_code != HTTPStatus.SERVICE_UNAVAILABLE

        eventually(answered)
        answer = answers[-1].raise_for_status()
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed")
    shutil.copy(ROOT / "prefect.yaml", folder)
    (folder / "samples").mkdir()
    with serving(Scripted()) as service:
        env = {**account_at(service), "TRAYFLOW_WATCH__SECONDS": "0.1"}
        with started("up", "--port", str(free_port()), cwd=folder, env=env) as process:
            eventually(lambda: process.poll() is not None or "Ctrl-C" in (folder / "out").read_text())
            up = lasting.find_up(folder / ".trayflow")
            assert up is not None, (folder / "err").read_text()
            yield Deployed(folder, service, up.api_url)
            process.terminate()
            process.wait(60)


def test_events_that_come_together_make_one_run(deployed: Deployed) -> None:
    """An event starts a run, which takes all documents that events told of; those of elsewhere are left alone."""
    told = [deployed.put("told-1.pdf"), deployed.put("told-2.pdf")]
    deployed.put("untold.pdf")
    deployed.tell(told[0], "s3://elsewhere/a.pdf")
    deployed.tell(told[1], told[0])
    eventually(lambda: {"told-1.pdf", "told-2.pdf"} <= set(deployed.rows()))
    eventually(lambda: {run["state_type"] for run in deployed.runs_of("ingest on event")} <= ENDED)
    assert [run["state_type"] for run in deployed.runs_of("ingest on event")] == ["COMPLETED"]
    assert "untold.pdf" not in deployed.rows()
    (deployed.samples / "untold.pdf").unlink()


def test_a_later_event_makes_a_run_of_its_own(deployed: Deployed) -> None:
    """The trigger is not used up by the first one."""
    before = len(deployed.runs_of("ingest on event"))
    deployed.tell(deployed.put("later.pdf"))
    eventually(lambda: "later.pdf" in deployed.rows())
    assert len(deployed.runs_of("ingest on event")) <= before + 1


def test_scheduled_runs_do_not_overlap(deployed: Deployed) -> None:
    """One that is due while another works is cancelled: the next will find the same documents."""
    deployed.put("held.pdf")
    deployed.service.hold.clear()
    first = deployed.run("ingest/ingest-scheduled")
    eventually(lambda: deployed.state(first) == "RUNNING")
    second = deployed.run("ingest/ingest-scheduled")
    eventually(lambda: deployed.state(second) == "CANCELLED")
    deployed.service.hold.set()
    eventually(lambda: deployed.state(first) == "COMPLETED")
    assert "held.pdf" in deployed.rows()


def test_a_watch_takes_what_arrives_until_it_is_cancelled(deployed: Deployed) -> None:
    """Each batch is a flow run of its own; the button in the UI ends the watch."""
    watch = deployed.run("watch/watch")
    deployed.put("watched-1.pdf")
    eventually(lambda: "watched-1.pdf" in deployed.rows())
    deployed.put("watched-2.pdf")
    eventually(lambda: "watched-2.pdf" in deployed.rows())
    batches = [run for run in deployed.runs_of("ingest") if run["parent_task_run_id"]]
    assert len(batches) == 2
    deployed.cancel(watch)
    eventually(lambda: deployed.state(watch) in ENDED)
