"""`trayflow retry`, and the run after it: what is sent again, what is not, and what a person is asked first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments import retry
from deployments.cli import main
from flows.ingest import ingest
from tests.deployments.commands import trayflow
from tests.papers import pdf
from tests.scripted import Scripted
from trayflow.errors import SettingsError
from trayflow.ledger import Ledger
from trayflow.progress import Summary

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    # Prefect leaves its event loops' sockets and its database connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: dict[str, str]) -> Path:
    """A working directory with one document in `inbox`, and a service at hand."""
    monkeypatch.chdir(tmp_path)
    for name, value in account.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.pdf").write_bytes(pdf(("a",)))
    return tmp_path


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """A command in this process: its exit code, and what it said on standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        return code, *capsys.readouterr()

    return call


def run(folder: Path) -> Summary:
    return asyncio.run(ingest(str(folder / "inbox"), str(folder / "tables")))


def kinds(service: Scripted) -> list[str]:
    return [kind for kind, _ in service.intents]


def outcomes(folder: Path) -> dict[str, int]:
    ledger = Ledger.open(f"sqlite:///{folder / '.trayflow' / 'ledger.db'}")
    try:
        return ledger.counts()
    finally:
        ledger.close()


def test_what_was_rejected_is_sent_again(folder: Path, service: Scripted, command: Command) -> None:
    """It was never accepted: the same intent goes out once more, and the document is written."""
    service.identify.append((400, {"message": "Validation error"}))
    assert run(folder).quarantined == 1
    code, said, _ = command("retry", "--reason", "rejected")
    assert code == 0
    assert said.splitlines() == [
        "1 document put back:",
        "  rejected                     1",
        "Nothing that was paid for is submitted anew.",
        "The next `trayflow run` takes them up.",
    ]
    assert run(folder).written == 1
    assert kinds(service) == ["identify", "identify", "execute"]
    assert len(set(service.intents)) == 2


