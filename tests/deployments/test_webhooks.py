"""`trayflow webhooks`: what it answers, what it records, and the runs whose waits it ends."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from fastapi import Request
from fastapi.responses import Response

from deployments.webhooks import BODIES, BODY_SECONDS, LARGEST, ROOM, News, Receiver, Recorder
from tests.deployments.commands import PATIENCE, eventually, started, trayflow
from tests.papers import pdf
from tests.scripted import Scripted, account_at, serving
from trayflow.errors import LedgerError
from trayflow.ledger import Ledger, Submission, SubmissionState
from trayflow.models import Found, Kind

pytestmark = [
    # The scripted service leaves the files of its forms to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SECRET = "whsec-of-the-tests"
RUN = ("run", "inbox", "--to", "tables")

#: One for all: to make one takes longer than to use it.
CLIENT = httpx.Client(trust_env=False, timeout=30)


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Docutray-Signature": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


def event(kind: Kind, remote_id: str, status: str, intent: str | None = None, **more: Any) -> bytes:
    """As the service sends it, with fields of a document in it."""
    name = "identification_id" if kind is Kind.IDENTIFY else "step_execution_id"
    metadata = {"document_metadata": {"trayflow_intent": intent}} if intent else {}
    return json.dumps({name: remote_id, "status": status, **metadata, "data": {"iban": "DE89"}, **more}).encode()


@dataclass(frozen=True)
class Address:
    """Where a receiver listens."""

    url: str

    def post(self, body: bytes, name: str = "STEP_COMPLETED", headers: Mapping[str, str] | None = None) -> int:
        """Send an event as the service does; the status of the answer."""
        return self.answer(body, name, headers).status_code

    def answer(
        self, body: bytes, name: str = "STEP_COMPLETED", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        sent = {"X-Docutray-Event": name, **(signed(body) if headers is None else headers)}
        return CLIENT.post(self.url, content=body, headers=sent)

    @contextmanager
    def begun(self, headers: Mapping[str, str]) -> Iterator[http.client.HTTPConnection]:
        """A POST whose body is still to come."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.putrequest("POST", parts.path)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def receiving(
    ledger: Ledger, *, room: int = ROOM, body_seconds: float = BODY_SECONDS, recording: bool = True
) -> Iterator[Address]:
    """A receiver in this process."""
    recorder = Recorder(ledger, room, delays=(0.01,))
    app = Receiver(ledger, recorder, SECRET.encode(), body_seconds).app()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    if recording:
        recorder.start()
    try:
        yield Address(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/webhooks")
    finally:
        server.should_exit = True
        thread.join()
        if recording:
            assert recorder.close(30) == 0


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger on SQLite, for what does not depend on the database."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.close()


def submitted(ledger: Ledger, count: int = 1) -> list[Submission]:
    """So many executions that the service has accepted, as `x0` and so on."""
    page = ledger.discover("file:///inbox", [Found(f"{n}.pdf", "v1", 1) for n in range(count)], "file:///tables")
    ledger.runs.start("run", 600)
    made = []
    for number, document in enumerate(page.documents):
        assert ledger.runs.claim(document.id, "run")
        submission, _ = ledger.submissions.intend(document.id, Kind.EXECUTE, "run", "step")
        made.append(ledger.submissions.accept(submission, f"x{number}"))
    return made


def told(ledger: Ledger, *submissions: Submission) -> bool:
    return ledger.submissions.told([one.id for one in submissions]) == {one.id for one in submissions}


# --- what it answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/webhooks"])
def test_an_event_is_accepted_and_recorded(ledger: Ledger, path: str) -> None:
    """By the service's id alone, on either path."""
    (submission,) = submitted(ledger)
    with receiving(ledger) as there:
        there = Address(there.url.replace("/webhooks", path))
        assert there.post(event(Kind.EXECUTE, "x0", "completed")) == 202
        eventually(lambda: told(ledger, submission), 30)


def test_what_has_begun_has_not_ended(files: Ledger) -> None:
    """A STARTED event is recorded as well: an unknown submission gets its id, and nobody's wait ends."""
    (submission,) = submitted(files)
    (other,) = (files.submissions.intend(submission.document_id, Kind.IDENTIFY, "run")[0],)
    files.submissions.turn_down(other.id, SubmissionState.UNKNOWN)
    with receiving(files) as there:
        body = event(Kind.IDENTIFY, "i0", "PROCESSING", other.id)
        assert there.post(body, "IDENTIFICATION_STARTED") == 202
    now = files.submissions.get(other.id)
    assert now is not None
    assert (now.state, now.remote_id) == (SubmissionState.ACCEPTED, "i0")
    assert not told(files, other)


def test_replays_and_disorder_do_no_harm(ledger: Ledger) -> None:
    """The end first and the beginning after it, a hundred times over: all accepted, nothing changed."""
    (submission,) = submitted(ledger)
    with receiving(ledger) as there:
        for _ in range(100):
            assert there.post(event(Kind.EXECUTE, "x0", "completed", submission.id)) == 202
            assert there.post(event(Kind.EXECUTE, "x0", "PROCESSING", submission.id), "STEP_STARTED") == 202
    assert told(ledger, submission)
    assert ledger.submissions.get(submission.id) == submission


BODY = event(Kind.EXECUTE, "x0", "completed")
DIGEST = signed(BODY)["X-Docutray-Signature"].removeprefix("sha256=")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Docutray-Signature": ""},
        {"X-Docutray-Signature": DIGEST},
        {"X-Docutray-Signature": f"sha512={DIGEST}"},
        {"X-Docutray-Signature": f"sha1={hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()}"},
        signed(BODY, "another secret"),
        signed(BODY + b" "),
    ],
)
def test_what_is_not_signed_is_refused(files: Ledger, headers: dict[str, str]) -> None:
    """401, and nothing is recorded."""
    (submission,) = submitted(files)
    with receiving(files) as there:
        assert there.post(BODY, headers=headers) == 401
    assert not told(files, submission)


