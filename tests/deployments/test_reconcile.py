"""`trayflow reconcile`: what is in doubt, and how a person settles it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from fastapi.responses import JSONResponse, Response
from filelock import FileLock

from deployments import lasting, prefect_server
from deployments.cli import main
from tests.deployments.commands import trayflow
from tests.engines import start_engine
from tests.papers import pdf
from tests.scripted import Scripted, account_at, serving
from tests.test_ledger import held
from trayflow.ledger import Ledger, Submission, SubmissionState
from trayflow.models import Ending, Kind, Outcome
from trayflow.reasons import Reason

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Command = Callable[..., CompletedProcess[str]]

RUN = ("run", "inbox", "--to", "tables")


class Remembering(Scripted):
    """A service that tells what was sent along with some of its ids, and knows no others if a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata: dict[str, dict[str, str]] = {}
        self.knows_others = True

    def _tell(self, id_: str, success: dict[str, Any]) -> Response:
        if id_ not in self.metadata:
            unknown = JSONResponse({"message": "Execution not found"}, 404)
            return super()._tell(id_, success) if self.knows_others else unknown
        return JSONResponse({"id": id_, "status": "SUCCESS", "document_metadata": self.metadata[id_], **success})


@pytest.fixture
def service() -> Iterator[Remembering]:
    with serving(Remembering()) as scripted:
        assert isinstance(scripted, Remembering)
        yield scripted


