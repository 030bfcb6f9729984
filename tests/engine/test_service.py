"""The service as its callers see it, apart from what the contract with the vendor's SDK says."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import papers
from tests.engines import KEY, RunningEngine, eventually, start_engine
from tests.obedient import order

OBEDIENT = "tests.obedient:process"


DELIVERY_NOTE = {
    "code": "delivery_note",
    "name": "Delivery note",
    "description": "What was delivered.",
    "titleHints": ["delivery note"],
    "identifyHints": {"delivery number": 3},
    "jsonSchema": {
        "type": "object",
        "properties": {"number": {"type": ["string", "null"], "title": "Delivery number"}},
    },
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """An engine whose workers do what the document says."""
    with start_engine(tmp_path_factory.mktemp("obedient"), processing=OBEDIENT, workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """An engine that reads, with a type of its user's."""
    types = tmp_path_factory.mktemp("types")
    (types / "delivery_note.json").write_text(json.dumps(DELIVERY_NOTE))
    with start_engine(tmp_path_factory.mktemp("reader"), types_dir=types) as running:
        yield running


def peak_memory(engine: RunningEngine) -> int:
    """The most memory that the service had so far, in bytes."""
    status = Path(f"/proc/{engine.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_health_needs_no_key(engine: RunningEngine) -> None:
    """Whether it is up may be asked without a key."""
    answer = httpx.get(f"{engine.base_url}/health", trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("authorization", [None, "", "Bearer", f"Basic {KEY}", f"Bearer {KEY}x", KEY, "Bearer \xe9"])
def test_only_the_key_opens(engine: RunningEngine, authorization: str | None) -> None:
    """Anything but the key as a bearer is refused."""
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    answer = httpx.get(f"{engine.base_url}/api/document-types", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"})


def test_only_this_machine_is_listened_to(engine: RunningEngine) -> None:
    """The engine listens on the loopback address and on no other."""
    assert engine.base_url.startswith("http://127.0.0.1:")
    port = f"{int(engine.base_url.rpartition(':')[2]):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [local for _, local, _, state, *_ in lines if local.endswith(f":{port}") and state == "0A"]
    assert listening == [f"0100007F:{port}"]


@pytest.mark.parametrize(
    ("path", "status"), [("/", 404), ("/docs", 404), ("/openapi.json", 404), ("/api/nothing", 404)]
)
def test_other_paths(engine: RunningEngine, path: str, status: int) -> None:
    """There is nothing else, and errors of the framework have the API's form too."""
    with engine.client() as client:
        answer = client.get(path)
    assert (answer.status_code, set(answer.json())) == (status, {"message"})


def test_a_page_that_cannot_be(engine: RunningEngine) -> None:
    """Wrong query parameters are a validation error that names them."""
    with engine.client() as client:
        answer = client.get("/api/document-types", params={"page": "0"})
    assert (answer.status_code, answer.json()["message"]) == (400, "Validation error")
    assert answer.json()["errors"][0].startswith("page: ")


def test_answers_of_a_step(engine: RunningEngine) -> None:
    """The answer to a submission, and the statuses from there to the end, have the documented members."""
    form = {"image": ("a.pdf", order("nothing", 1), "application/pdf")}
    with engine.client() as client:
        accepted = client.post("/api/steps-async/extract-invoice", files=form).json()
        assert accepted == {
            "id": accepted["id"],
            "status": "ENQUEUED",
            "step_id": "extract-invoice",
            "step_name": "Extract Invoice",
        }
    final = engine.end_of(accepted["id"], "/api/steps-async")
    assert set(final) == {
        "id",
        "conversion_id",
        "status",
        "step_id",
        "request_timestamp",
        "response_timestamp",
        "original_filename",
        "data",
        "validation",
        "identification",
    }
    assert final["id"] == final["conversion_id"] == accepted["id"]
    assert final["validation"]["errors"] == {"count": 0, "messages": []}


def test_a_job_under_way_tells_its_progress(engine: RunningEngine, tmp_path: Path) -> None:
    """PROCESSING says which stage is in hand."""
    go = tmp_path / "go"
    job = engine.submit(order(f"wait-for {go}"))
    with engine.client() as client:
        status = eventually(
            lambda: next(
                (s for s in [client.get(f"/api/identify-async/status/{job}").json()] if s.get("progress")), None
            )
        )
    go.touch()
    assert status["status"] == "PROCESSING"
    assert status["progress"] == {"current_step": 1, "total_steps": 2, "step_name": "obey", "percentage": 0}
    assert "progress" not in engine.end_of(job)


def test_a_webhook_may_be_asked_for(engine: RunningEngine) -> None:
    """`webhook_url` is taken without complaint."""
    job = engine.submit(order("nothing", 2), webhook_url="http://127.0.0.1:9/hook")
    assert engine.end_of(job)["status"] == "SUCCESS"


def test_metadata_that_is_no_unicode_comes_back(engine: RunningEngine) -> None:
    """Half a surrogate pair in the metadata is kept and returned as it came."""
    job = engine.submit(order("nothing", 3), document_metadata='{"name": "\\ud800"}')
    assert engine.end_of(job)["document_metadata"] == {"name": "\ud800"}


@pytest.mark.parametrize("form", ["form", "base64"])
def test_a_large_upload_is_not_held_in_memory(engine: RunningEngine, form: str) -> None:
    """90 MB pass through the service with a small part of that in memory."""
    pieces = 100
    if form == "form":
        part = b"--b\r\nContent-Disposition: form-data; name="
        types = part + b'"document_type_code_options"\r\n\r\n["invoice"]\r\n'
        body = [types, part + b'"image"\r\n\r\n%PDF-1.4 ', *[bytes(900_000)] * pieces, b"\r\n--b--\r\n"]
        kind = "multipart/form-data; boundary=b"
    else:
        types = b'{"document_type_code_options": ["invoice"], "image_base64": "'
        body = [types, base64.b64encode(b"%PDF-1.4 "), *[b"AAAA" * 300_000] * pieces, b'"}']
        kind = "application/json"
    before = peak_memory(engine)
    with engine.client() as client:
        answer = client.post("/api/identify-async", content=iter(body), headers={"Content-Type": kind})
    assert answer.status_code == 202, answer.text
    assert peak_memory(engine) - before < 25 * 10**6


def test_the_service_answers_while_workers_are_busy(engine: RunningEngine, tmp_path: Path) -> None:
    """With both workers computing, status calls are answered all the same."""
    enough = tmp_path / "enough"
    jobs = [engine.submit(order(f"compute-until {enough}", number)) for number in range(2)]
    with engine.client() as client:
        for job in jobs:
            url = f"/api/identify-async/status/{job}"
            eventually(lambda: client.get(url).json().get("progress"))  # noqa: B023 - called at once
        answers = [client.get(url).json()["status"] for _ in range(50)]
    enough.touch()
    assert answers == ["PROCESSING"] * 50


def test_a_document_is_read_once_for_both_stages(reader: RunningEngine) -> None:
    """Extraction after identification of the same bytes uses the reading that is kept."""
    document = papers.pdf([*papers.INVOICE, "to be read once"])
    reader.end_of(reader.submit(document))
    [kept] = (reader.data_dir / "readings").glob(f"{hashlib.sha256(document).hexdigest()}.*")
    # A reading that says something else than the document shows which of both was used.
    kept.write_bytes(kept.read_bytes().replace(b"120.00", b"240.00"))
    job = reader.submit(document, "/api/steps-async/extract-invoice")
    assert reader.end_of(job, "/api/steps-async")["data"]["grand_total"] == 240


def test_types_of_a_user_are_served(reader: RunningEngine) -> None:
    """A type from the user's folder can be identified, and has its step."""
    note = papers.pdf(("Nordwind Tools Ltd", "DELIVERY NOTE", "Delivery number: D-77", "Shipped by road"))
    identify = reader.submit(note, document_type_code_options=["invoice", "delivery_note"])
    assert reader.end_of(identify)["document_type"]["code"] == "delivery_note"
    execute = reader.submit(note, "/api/steps-async/extract-delivery_note")
    assert set(reader.end_of(execute, "/api/steps-async")["data"]) == {"number"}


def test_nothing_is_written_to_the_terminal(reader: RunningEngine) -> None:
    """An engine that works as it should is silent, about bad documents too."""
    reader.end_of(reader.submit(papers.image()))
    reader.end_of(reader.submit(b"%PDF-1.4 and no more"))
    assert reader.log.read_text() == ""


def test_the_module_starts_an_engine(tmp_path: Path) -> None:
    """`python -m engine` serves with a key from the environment."""
    command = [sys.executable, "-m", "engine", "--port", "0", "--data", str(tmp_path), "--key-env", "MY_KEY"]
    process = subprocess.Popen(command, env=os.environ | {"MY_KEY": "from the environment"})
    try:
        address = eventually(lambda: (tmp_path / "address").exists() and (tmp_path / "address").read_text())
        assert isinstance(address, str)
        headers = {"Authorization": "Bearer from the environment"}
        answer = httpx.get(f"{address}/api/document-types", headers=headers, trust_env=False, timeout=30)
        assert answer.status_code == 200
    finally:
        process.kill()
        process.wait()


def test_an_engine_needs_a_key(tmp_path: Path) -> None:
    """Without a key there is no engine, and one line says so."""
    command = [sys.executable, "-m", "engine", "--port", "0", "--data", str(tmp_path), "--key-env", "NO_SUCH_VARIABLE"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (2, "engine: the engine needs a key\n")


def test_two_engines_do_not_share_a_folder(engine: RunningEngine) -> None:
    """A second engine in the same data folder is refused."""
    command = [sys.executable, "-m", "engine", "--port", "0", "--data", str(engine.data_dir), "--key-env", "MY_KEY"]
    done = subprocess.run(
        command, env=os.environ | {"MY_KEY": "k"}, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (2, f"engine: another engine works in {engine.data_dir}\n")