def test_new_routing_is_applied_to_the_old_identification(
    folder: Path, service: Scripted, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sure enough under the new minimum, the document is executed; it is not identified again."""
    service.confidence = 0.6
    assert run(folder).review == 1
    assert command("retry", "--reason", "low_confidence", "--type", "invoice", "--key", "*.pdf")[0] == 0
    monkeypatch.setenv("TRAYFLOW_ROUTING__MINIMUM_CONFIDENCE", "0.5")
    summary = run(folder)
    assert (summary.written, summary.submissions.model_dump()) == (1, {"identify": 0, "execute": 1})


def test_again_pays_for_the_execution_that_failed_alone(folder: Path, service: Scripted, command: Command) -> None:
    """The cost is said; the next run submits one execution and no identification."""
    service.polls.append((200, {"status": "SUCCESS", "document_type": {"code": "invoice", "confidence": 0.9}}))
    service.failure = {"code": "EXTRACTION_FAILED", "message": "unreadable"}
    assert run(folder).quarantined == 1
    code, said, _ = command("retry", "--reason", "execution_failed", "--again", "--yes")
    assert code == 0
    assert "1 submission will be made anew, and charged for: 1 execution." in said
    service.failure = None
    summary = run(folder)
    assert (summary.written, summary.submissions.model_dump()) == (1, {"identify": 0, "execute": 1})
    assert len(set(service.accepted)) == 3


def test_without_again_the_old_answer_counts(folder: Path, service: Scripted, command: Command) -> None:
    """An execution that failed was paid for: it fails the document again, and nothing is submitted."""
    service.polls.append((200, {"status": "SUCCESS", "document_type": {"code": "invoice", "confidence": 0.9}}))
    service.failure = {"code": "EXTRACTION_FAILED", "message": "unreadable"}
    run(folder)
    command("retry", "--all")
    service.failure = None
    summary = run(folder)
    assert (summary.quarantined, summary.submissions.model_dump()) == (1, {"identify": 0, "execute": 0})


def test_again_makes_a_second_attempt_of_an_unknown_submission(
    folder: Path, service: Scripted, command: Command
) -> None:
    """With an intent of its own; without `--again` the policy holds it as before."""
    service.execute.append("cut")
    assert run(folder).review == 1
    command("retry", "--reason", "submission_unknown")
    assert run(folder).review == 1
    assert command("retry", "--reason", "submission_unknown", "--again", "--yes")[0] == 0
    assert run(folder).written == 1
    assert kinds(service) == ["identify", "execute", "execute"]
    assert len(set(service.intents)) == 3


def test_an_answer_that_did_not_come_is_asked_for_again(
    folder: Path, service: Scripted, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the id that the ledger kept, without another submission."""
    service.polls.append("PROCESSING")
    monkeypatch.setenv("TRAYFLOW_POLLING__GIVE_UP", "0.001")
    assert run(folder).review == 1
    assert command("retry", "--reason", "no_answer")[0] == 0
    assert run(folder).written == 1
    assert kinds(service) == ["identify", "execute"]


def test_a_dry_run_shows_and_changes_nothing(folder: Path, service: Scripted, command: Command) -> None:
    """With what it would cost; as JSON the same figures, without a question."""
    service.type_code = "other"
    run(folder)
    code, said, _ = command("retry", "--all", "--again", "--dry-run")
    assert code == 0
    assert said.splitlines() == [
        "1 document would be put back:",
        "  other_type                   1",
        "1 submission will be made anew, and charged for: 1 identification. "
        "Up to 1 execution may follow for the first time.",
        "Nothing was changed.",
    ]
    assert json.loads(command("retry", "--all", "--again", "--dry-run", "--json")[1]) == {
        "documents": 1,
        "reasons": {"other_type": 1},
        "anew": {"identify": 1, "execute": 0},
        "first": {"identify": 0, "execute": 1},
        "dry_run": True,
    }
    assert outcomes(folder) == {"review": 1}


def test_nobody_pays_again_unasked(folder: Path, service: Scripted, command: Command) -> None:
    """Without a terminal and without --yes: exit code 2, one line that says the cost, and nothing changed."""
    service.type_code = "other"
    run(folder)
    done = trayflow("retry", "--all", "--again", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "1 identification" in line
    assert "--yes" in line
    assert outcomes(folder) == {"review": 1}
    assert trayflow("retry", "--all", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("answer", "code", "left"), [("y\n", 0, "in_progress"), ("\n", 1, "review"), ("", 1, "review")]
)
def test_a_person_at_the_terminal_is_asked(
    folder: Path,
    service: Scripted,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    left: str,
) -> None:
    """Yes goes on; anything else, an empty line or the end of the input changes nothing."""
    service.type_code = "other"
    run(folder)
    asked: list[str] = []

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

        def write(self, text: str) -> None:
            asked.append(text)

        def flush(self) -> None:
            pass

    terminal: Any = Terminal()
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    assert command("retry", "--all", "--again")[0] == code
    assert asked[0].endswith("Go on? [y/N] ")
    assert "1 identification" in asked[0]
    assert outcomes(folder) == {left: 1}


def test_nothing_that_fits_is_no_mistake(folder: Path, service: Scripted, command: Command) -> None:
    """Said, with exit code 0; a written document is never put back, not even by `--all --again`."""
    run(folder)
    code, said, _ = command("retry", "--all", "--again")
    assert (code, said) == (0, "No document in review or quarantine fits: nothing to put back.\n")
    assert outcomes(folder) == {"written": 1}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--reason CODE, --type TYPE, --key GLOB, or --all"),
        (["--again", "--yes"], "--reason CODE, --type TYPE, --key GLOB, or --all"),
        (["--all", "--reason", "rejected"], "stands alone"),
        (["--reason", "low_confidance"], "Did you mean `low_confidence`?"),
        (["--reason", "xyz"], "Known: empty_file, "),
        (["--nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_exit_code_2(command: Command, arguments: list[str], says: str) -> None:
    """And says what would be right."""
    code, said, complained = command("retry", *arguments)
    assert (code, said) == (2, "")
    assert says in complained


def test_many_are_counted_in_plain_words() -> None:
    """The cost of a large retry reads as a sentence."""
    retried = retry.Retried(
        documents=1500,
        reasons={"other_type": 1500},
        anew=retry.Count(identify=1200, execute=300),
        first=retry.Count(execute=1200),
        dry_run=True,
    )
    assert retry.cost(retried) == (
        "1,500 submissions will be made anew, and charged for: 1,200 identifications, 300 executions. "
        "Up to 1,200 executions may follow for the first time."
    )
    with pytest.raises(SettingsError, match="1,200 identifications"):
        retry.ask(retry.cost(retried))