@pytest.fixture
def account(service: Remembering) -> dict[str, str]:
    return account_at(service)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A command in this process, which is quicker than one of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("DOCUTRAY_API_KEY", "DOCUTRAY_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, env: Mapping[str, str] | None = None) -> CompletedProcess[str]:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = main(list(arguments))
        said, complained = capsys.readouterr()
        return CompletedProcess(arguments, code, said, complained)

    return call


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger that the commands of this folder use."""
    opened = Ledger.open(f"sqlite:///{tmp_path / '.trayflow' / 'ledger.db'}")
    yield opened
    opened.close()


def in_doubt(ledger: Ledger, kind: Kind = Kind.EXECUTE) -> Submission:
    """A submission whose answer was cut; its document is in review."""
    (id_,) = held(ledger, "a.pdf")
    submission, _ = ledger.submissions.intend(id_, kind, "run", "extract-invoice" if kind is Kind.EXECUTE else "")
    unknown = ledger.submissions.turn_down(submission.id, SubmissionState.UNKNOWN, message="The line was cut.")
    ledger.end(id_, "run", Ending(Outcome.REVIEW, "cut", Reason.SUBMISSION_UNKNOWN))
    ledger.runs.end("run")
    return unknown


def state(ledger: Ledger, submission: Submission) -> SubmissionState:
    found = ledger.submissions.get(submission.id)
    assert found is not None
    return found.state


def test_nothing_in_doubt_is_said(command: Command) -> None:
    """Exit code 0, for a person and as JSON."""
    done = command("reconcile")
    assert (done.returncode, done.stdout) == (0, "No submission is in doubt.\n"), done.stderr
    assert json.loads(command("reconcile", "--json").stdout) == {"in_doubt": []}


def test_what_is_in_doubt_is_shown_with_what_is_known(command: Command, ledger: Ledger) -> None:
    """Document, question, intent, when and how its POST ended, what the next run does, and what can be done."""
    submission = in_doubt(ledger)
    done = command("reconcile")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:9] == [
        "1 submission may have been accepted, and nobody saw it:",
        "",
        "file:///inbox/a.pdf",
        "  asked for  execution, step extract-invoice",
        f"  intent     {submission.id}",
        f"  sent       {submission.intended_at:%Y-%m-%d %H:%M:%S} UTC",
        "  its POST   The line was cut.",
        "  document   review (submission_unknown)",
        "  next run   leaves the document where it is",
    ]
    assert "trayflow reconcile --never-arrived INTENT" in done.stdout
    (doubt,) = json.loads(command("reconcile", "--json").stdout)["in_doubt"]
    assert (doubt["key"], doubt["kind"], doubt["intent"]) == ("a.pdf", "execute", submission.id)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({}, "does not send it again: the document goes to review (unknown.on_unknown is hold)"),
        (
            {"ON_UNKNOWN": "resubmit"},
            "sends it anew, and it is perhaps paid for twice (unknown.on_unknown is resubmit)",
        ),
        ({"ON_UNKNOWN": "resubmit", "RESUBMISSIONS": "1"}, "sent 2 times"),
    ],
)
def test_the_policy_is_told(command: Command, ledger: Ledger, policy: dict[str, str], says: str) -> None:
    """For a document that is under way: what the next run does with its submission."""
    (id_,) = held(ledger, "a.pdf")
    submission, _ = ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
    ledger.submissions.turn_down(submission.id, SubmissionState.UNKNOWN)
    if "RESUBMISSIONS" in policy:
        ledger.submissions.supersede(submission.id)
        ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
    ledger.runs.end("run")
    env = {f"TRAYFLOW_UNKNOWN__{name}": value for name, value in policy.items()}
    (doubt,) = json.loads(command("reconcile", "--json", env=env).stdout)["in_doubt"]
    assert says in doubt["next_run"]
    assert doubt["outcome"] is None


def test_an_id_settles_a_cut_submission(
    command: Command, inbox: Path, tmp_path: Path, ledger: Ledger, env: dict[str, str], service: Remembering
) -> None:
    """The next run writes the row, and submits nothing."""
    for name in ("b.pdf", "c.pdf"):
        (inbox / name).unlink()
    service.execute.append("cut")
    assert json.loads(trayflow(*RUN, "--json", cwd=tmp_path, env=env).stdout)["review"] == 1
    service.metadata["vendors-id"] = {"trayflow_intent": service.accepted[-1][1]}
    done = command("reconcile", "--id", "vendors-id", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "vendors-id: Settled: it was accepted, as the execution of a.pdf. "
        "The document is under way: the next `trayflow run` carries on.\n"
    )
    assert "Known already" in command("reconcile", "--id", "vendors-id", env=env).stdout
    summary = json.loads(trayflow(*RUN, "--json", cwd=tmp_path, env=env).stdout)
    assert (summary["written"], summary["submissions"]) == (1, {"identify": 0, "execute": 0})
    assert len(service.accepted) == 2
    assert json.loads(command("reconcile", "--json", env=env).stdout) == {"in_doubt": []}


def test_a_foreign_id_is_refused(
    command: Command, ledger: Ledger, account: dict[str, str], service: Remembering
) -> None:
    """No intent, another ledger's, one that was given up, or nothing the service knows: said, and exit code 1."""
    given_up = in_doubt(ledger, Kind.IDENTIFY)
    ledger.submissions.supersede(given_up.id)
    service.knows_others = False
    service.metadata |= {"no": {"mine": "yes"}, "other": {"trayflow_intent": "00"}}
    service.metadata["old"] = {"trayflow_intent": given_up.id}
    ids = ("no", "other", "old", "unknown")
    done = command("reconcile", *(word for id_ in ids for word in ("--id", id_)), env=account)
    assert (done.returncode, done.stdout) == (1, "")
    for line, says in zip(
        done.stderr.splitlines(),
        ("no: It carries no intent", "other: Its intent is none", "old: Its submission was given up", "unknown: The"),
        strict=True,
    ):
        assert line.startswith(says)
    assert state(ledger, given_up) is SubmissionState.SUPERSEDED


def test_an_id_settles_only_what_is_in_doubt(
    command: Command, ledger: Ledger, account: dict[str, str], service: Remembering
) -> None:
    """A second id for an accepted submission is refused; each id is settled by itself."""
    submission = in_doubt(ledger)
    service.metadata |= {"one": {"trayflow_intent": submission.id}, "two": {"trayflow_intent": submission.id}}
    done = command("reconcile", "--id", "one", "--id", "two", "--json", env=account)
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"]) == (1, False)
    assert [one["ok"] for one in told["settled"]] == [True, False]
    assert told["settled"][1]["message"] == "Its submission is not in doubt: it is accepted under the id one."


def test_what_never_arrived_is_sent_again(
    command: Command, inbox: Path, tmp_path: Path, ledger: Ledger, env: dict[str, str], service: Remembering
) -> None:
    """A person saw that the service has it not: the next run sends the same intent, and the row is written."""
    for name in ("b.pdf", "c.pdf"):
        (inbox / name).unlink()
    service.identify.append("cut")
    trayflow(*RUN, cwd=tmp_path, env=env)
    (doubt,) = ledger.submissions.in_doubt()
    done = command("reconcile", "--never-arrived", doubt.submission.id)
    assert done.returncode == 0, done.stderr
    assert "the identification of a.pdf will be sent again" in done.stdout
    assert json.loads(trayflow(*RUN, "--json", cwd=tmp_path, env=env).stdout)["written"] == 1
    assert [intent for kind, intent in service.intents if kind == "identify"] == [doubt.submission.id] * 2


def test_what_is_not_in_doubt_cannot_have_been_lost(command: Command, ledger: Ledger) -> None:
    """An accepted one, one that no ledger knows, one that a run works on: exit code 1, and nothing changed."""
    accepted = in_doubt(ledger)
    ledger.submissions.hear(accepted.id, "remote", ended=False)
    (id_,) = held(ledger, "b.pdf", by="another")
    sending, _ = ledger.submissions.intend(id_, Kind.IDENTIFY, "another")
    intents = (accepted.id, "00", sending.id)
    done = command("reconcile", *(word for one in intents for word in ("--never-arrived", one)))
    assert (done.returncode, done.stdout) == (1, "")
    first, second, third = done.stderr.splitlines()
    assert first.endswith("It is not in doubt: it is accepted under the id remote.")
    assert second == "00: There is no such intent in this ledger."
    assert third.endswith("A run works on its document now: once that has ended, try again.")
    assert state(ledger, sending) is SubmissionState.INTENDED


def test_without_a_service_an_id_cannot_be_asked_for(command: Command, ledger: Ledger) -> None:
    """Neither a key nor `trayflow up`: exit code 2, with what to do."""
    done = command("reconcile", "--id", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert "DOCUTRAY_API_KEY" in done.stderr
    assert "trayflow up" in done.stderr


def test_a_refused_key_is_one_line(command: Command, account: dict[str, str], service: Remembering) -> None:
    """It concerns every id: exit code 1."""
    done = command("reconcile", "--id", "x", "--id", "y", env=account | {"DOCUTRAY_API_KEY": "wrong"})
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "key" in done.stderr


def test_the_engine_that_up_keeps_is_asked(tmp_path: Path, ledger: Ledger) -> None:
    """Without a key, the embedded engine of `trayflow up` knows the id, identification or execution."""
    submission = in_doubt(ledger, Kind.IDENTIFY)
    home = tmp_path / ".trayflow"
    with start_engine(tmp_path / "engine") as engine, FileLock(prefect_server.lock_file(home)):
        up = lasting.Up(
            api_url=engine.base_url, ui_url="http://127.0.0.1", engine_url=engine.base_url, engine_key=engine.key
        )
        up.publish(home)
        job = engine.submit(pdf(), document_metadata={"trayflow_intent": submission.id})
        done = trayflow("reconcile", "--id", job, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "as the identification of a.pdf" in done.stdout
    found = ledger.submissions.get(submission.id)
    assert found is not None
    assert (found.state, found.remote_id) == (SubmissionState.ACCEPTED, job)
