"""`trayflow run` as a process, with a key and a Prefect server of the user's own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.deployments.commands import ROOT, environment, eventually, started, trayflow
from tests.deployments.conftest import fill
from tests.scripted import Scripted, account_at, serving

pytestmark = [
    # The scripted service leaves the files of its forms to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

RUN = ("run", "inbox", "--to", "tables")


@dataclass(frozen=True)
class Ran:
    """Two runs of the same command over three good documents and an empty file, and what there was to see."""

    folder: Path
    env: dict[str, str]
    first: subprocess.CompletedProcess[str]
    again: subprocess.CompletedProcess[str]
    intents: int
    intents_again: int


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, server: str) -> Iterator[Ran]:
    inbox = fill(tmp_path_factory.mktemp("ran"))
    (inbox / "empty.pdf").write_bytes(b"")
    with serving(Scripted()) as service:
        env = {**account_at(service), "PREFECT_API_URL": server}
        first = trayflow(*RUN, cwd=inbox.parent, env=env)
        submitted = len(service.intents)
        again = trayflow(*RUN, "--json", cwd=inbox.parent, env=env)
        yield Ran(inbox.parent, env, first, again, submitted, len(service.intents))


def task_runs(server: str, ran: Ran) -> list[str]:
    """The completed task runs of the first run; the server has those of other tests as well."""
    flow_run = ran.first.stdout.strip().rsplit("/", 1)[-1]
    asked = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}, "flow_runs": {"id": {"any_": [flow_run]}}}
    answer = httpx.post(f"{server}/task_runs/filter", json=asked, trust_env=False)
    return [task_run["name"] for task_run in answer.json()]


def test_the_summary_tells_outcomes_tables_and_the_flow_run(ran: Ran, server: str) -> None:
    """On standard output, with the reason for what asks for a person, and a link into the user's Prefect."""
    assert ran.first.returncode == 0, ran.first.stderr
    told = ran.first.stdout.splitlines()
    assert told[0].startswith("4 documents in ")
    assert told[0].endswith(": 3 written, 1 quarantined.")
    assert "  empty.pdf  The file is empty." in told
    assert "  tables/invoice.csv        3 rows" in told
    assert told[-1].startswith(f"Flow run: {server.removesuffix('/api')}/runs/flow-run/")


def test_outside_a_terminal_progress_is_lines(ran: Ran) -> None:
    """One for each document, on standard error, after one that says what is being done; no word of Prefect's."""
    first, *documents = ran.first.stderr.splitlines()
    assert first == "inbox → tables"
    assert sorted(line.split()[:2] for line in documents) == [
        ["quarantined", "empty.pdf"],
        ["written", "a.pdf"],
        ["written", "b.pdf"],
        ["written", "c.pdf"],
    ]


def test_every_task_run_is_on_the_server_under_its_documents_name(ran: Ran, server: str) -> None:
    """When the command has ended, nothing is missing from the UI."""
    ended = [name for name in task_runs(server, ran) if name.endswith(" a.pdf")]
    assert sorted(name for name in ended if not name.startswith("write ")) == [
        "execute a.pdf",
        "fetch a.pdf",
        "identify a.pdf",
    ]
    writes = [name for name in task_runs(server, ran) if name.startswith("write ")]
    assert 1 <= len(writes) <= 3  # what is ready together is written together


def test_json_is_one_object_and_a_second_run_submits_nothing(ran: Ran) -> None:
    """Standard output holds the object and nothing else."""
    assert ran.again.returncode == 0, ran.again.stderr
    summary = json.loads(ran.again.stdout)
    assert summary.pop("seconds") > 0
    assert summary == {
        "documents": 4,
        "written": 0,
        "review": 0,
        "quarantined": 0,
        "duplicate": 0,
        "in_progress": 0,
        "unchanged": 4,
        "skipped": {},
        "tables": {"invoice": 3},
        "submissions": {"identify": 0, "execute": 0},
    }
    assert (ran.intents, ran.intents_again) == (6, 6)