def test_the_signature_comes_before_the_body_is_understood(files: Ledger) -> None:
    """A stranger does not learn whether a body could be read; without a signature it is not even awaited."""
    with receiving(files) as there:
        assert there.post(b"no JSON", headers=signed(b"another")) == 401
        with there.begun({"content-length": "1000"}) as connection:
            assert connection.getresponse().status == 401


@pytest.mark.parametrize("body", [b"", b"text", b"[]", b"null", b"{}", b'{"status": "completed"}'])
def test_what_is_no_event_is_refused(files: Ledger, body: bytes) -> None:
    """No JSON, no object, no id: 400."""
    with receiving(files) as there:
        assert there.post(body) == 400


def test_unknown_executions_are_not_found(files: Ledger) -> None:
    """Neither the intent nor the id is in the ledger: 404."""
    submitted(files)
    with receiving(files) as there:
        assert there.post(event(Kind.EXECUTE, "unheard", "completed")) == 404
        assert there.post(event(Kind.EXECUTE, "unheard", "completed", "0" * 32)) == 404


def test_another_execution_of_a_known_submission_is_left_alone(files: Ledger) -> None:
    """200, since the service need not send it again: the id that is recorded stays, and its wait goes on."""
    (submission,) = submitted(files)
    with receiving(files) as there:
        assert there.post(event(Kind.EXECUTE, "y", "completed", submission.id)) == 200
    assert not told(files, submission)
    assert files.submissions.get(submission.id) == submission


def test_other_methods_and_paths(files: Ledger) -> None:
    """POST only, and one question whether it is well."""
    with receiving(files) as there:
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert CLIENT.request(method, there.url).status_code == 405
        root = there.url.removesuffix("/webhooks")
        assert CLIENT.get(f"{root}/health").json() == {"status": "ok"}
        assert CLIENT.post(f"{root}/health").status_code == 405
        assert CLIENT.post(f"{root}/elsewhere").status_code == 404


def test_a_large_body_is_not_awaited(files: Ledger) -> None:
    """Where its length is declared, the answer comes before its first byte."""
    with receiving(files) as there, there.begun({**signed(b""), "content-length": str(LARGEST + 1)}) as connection:
        assert connection.getresponse().status == 413


def test_a_body_of_unknown_length_is_read_up_to_the_limit(files: Ledger) -> None:
    """Where it comes in chunks, the answer comes with the first byte too many, and the line is closed."""
    with (
        receiving(files) as there,
        there.begun({**signed(b""), "transfer-encoding": "chunked"}) as connection,
    ):
        connection.send(b"%x\r\n%b\r\n" % (LARGEST + 1, bytes(LARGEST + 1)))
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("connection")) == (413, "close")


def test_a_body_may_be_as_large_as_the_limit(files: Ledger) -> None:
    """A megabyte is read: it is only no JSON."""
    with receiving(files) as there:
        assert there.post(bytes(LARGEST)) == 400


