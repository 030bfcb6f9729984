"""Webhooks: what receivers are told, signed, and what becomes of it when a receiver or a fault is in the way."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engines import RunningEngine, eventually, start_engine

SECRET = "made-up secret of the endpoint"
STEPS = "/api/steps-async"
INVOICE = f"{STEPS}/extract-invoice"


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what it is sent, and answers with the next of `statuses`, then with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.statuses: deque[int] = deque()
        self.url = f"http://127.0.0.1:{self.server_port}/hook?token=made-up-token"

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(headers["x-docutray-event"], json.loads(body)) for headers, body in self.received]

    def names(self) -> list[str]:
        return [name for name, _ in self.events()]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.popleft() if self.server.statuses else 204
        self.server.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def telling(receiver: Receiver, folder: Path, faults: str = "", **options: Any) -> Iterator[RunningEngine]:
    """A simulation that tells `receiver`."""
    if faults:
        options["faults"] = folder / "faults.toml"
        options["faults"].write_text(faults)
    given = {"simulate": 0.01, "webhook_url": receiver.url, "webhook_secret": SECRET, **options}
    with start_engine(folder, **given) as engine:
        yield engine


def webhooks(engine: RunningEngine) -> dict[str, int]:
    with engine.client() as client:
        found: dict[str, int] = client.get("/__stats").json()["webhooks"]
        return found


def test_a_step_is_told(receiver: Receiver, tmp_path: Path) -> None:
    """Start and end of a step are told in the vendor's form, signed over the body as it was sent."""
    metadata = {"trayflow_intent": "one", "name": "Ä"}
    with telling(receiver, tmp_path) as engine:
        job = engine.submit(b"%PDF-1.4", INVOICE, document_metadata=metadata)
        status = engine.end_of(job, STEPS)
        eventually(lambda: webhooks(engine)["sent"] == 2)
        assert engine.log.read_text() == ""
    (started, begin), (completed, end) = receiver.events()
    assert (started, completed) == ("STEP_STARTED", "STEP_COMPLETED")
    assert begin == {
        "step_execution_id": job,
        "step_id": "extract-invoice",
        "step_name": "Extract Invoice",
        "status": "PROCESSING",
        "request_timestamp": status["request_timestamp"],
        "document_metadata": metadata,
    }
    assert end == begin | {
        "status": "completed",
        "response_timestamp": status["response_timestamp"],
        "data": status["data"],
        "validation": status["validation"],
    }
    for headers, body in receiver.received:
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"] == "Docutray-Webhook/1.0"
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-docutray-signature"] == f"sha256={signature}"


def test_identifications_and_conversions_are_told(receiver: Receiver, tmp_path: Path) -> None:
    """Other kinds of work have their own events and names of ids; failures are told as such."""
    with telling(receiver, tmp_path, "[executions]\nfailed = 0.5") as engine:
        for number in range(8):
            document = b"%%PDF-1.4 %d" % number
            engine.end_of(engine.submit(document))
            engine.end_of(
                engine.submit(document, "/api/convert-async", document_type_code="invoice"), "/api/convert-async"
            )
        eventually(lambda: webhooks(engine)["sent"] == 32)
    ends = [(name, body) for name, body in receiver.events() if not name.endswith("_STARTED")]
    kinds = ("IDENTIFICATION", "CONVERSION")
    assert {name for name, _ in ends} == {f"{kind}_{end}" for kind in kinds for end in ("COMPLETED", "FAILED")}
    for name, body in ends:
        assert ("identification_id" if name.startswith("IDENT") else "conversion_id") in body
        if name.endswith("FAILED"):
            assert (body["status"], body["error"][:18]) == ("failed", "EXTRACTION_FAILED:")
        else:
            assert body["status"] == "completed"
            assert ("document_type" if name.startswith("IDENT") else "data") in body


def test_a_submission_names_its_own_receiver(receiver: Receiver, tmp_path: Path) -> None:
    """A submission's `webhook_url` wins; without a secret it is told unsigned, and the log says so once."""
    with start_engine(tmp_path, simulate=0.01) as engine:
        for number in range(2):
            engine.submit(b"%%PDF-1.4 %d" % number, INVOICE, webhook_url=receiver.url)
        engine.submit(b"%PDF-1.4 nobody is told", INVOICE)
        eventually(lambda: webhooks(engine)["sent"] == 4)
        assert engine.log.read_text().count("unsigned") == 1
    assert sorted(receiver.names()) == ["STEP_COMPLETED"] * 2 + ["STEP_STARTED"] * 2
    assert not any("x-docutray-signature" in headers for headers, _ in receiver.received)