def test_tables_are_rebuilt_elsewhere(ran: Ran) -> None:
    """From the ledger alone."""
    done = trayflow("tables", "rebuild", "--to", "elsewhere", cwd=ran.folder, env=ran.env)
    assert done.stdout == "invoice  3 rows\n", done.stderr
    assert len((ran.folder / "elsewhere" / "invoice.csv").read_text().splitlines()) == 4


def test_a_run_that_cannot_go_on_is_one_line_and_exit_code_1(
    inbox: Path, env: dict[str, str], service: Scripted
) -> None:
    """A refused key concerns every document; the message says so, without a traceback."""
    service.key = "another"
    done = trayflow(*RUN, cwd=inbox.parent, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 2
    assert "key" in done.stderr.splitlines()[-1]


def test_documents_left_under_way_are_exit_code_1(inbox: Path, env: dict[str, str], service: Scripted) -> None:
    """Not every document has an outcome: the exit code says so, the message what to do, and `status` which."""
    (inbox / "b.pdf").unlink()
    (inbox / "c.pdf").unlink()
    service.identify.extend([(503, {"message": "busy"})] * 2)
    done = trayflow(*RUN, cwd=inbox.parent, env=env)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[0].endswith(": 1 in progress.")
    assert done.stderr.splitlines()[-1] == "trayflow: 1 document is still under way: the same command carries on."
    found = json.loads(trayflow("status", "--json", cwd=inbox.parent, env=env).stdout)
    assert found["in_progress"] == found["documents"] == 1
    assert found["oldest"]["document"].endswith("/inbox/a.pdf")


def test_no_prefect_server_at_the_address(inbox: Path, account: dict[str, str], service: Scripted) -> None:
    """The user's Prefect server is down: one line names the address, and nothing is submitted."""
    down = {**account, "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = trayflow(*RUN, cwd=inbox.parent, env=down)
    assert done.returncode == 1
    assert "http://127.0.0.1:9/api does not answer" in done.stderr.splitlines()[-1]
    assert not service.intents


def test_an_interrupted_run_is_carried_on(inbox: Path, env: dict[str, str], service: Scripted) -> None:
    """What is being submitted is recorded first; the next run submits only the rest."""
    service.hold.clear()
    with started(*RUN, cwd=inbox.parent, env=env) as process:
        eventually(lambda: len(service.intents) == 3)
        process.send_signal(signal.SIGINT)
        eventually(lambda: "Stopping" in (inbox.parent / "err").read_text())
        service.hold.set()
        assert process.wait(60) == 130
    assert "carries on" in (inbox.parent / "err").read_text().splitlines()[-1]
    done = trayflow(*RUN, "--json", cwd=inbox.parent, env=env)
    assert json.loads(done.stdout)["written"] == 3, done.stderr
    assert len(service.accepted) == len(set(service.accepted)) == 6


def test_somebody_who_insists_does_not_wait(inbox: Path, env: dict[str, str], service: Scripted) -> None:
    """A second SIGTERM (or Ctrl-C) ends the run at once, whatever is under way."""
    service.hold.clear()
    with started(*RUN, cwd=inbox.parent, env=env) as process:
        eventually(lambda: len(service.intents) == 3)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: "Stopping" in (inbox.parent / "err").read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 130
    service.hold.set()


def test_a_burst_of_task_runs_is_recorded_to_the_last(server: str) -> None:
    """Six hundred in a few seconds: none is missing at the end, and one that never was is."""
    command = [sys.executable, "-m", "tests.deployments.paced", "100"]
    env = environment({"PREFECT_API_URL": server, "PREFECT_LOGGING_LEVEL": "ERROR"})
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "started": 600,
        "missing": 0,
        "missing_by_number": 0,
        "missing_unknown": 1,
        "backlog": 7,
    }