def test_a_slow_sender_is_not_awaited_for_ever(files: Ledger) -> None:
    """408 when the body is not there in time; others are answered meanwhile."""
    submitted(files)
    with (
        receiving(files, body_seconds=0.5) as there,
        there.begun({**signed(b""), "content-length": "1000"}) as connection,
    ):
        connection.send(b"{")
        assert there.post(event(Kind.EXECUTE, "x0", "completed")) == 202
        assert connection.getresponse().status == 408


def test_strangers_take_no_more_than_so_much_memory(files: Ledger) -> None:
    """So many bodies may be arriving at once; the next one is told to come again."""
    submitted(files)
    with receiving(files) as there, ExitStack() as stack:
        for _ in range(BODIES):
            slow = stack.enter_context(there.begun({**signed(b""), "content-length": "9", "expect": "100-continue"}))
            assert slow.sock.recv(100).startswith(b"HTTP/1.1 100")  # it is being read
        answer = there.answer(event(Kind.EXECUTE, "x0", "completed"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_events_that_find_no_room_are_to_come_again(files: Ledger) -> None:
    """503 with Retry-After, when as many wait as may."""
    submitted(files)
    with receiving(files, room=1, recording=False) as there:
        assert there.post(event(Kind.EXECUTE, "x0", "completed")) == 202
        answer = there.answer(event(Kind.EXECUTE, "x0", "completed"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


# --- what it records -----------------------------------------------------------------------------------------------


def script(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, method: str, *errors: Exception) -> None:
    """Let a method of the submissions fail like that, and then work."""
    works, left = getattr(ledger.submissions, method), deque(errors)

    def scripted(*arguments: Any, **named: Any) -> Any:
        if left:
            raise left.popleft()
        return works(*arguments, **named)

    monkeypatch.setattr(ledger.submissions, method, scripted)


def test_a_ledger_that_cannot_be_asked_is_said_so(files: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """503: the event is welcome again. What is wrong is for the log alone."""
    submitted(files)
    script(files, monkeypatch, "named", LedgerError("The ledger cannot be used: gone."))
    with receiving(files) as there:
        answer = there.answer(BODY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert "gone" not in answer.text
        assert there.post(BODY) == 202


def test_what_was_accepted_is_recorded_in_the_end(files: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that cannot be written is tried again, and what came after waits its turn."""
    submissions = submitted(files, 2)
    script(files, monkeypatch, "hear", *[LedgerError("The ledger cannot be used: locked.")] * 3)
    with receiving(files) as there:
        for number in range(2):
            assert there.post(event(Kind.EXECUTE, f"x{number}", "completed")) == 202
        eventually(lambda: told(files, *submissions), 30)


def test_a_fault_of_ours_stops_no_other_event(files: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event that met it is lost to polling; the next one is recorded."""
    first, second = submitted(files, 2)
    script(files, monkeypatch, "hear", ZeroDivisionError())
    with receiving(files) as there:
        for number in range(2):
            assert there.post(event(Kind.EXECUTE, f"x{number}", "completed")) == 202
    assert told(files, second)
    assert not told(files, first)


def test_the_end_waits_for_a_ledger_no_longer_than_it_may(files: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is not recorded is told."""
    (submission,) = submitted(files)
    answering = threading.Event()
    monkeypatch.setattr(files.submissions, "hear", lambda *_, **__: answering.wait(60))
    recorder = Recorder(files)
    for _ in range(3):
        assert recorder.take(News(submission.id, "x0", True, ""))
    recorder.start()
    assert recorder.close(0.1) == 3
    answering.set()


def test_a_line_an_event_without_what_is_in_it(files: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """The submission's id and what was heard; of refused ones the reason; no fields, no secret, no unsigned words."""
    (submission,) = submitted(files)
    with caplog.at_level(logging.INFO, "deployments.webhooks"), receiving(files) as there:
        there.post(event(Kind.EXECUTE, "x0", "failed", document_metadata="DE89", error="DE89"), "STEP_FAILED")
        there.post(event(Kind.EXECUTE, "x0", "PROCESSING"), "DE89")
        there.post(event(Kind.EXECUTE, "y", "completed", submission.id))
        there.post(b'{"iban": "DE89"}')
        there.post(b"DE89", headers={"X-Docutray-Signature": SECRET})
    lines = [(record.levelname, record.message) for record in caplog.records if record.name == "deployments.webhooks"]
    assert sorted(lines) == [
        ("INFO", f"An event: submission {submission.id} is under way"),
        ("INFO", f"STEP_FAILED: submission {submission.id} has ended"),
        ("WARNING", f"Ignored: another execution than that of submission {submission.id}"),
        ("WARNING", "Refused with 400: it holds no id"),
        ("WARNING", "Refused with 401: there is no signature sha256=… in the header"),
    ]


# --- the command ---------------------------------------------------------------------------------------------------


@contextmanager
def webhooks(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Address]]:
    """The command over the default ledger of `folder`, in a process of its own."""
    beside = folder / "receiver"
    beside.mkdir()
    ledger = f"sqlite:///{folder / '.trayflow' / 'ledger.db'}"
    command = ("webhooks", "--port", "0", "--ledger", ledger)
    with started(*command, cwd=beside, env={"DOCUTRAY_WEBHOOK_SECRET": SECRET}) as process:
        eventually(lambda: process.poll() is not None or "Ctrl-C" in (beside / "out").read_text())
        first = (beside / "out").read_text().split("\n")[0]
        assert first.startswith("Listening on http://127.0.0.1:"), (beside / "err").read_text()
        yield process, Address(first.removeprefix("Listening on "))


def test_help_has_examples(tmp_path: Path) -> None:
    """With the variable that holds the secret."""
    done = trayflow("webhooks", "--help", cwd=tmp_path)
    assert "DOCUTRAY_WEBHOOK_SECRET=… trayflow webhooks --port" in done.stdout.split("Example")[1]


@pytest.mark.parametrize(
    ("secret", "settings", "says"),
    [
        (None, "", "Set DOCUTRAY_WEBHOOK_SECRET"),
        (" ", "", "Set DOCUTRAY_WEBHOOK_SECRET"),
        (None, f"[webhooks]\nsecret = '{SECRET}'\n", "Unknown setting `webhooks.secret`"),
    ],
)
def test_a_secret_is_wanted_and_from_the_environment_alone(
    tmp_path: Path, secret: str | None, settings: str, says: str
) -> None:
    """One line that says what to do, without the secret, and exit code 2."""
    (tmp_path / "trayflow.toml").write_text(settings)
    env = {} if secret is None else {"DOCUTRAY_WEBHOOK_SECRET": secret}
    done = trayflow("webhooks", "--port", "0", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert says in done.stderr
    assert SECRET not in done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """One line, and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = trayflow("webhooks", "--port", port, cwd=tmp_path, env={"DOCUTRAY_WEBHOOK_SECRET": SECRET})
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert port in done.stderr


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_good_order(tmp_path: Path, ended_by: signal.Signals) -> None:
    """What was accepted is recorded before the process ends, by itself and with exit code 0, whoever hangs on."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / '.trayflow' / 'ledger.db'}")
    submissions = submitted(ledger, 50)
    with webhooks(tmp_path) as (process, there), there.begun({**signed(b""), "content-length": "9"}):
        for number in range(50):
            assert there.post(event(Kind.EXECUTE, f"x{number}", "completed")) == 202
        process.send_signal(ended_by)
        assert process.wait(PATIENCE) == 0
    assert told(ledger, *submissions)
    ledger.close()
    said = (tmp_path / "receiver" / "err").read_text()
    assert said.count("STEP_COMPLETED: submission") == 50
    assert "Traceback" not in said
    assert SECRET not in said


# --- runs that wait ------------------------------------------------------------------------------------------------


class Slow(Scripted):
    """Its work does not end until it is `released`; how often it was asked, and the ids that it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.ids: dict[str, str] = {}
        self.asked: list[str] = []

    async def _take(self, kind: str, request: Request, script: deque[Any]) -> Response:
        answer = await super()._take(kind, request, script)
        if answer.status_code == 202:
            self.ids[kind] = json.loads(bytes(answer.body))["id"]
        return answer

    def _tell(self, id_: str, success: dict[str, Any]) -> Response:
        self.asked.append(id_)
        if not self.released.is_set():
            self.polls.appendleft("PROCESSING")
        return super()._tell(id_, success)

    def intent(self, kind: Kind) -> str:
        """Our name for what it accepted."""
        return dict(self.accepted)[kind]


@pytest.fixture
def service() -> Iterator[Slow]:
    with serving(Slow()) as slow:
        assert isinstance(slow, Slow)
        yield slow


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A working folder with one document."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.pdf").write_bytes(pdf(("a",)))
    return tmp_path


@pytest.fixture
def waiting(service: Slow, server: str) -> dict[str, str]:
    """The environment of runs that wait for events, and ask by themselves after ten minutes only."""
    expected = {"TRAYFLOW_WEBHOOKS__EXPECTED": "true", "TRAYFLOW_WEBHOOKS__POLLING": "600"}
    return {**account_at(service), "PREFECT_API_URL": server, **expected}


def tell_identified(service: Slow, there: Address) -> None:
    """Wait until there is an identification, and let the service say that it has ended."""
    eventually(lambda: "identify" in service.ids)
    body = event(Kind.IDENTIFY, service.ids["identify"], "completed", service.intent(Kind.IDENTIFY))
    assert there.post(body, "IDENTIFICATION_COMPLETED") == 202


def endings(home: Path) -> dict[str, int]:
    ledger = Ledger.open(f"sqlite:///{home / '.trayflow' / 'ledger.db'}")
    counts = ledger.counts()
    ledger.close()
    return counts


def test_an_event_ends_the_wait_of_a_run(home: Path, service: Slow, waiting: dict[str, str]) -> None:
    """Each answer is asked for once, as its event comes, and the run ends minutes before it would have polled."""
    with webhooks(home) as (_, there), started(*RUN, cwd=home, env=waiting) as process:
        eventually(lambda: "identify" in service.ids)
        began = event(Kind.IDENTIFY, service.ids["identify"], "PROCESSING", service.intent(Kind.IDENTIFY))
        assert there.post(began, "IDENTIFICATION_STARTED") == 202
        service.released.set()
        tell_identified(service, there)
        eventually(lambda: "execute" in service.ids)
        body = event(Kind.EXECUTE, service.ids["execute"], "completed", service.intent(Kind.EXECUTE))
        assert there.post(body) == 202
        assert process.wait(PATIENCE) == 0, (home / "err").read_text()
    assert service.asked == [service.ids["identify"], service.ids["execute"]]
    assert endings(home) == {"written": 1}


def test_an_event_settles_an_unknown_submission(home: Path, service: Slow, waiting: dict[str, str]) -> None:
    """The line was cut after the service had taken it: the event brings the id, and nothing is sent again."""
    service.execute.append("cut")
    service.released.set()
    waiting["TRAYFLOW_UNKNOWN__GRACE"] = "120"
    ledger = Ledger.open(f"sqlite:///{home / '.trayflow' / 'ledger.db'}")

    def unknown() -> bool:
        intents = dict(service.accepted)
        found = ledger.submissions.get(intents["execute"]) if "execute" in intents else None
        return found is not None and found.state is SubmissionState.UNKNOWN

    with webhooks(home) as (_, there), started(*RUN, cwd=home, env=waiting) as process:
        tell_identified(service, there)
        eventually(unknown)
        assert there.post(event(Kind.EXECUTE, "lost", "completed", service.intent(Kind.EXECUTE))) == 202
        assert process.wait(PATIENCE) == 0, (home / "err").read_text()
    ledger.close()
    assert service.asked == [service.ids["identify"], "lost"]
    assert [kind for kind, _ in service.intents] == ["identify", "execute"]
    assert endings(home) == {"written": 1}


def test_a_late_event_reopens_what_ended_for_want_of_it(home: Path, service: Slow, waiting: dict[str, str]) -> None:
    """Review, since nobody knew; then the event, and the next run writes it without another submission."""
    service.execute.append("cut")
    service.released.set()
    waiting["TRAYFLOW_UNKNOWN__GRACE"] = "0"
    with webhooks(home) as (_, there):
        with started(*RUN, cwd=home, env=waiting) as process:
            tell_identified(service, there)
            assert process.wait(PATIENCE) == 0, (home / "err").read_text()
        assert endings(home) == {"review": 1}
        assert there.post(event(Kind.EXECUTE, "lost", "completed", service.intent(Kind.EXECUTE))) == 202
        eventually(lambda: endings(home) == {"in_progress": 1})
        done = trayflow(*RUN, "--json", cwd=home, env=waiting)
    summary = json.loads(done.stdout)
    assert (summary["written"], summary["submissions"]) == (1, {"identify": 0, "execute": 0}), done.stderr
    assert [kind for kind, _ in service.intents] == ["identify", "execute"]


def test_without_a_receiver_polling_goes_on(home: Path, service: Slow, waiting: dict[str, str]) -> None:
    """Killed while a run waits for its events: the run comes to its end, a little later."""
    waiting["TRAYFLOW_WEBHOOKS__POLLING"] = "1"
    with webhooks(home) as (receiver, _), started(*RUN, cwd=home, env=waiting) as process:
        eventually(lambda: "identify" in service.ids)
        receiver.kill()
        receiver.wait()
        service.released.set()
        assert process.wait(PATIENCE) == 0, (home / "err").read_text()
    assert endings(home) == {"written": 1}
