"""A service that misbehaves in every way at once: the twin with faults on purpose, and the flow in a real Prefect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.engines import RunningEngine, start_engine
from tests.flowing import endings, put, run
from trayflow.ledger import Ledger
from trayflow.ledger import schema as s

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    # Prefect leaves its event loops' sockets and its database connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DOCUMENTS = 40

FAULTS = """
seed = 11
[submissions]
error = 0.2
cut = 0.05
garbage = 0.1
[status]
error = 0.2
cut = 0.05
garbage = 0.1
[everywhere]
rate_limited = 0.03
retry_after = 1
rate_limit_form = "{form}"
[executions]
failed = {failed}
"""


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAYFLOW_LIMITS__BACKOFF", "0.01")
    monkeypatch.setenv("TRAYFLOW_LIMITS__WRITE_EVERY", "0.05")
    monkeypatch.setenv("TRAYFLOW_POLLING__INTERVAL", "0.05")
    monkeypatch.setenv("TRAYFLOW_POLLING__MINIMUM", "0.02")
    (tmp_path / "inbox").mkdir()
    for number in range(DOCUMENTS):
        put(tmp_path / "inbox", f"{number:02}.pdf")
    return tmp_path / "inbox"


@pytest.fixture
def storm(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEngine]:
    faults = tmp_path / "faults.toml"
    faults.write_text(FAULTS.format(**request.param))
    with start_engine(tmp_path / "twin", simulate=0.05, at_once=20, faults=faults) as engine:
        monkeypatch.setenv("DOCUTRAY_API_KEY", engine.key)
        monkeypatch.setenv("DOCUTRAY_BASE_URL", engine.base_url)
        yield engine


def weather(inbox: Path) -> dict[str, str | None]:
    """Run as often as a user would: as long as documents are left under way. Where each ended."""
    for _ in range(10):
        if run(inbox).in_progress == 0:
            break
    return endings(inbox)


def submissions(inbox: Path) -> list[Any]:
    ledger = Ledger.open(f"sqlite:///{inbox.parent / '.trayflow' / 'ledger.db'}")
    with ledger._database.reading() as connection:
        found = list(connection.execute(select(s.submissions)))
    ledger.close()
    return found


def stats(engine: RunningEngine) -> dict[str, Any]:
    with engine.client() as client:
        counted: dict[str, Any] = client.get("/__stats", params={"intents": "true"}).json()
    return counted


@pytest.mark.parametrize("storm", [{"form": "header", "failed": 0}], indirect=True)
def test_a_storm_holds_what_is_unknown_and_writes_the_rest(inbox: Path, storm: RunningEngine) -> None:
    """500s, cut lines, garbage and 429s: nothing is sent twice, and only what nobody knows waits for a person."""
    ends = Counter(weather(inbox).values())
    unknown = [row for row in submissions(inbox) if row.state == "unknown"]
    assert ends.keys() == {"written", "submission_unknown"}
    assert ends["submission_unknown"] == len(unknown)
    seen = stats(storm)
    assert seen["same_bytes_again"] == 0
    # Each fault that leaves an outcome unknown took the document: sent again, it would have been paid for twice.
    assert all(seen["intents"][row.id] == 1 for row in unknown)
    assert seen["answers"]["429"] > 0


@pytest.mark.parametrize("storm", [{"form": "body", "failed": 0.1}], indirect=True)
def test_a_storm_sends_again_what_may_be_sent_again(
    inbox: Path, storm: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the policy `resubmit` every document gets its answer; each repeated submission was unknown before."""
    monkeypatch.setenv("TRAYFLOW_UNKNOWN__ON_UNKNOWN", "resubmit")
    monkeypatch.setenv("TRAYFLOW_UNKNOWN__RESUBMISSIONS", "10")
    ends = Counter(weather(inbox).values())
    assert ends.keys() <= {"written", "identification_failed", "execution_failed"}
    assert ends["written"] > DOCUMENTS / 2
    superseded = sum(row.state == "superseded" for row in submissions(inbox))
    assert superseded > 0
    assert stats(storm)["same_bytes_again"] == superseded