def test_an_engine_that_reads_tells_too(receiver: Receiver, tmp_path: Path) -> None:
    """Work of real workers is told like that of a simulation."""
    with telling(receiver, tmp_path, simulate=None, processing="tests.obedient:process") as engine:
        engine.submit(b"%PDF-1.4\nnothing", INVOICE)
        eventually(lambda: receiver.names() == ["STEP_STARTED", "STEP_COMPLETED"])


def test_a_receiver_that_fails_is_tried_again(receiver: Receiver, tmp_path: Path) -> None:
    """An event that was answered with an error is sent again, before those that come after it."""
    receiver.statuses.extend([500, 302])
    with telling(receiver, tmp_path) as engine:
        engine.end_of(engine.submit(b"%PDF-1.4", INVOICE), STEPS)
        eventually(lambda: webhooks(engine)["sent"] == 2)
    assert receiver.names() == ["STEP_STARTED"] * 3 + ["STEP_COMPLETED"]


def test_a_receiver_that_is_down_holds_nothing_up(receiver: Receiver, tmp_path: Path) -> None:
    """Work goes on when nobody takes its events; they are given up, and no secret reaches the log."""
    receiver.statuses.extend([503] * 100)
    with telling(receiver, tmp_path) as engine:
        jobs = [engine.submit(b"%%PDF-1.4 %d" % number, INVOICE) for number in range(3)]
        assert {engine.end_of(job, STEPS)["status"] for job in jobs} == {"SUCCESS"}
        eventually(lambda: webhooks(engine)["failed"] == 6)
        log = engine.log.read_text()
    assert log.count("webhooks could not be delivered: answered with 503") == 1
    assert SECRET not in log
    assert "made-up-token" not in log


def test_an_engine_ends_with_events_pending(receiver: Receiver, tmp_path: Path) -> None:
    """An engine that is told to end does so in good order, though events were not taken yet."""
    receiver.statuses.extend([503] * 100)
    with telling(receiver, tmp_path) as engine:
        engine.submit(b"%PDF-1.4", INVOICE)
        eventually(lambda: receiver.received)
        assert engine.stop() == 0
        assert "Traceback" not in engine.log.read_text()


@pytest.mark.parametrize(
    ("fault", "names", "counted"),
    [
        ("lost", [], {"lost": 2}),
        ("doubled", ["STEP_STARTED"] * 2 + ["STEP_COMPLETED"] * 2, {"doubled": 2, "sent": 4}),
        ("reordered", ["STEP_COMPLETED", "STEP_STARTED"], {"reordered": 1, "sent": 2}),
    ],
)
def test_faults_of_webhooks(
    receiver: Receiver, tmp_path: Path, fault: str, names: list[str], counted: dict[str, int]
) -> None:
    """Events are lost, doubled or out of order on purpose, and counted as such."""
    with telling(receiver, tmp_path, f"[webhooks]\n{fault} = 1") as engine:
        engine.end_of(engine.submit(b"%PDF-1.4", INVOICE), STEPS)
        none = {"sent": 0, "failed": 0, "lost": 0, "doubled": 0, "reordered": 0}
        eventually(lambda: webhooks(engine) == none | counted)
    assert receiver.names() == names


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:9/hook", "webhook_url needs a secret to sign with, in DOCUTRAY_WEBHOOK_SECRET"),
        ("ftp://127.0.0.1/hook", "webhook_url must be an http or https address"),
    ],
)
def test_a_configured_receiver_needs_a_secret(tmp_path: Path, url: str, problem: str) -> None:
    """Without a secret, or with another kind of address, the engine does not start, and one line says why."""
    command = [sys.executable, "-m", "engine", "--port", "0", "--data", str(tmp_path), "--webhook-url", url]
    environment = os.environ | {"TRAYFLOW_ENGINE_KEY": "made-up"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (2, f"engine: {problem}\n")
