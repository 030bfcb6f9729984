"""Runs that bring their own Prefect server and engine, and what `trayflow up` keeps for them."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from deployments import embedded, lasting, prefect_server
from deployments.children import free_port, is_locked
from tests.deployments.commands import ROOT, environment, eventually, started, trayflow
from tests.papers import pdf

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes whose environment names something in this folder, ours or their children."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def is_all_gone(folder: Path) -> bool:
    home = folder / ".trayflow"
    return not (is_locked(prefect_server.lock_file(home)) or is_locked(embedded.lock_file(home)))


def test_a_server_of_its_own_ends_when_all_is_recorded(inbox: Path, account: dict[str, str]) -> None:
    """Without PREFECT_API_URL: nothing is lost that the run's own server was told, and nothing goes on running."""
    done = trayflow("run", "inbox", "--to", "tables", "--json", cwd=inbox.parent, env=account)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(inbox.parent / ".trayflow" / "prefect.db") as database:
        task_runs = database.execute("SELECT state_type, count(*) FROM task_run GROUP BY 1").fetchall()
        flow_runs = database.execute("SELECT name, state_type FROM flow_run").fetchall()
        finished = database.execute(
            "SELECT count(*) FROM log WHERE task_run_id IS NULL AND message LIKE 'Finished in%'"
        )
        assert finished.fetchone()[0] == 1
    ((state, count),) = task_runs
    assert state == "COMPLETED"
    # Three a document, one look at the source, and one to three writes.
    assert 3 * 3 + 1 < count <= 3 * 3 + 1 + 3
    ((name, state),) = flow_runs
    assert name.startswith(f"ingest {inbox.parent.name}/inbox 20")
    assert state == "COMPLETED"
    assert is_all_gone(inbox.parent)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_a_killed_run_leaves_nothing_behind(inbox: Path) -> None:
    """SIGKILL of `trayflow run` ends its engine and its server as well, and their processes."""
    home = inbox.parent / ".trayflow"
    marked = {"TRAYFLOW_HOME": str(home)}
    with started("run", "inbox", "--to", "tables", cwd=inbox.parent, env=marked) as process:
        eventually(lambda: (home / "engine" / "address").is_file() and (home / "prefect.db").is_file())
        assert len(processes_of(inbox.parent)) > 4
        process.send_signal(signal.SIGKILL)
        process.wait()
        eventually(lambda: not processes_of(inbox.parent), 30)
    assert is_all_gone(inbox.parent)


def test_up_keeps_what_runs_need(tmp_path: Path) -> None:
    """A run uses its server and engine, its worker runs the deployment, and SIGTERM ends all of it."""
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "invoice.pdf").write_bytes(pdf())
    with started("up", "--port", str(free_port()), cwd=tmp_path) as process:
        eventually(lambda: process.poll() is not None or "Ctrl-C" in (tmp_path / "out").read_text())
        up = lasting.find_up(tmp_path / ".trayflow")
        assert up is not None, (tmp_path / "err").read_text()
        prefect = [
            str(Path(sys.executable).with_name("prefect")),
            "deployment",
            "run",
            "ingest/ingest-scheduled",
            "--watch",
        ]
        env = environment({"PREFECT_API_URL": up.api_url})
        deployed = subprocess.run(prefect, env=env, capture_output=True, text=True, check=False, timeout=180)
        assert "finished successfully" in deployed.stdout, deployed.stdout + deployed.stderr
        assert len((tmp_path / "tables" / "invoice.csv").read_text().splitlines()) == 2

        done = trayflow("run", "samples", "--to", "tables", cwd=tmp_path)
        assert "Nothing to do: 1 document unchanged." in done.stdout, done.stderr
        assert f"Flow run: {up.ui_url}/runs/flow-run/" in done.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert is_all_gone(tmp_path)
    assert lasting.find_up(tmp_path / ".trayflow") is None
    assert json.loads(trayflow("status", "--json", cwd=tmp_path).stdout)["written"] == 1
