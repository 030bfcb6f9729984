"""`trayflow watch` as a user starts it, and as systems end it."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.deployments.commands import eventually, started, trayflow
from tests.papers import pdf
from tests.scripted import Scripted


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """Batches are due at once, and a run that was killed is known to be dead soon."""
    return {**env, "TRAYFLOW_WATCH__SECONDS": "0.1", "TRAYFLOW_LIMITS__LEASE": "2", "TRAYFLOW_WATCH__RESCAN": "1"}


def rows(folder: Path) -> list[str]:
    """The documents in the table, by name."""
    table = folder / "tables" / "invoice.csv"
    lines = table.read_text().splitlines()[1:] if table.is_file() else []
    return sorted(line.split(",")[1].rpartition("/")[2] for line in lines)


def known_ids(folder: Path) -> list[str]:
    """The submissions' ids that the ledger has by now."""
    file = folder / ".trayflow" / "ledger.db"
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as ledger:
        return [id_ for (id_,) in ledger.execute("SELECT remote_id FROM submissions WHERE remote_id IS NOT NULL")]
    return []


def test_it_is_ended_by_sigterm(inbox: Path, env: dict[str, str], service: Scripted) -> None:
    """What is there and what arrives becomes rows; then the batch under way comes home, and the exit code is 0."""
    folder = inbox.parent
    with started("watch", "inbox", "--to", "tables", cwd=folder, env=env) as process:
        eventually(lambda: rows(folder) == ["a.pdf", "b.pdf", "c.pdf"])
        service.hold.clear()
        (inbox / "d.pdf").write_bytes(pdf(("d",)))
        eventually(lambda: len(service.intents) == 7)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        eventually(lambda: "Stopping" in (folder / "err").read_text())
        service.hold.set()
        assert process.wait(60) == 0
        assert time.monotonic() - began < 30  # what the README promises to whoever sends SIGKILL after that
    assert rows(folder) == ["a.pdf", "b.pdf", "c.pdf", "d.pdf"]
    assert "Ended." in (folder / "err").read_text()


def test_what_a_killed_watch_leaves_is_taken_up(inbox: Path, env: dict[str, str], service: Scripted) -> None:
    """After SIGKILL in the middle of a batch, the next watch brings every document home, each once."""
    folder = inbox.parent
    service.polls.extend(["PROCESSING"] * 10_000)
    with started("watch", "inbox", "--to", "tables", cwd=folder, env=env) as process:
        eventually(lambda: len(known_ids(folder)) == 3)
        process.kill()
        process.wait()
    service.polls.clear()
    (inbox / "d.pdf").write_bytes(pdf(("d",)))
    with started("watch", "inbox", "--to", "tables", cwd=folder, env=env):
        eventually(lambda: rows(folder) == ["a.pdf", "b.pdf", "c.pdf", "d.pdf"])
    assert [kind for kind, _ in service.accepted].count("identify") == 4


def test_a_wrong_setting_ends_it_at_once(inbox: Path, env: dict[str, str], service: Scripted) -> None:
    """With exit code 2, before anything is submitted: here, a queue for a folder."""
    queue = "http://127.0.0.1:9/1/queue"
    done = trayflow("watch", "inbox", "--to", "tables", "--queue", queue, cwd=inbox.parent, env=env)
    assert done.returncode == 2, done.stderr
    assert "a folder without watch.queue" in done.stderr
    assert service.accepted == []
