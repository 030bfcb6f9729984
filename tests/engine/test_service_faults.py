"""Faults on purpose, as a client meets them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines import RunningEngine, eventually, start_engine
from tests.obedient import order

STEPS = "/api/steps-async"
INVOICE = f"{STEPS}/extract-invoice"
CUT = (httpx.RemoteProtocolError, httpx.ReadError)

Start = Callable[..., RunningEngine]
Mixed = dict[str, list[tuple[httpx.Response, bool]]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a simulation with faults, given as TOML."""
    with ExitStack() as stack:

        def begin(faults: str, **options: Any) -> RunningEngine:
            folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            path = folder / "faults.toml"
            path.write_text(faults)
            given = {"simulate": 0.01, **options, "faults": path}
            running: AbstractContextManager[RunningEngine] = start_engine(folder, **given)
            return stack.enter_context(running)

        yield begin


def post(client: httpx.Client, number: int = 0, document: bytes | None = None, path: str = INVOICE) -> httpx.Response:
    document = b"%%PDF-1.4 %d" % number if document is None else document
    form = {"document_metadata": json.dumps({"trayflow_intent": f"intent {number}"})}
    return client.post(path, files={"image": ("a.pdf", document, "application/pdf")}, data=form)


def outcome(client: httpx.Client, number: int) -> object:
    """What a submission was answered with: a status, or `cut`."""
    try:
        return post(client, number).status_code
    except CUT:
        return "cut"


def stats(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/__stats", params={"intents": "true"}).json()
    return found


def test_a_cut_after_acceptance(start: Start) -> None:
    """The connection ends without an answer, and the work is done all the same."""
    engine = start("[submissions]\ncut = 1")
    with engine.client() as client:
        with pytest.raises(CUT):
            post(client)
        told = stats(client)
        assert (told["submissions"]["step"], told["intents"]) == (1, {"intent 0": 1})
        assert (told["answers"]["cut"], told["faults"]) == (1, {"submissions.cut": 1})
        assert "500" not in told["answers"]
        eventually(lambda: stats(client)["latency"]["max"] is not None)
    assert engine.log.read_text() == ""


def test_a_cut_before_acceptance(start: Start) -> None:
    """The connection ends without an answer, and nothing was accepted."""
    with start("[submissions]\ncut_before = 1").client() as client:
        with pytest.raises(CUT):
            post(client)
        told = stats(client)
        assert (told["posts"], told["submissions"]["step"], told["answers"]["cut"]) == (1, 0, 1)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """By the fault that they met: answers to submissions, and whether the engine accepted the document."""
    folder = tmp_path_factory.mktemp("mixed")
    path = folder / "faults.toml"
    path.write_text("[submissions]\nerror = 0.25\nunavailable = 0.25\ngarbage = 0.25\ngateway = 0.25")
    names = {500: "error", 503: "unavailable", 202: "garbage", 502: "gateway", 504: "gateway"}
    found: Mixed = {}
    with start_engine(folder, simulate=0.01, faults=path) as engine, engine.client() as client:
        answers = [post(client, number) for number in range(40)]
        told = stats(client)
    for number, answer in enumerate(answers):
        accepted = f"intent {number}" in told["intents"]
        found.setdefault(names[answer.status_code], []).append((answer, accepted))
    assert told["posts"] == 40
    assert told["faults"] == {f"submissions.{name}": len(answers) for name, answers in found.items()}
    return found


@pytest.mark.parametrize("fault", ["error", "unavailable"])
def test_errors_of_the_service(mixed: Mixed, fault: str) -> None:
    """An error in the service's words says that nothing was accepted, and nothing was."""
    for answer, accepted in mixed[fault]:
        assert set(answer.json()) == {"message"}
        assert not accepted


def test_garbage_after_acceptance(mixed: Mixed) -> None:
    """A 202 without JSON, for work that was accepted."""
    for answer, accepted in mixed["garbage"]:
        with pytest.raises(json.JSONDecodeError):
            answer.json()
        assert accepted


def test_a_gateway_after_acceptance(mixed: Mixed) -> None:
    """Pages of HTML with 502 or 504, for work that was accepted."""
    assert {answer.status_code for answer, _ in mixed["gateway"]} == {502, 504}
    for answer, accepted in mixed["gateway"]:
        assert answer.headers["content-type"].startswith("text/html")
        assert accepted


def test_the_same_seed_has_the_same_faults(start: Start) -> None:
    """Two engines treat the same documents alike, whatever the order they come in; a second try is drawn anew."""
    faults = "seed = 5\n[submissions]\nerror = 0.3\ncut = 0.3\n[executions]\nfailed = 0.3"
    numbers = list(range(12))
    with start(faults).client() as first, start(faults).client() as second:
        met = {number: outcome(first, number) for number in numbers}
        assert met == {number: outcome(second, number) for number in reversed(numbers)}
        assert set(met.values()) == {202, 500, "cut"}
        again = {number: outcome(first, number) for number in numbers}
        assert again != met
        assert again == {number: outcome(second, number) for number in numbers}


def test_status_calls_fail(start: Start) -> None:
    """Status calls meet errors, cuts and garbage, some get through, and only an answer that shows the end is one."""
    faults = "seed = 2\n[status]\nerror = 0.3\ncut = 0.2\ngarbage = 0.3"
    seen: list[object] = []
    with start(faults).client() as client:
        job = post(client).json()["id"]

        def ended() -> bool:
            try:
                answer = client.get(f"{STEPS}/status/{job}")
                seen.append(answer.json()["status"] if answer.status_code == 200 else answer.status_code)
            except CUT:
                seen.append("cut")
            except ValueError:
                seen.append("garbage")
            return {500, "cut", "garbage", "SUCCESS"} <= set(seen)

        eventually(ended)
        told = stats(client)
    assert told["polls"]["step"] == len(seen)
    assert told["read"] == 1
    for fault, name in (("error", 500), ("cut", "cut"), ("garbage", "garbage")):
        assert told["faults"][f"status.{fault}"] == seen.count(name)


@pytest.mark.parametrize("form", ["both", "body", "header", "date"])
def test_where_a_429_tells_the_wait(start: Start, form: str) -> None:
    """The wait is told in the form that was asked for and in no other; nothing is accepted."""
    faults = f"[everywhere]\nrate_limited = 1\nretry_after = 7\nrate_limit_form = '{form}'"
    with start(faults).client() as client:
        answers = [post(client, number) for number in range(8)]
        answers += [client.get("/api/document-types"), client.get("/api/document-types/invoice")]
        told = stats(client)
    assert {answer.status_code for answer in answers} == {429}
    for answer in answers:
        told_in_body = answer.json().get("retryAfter") if answer.text.startswith("{") else None
        assert told_in_body == (7 if form in ("both", "body") else None)
        header = answer.headers.get("Retry-After")
        if form == "date":
            assert 0 <= parsedate_to_datetime(header).timestamp() - time.time() <= 8
        else:
            assert header == (None if form == "body" else "7")
    assert any(not answer.text.startswith("{") for answer in answers) == (form in ("header", "date"))
    assert (told["submissions"]["step"], told["answers"]) == (0, {"429": 10})


def test_status_calls_are_rate_limited(start: Start) -> None:
    """A share of the status calls is answered with 429, and the others are not."""
    with start("seed = 4\n[everywhere]\nrate_limited = 0.5").client() as client:
        answer = eventually(lambda: next((a for a in [post(client)] if a.status_code == 202), None))
        url = f"{STEPS}/status/{answer.json()['id']}"
        assert {client.get(url).status_code for _ in range(30)} == {200, 429}


def test_slow_answers(start: Start) -> None:
    """A submission whose answer comes too late for the caller was accepted."""
    with start("[everywhere]\nslow = 1\nslow_seconds = 600").client() as client:
        client.timeout = 1
        with pytest.raises(httpx.ReadTimeout):
            post(client)
        told = stats(client)
        assert (told["submissions"]["step"], told["faults"]) == (1, {"everywhere.slow": 1})


def test_failed_executions(start: Start) -> None:
    """Work ends in the error that the vendor's documents name."""
    engine = start("[executions]\nfailed = 1")
    with engine.client() as client:
        status = engine.end_of(post(client).json()["id"], STEPS)
        assert (status["status"], status["error"]["code"]) == ("ERROR", "EXTRACTION_FAILED")
        assert stats(client)["faults"] == {"executions.failed": 1}
    assert engine.end_of(engine.submit(b"%PDF-1.4 1"))["error"].startswith("EXTRACTION_FAILED: ")


def test_stuck_executions_hold_nothing_up(start: Start) -> None:
    """Work that is stuck stays PROCESSING; what came after it is done, even where one place is all there is."""
    faults = "seed = 3\n[executions]\nstuck = 0.5"
    engine = start(faults, at_once=1)
    with engine.client() as client:
        jobs = [post(client, number).json()["id"] for number in range(12)]

        def stuck() -> set[str]:
            found = {job: client.get(f"{STEPS}/status/{job}").json()["status"] for job in jobs}
            return set() if "ENQUEUED" in found.values() else {job for job in jobs if found[job] == "PROCESSING"}

        eventually(lambda: len(stuck()) == stats(client)["faults"]["executions.stuck"])
        first = stuck()
        assert 0 < len(first) < 12
        assert stats(client)["read"] == 12 - len(first)


def test_faults_of_an_engine_that_reads(start: Start) -> None:
    """With real workers, too, what is stuck holds up neither its worker nor others with the same bytes."""
    engine = start("[executions]\nstuck = 1", simulate=None, processing="tests.obedient:process")
    for _ in range(3):
        job = engine.submit(order("nothing"))
        with engine.client() as client:
            eventually(lambda: client.get(f"/api/identify-async/status/{job}").json()["status"] == "PROCESSING")  # noqa: B023


def test_failures_of_an_engine_that_reads(start: Start) -> None:
    """With real workers, too, what is to fail fails, and its file is deleted."""
    engine = start("[executions]\nfailed = 1", simulate=None, processing="tests.obedient:process")
    assert engine.end_of(engine.submit(order("nothing")))["status"] == "ERROR"
    eventually(lambda: not list((engine.data_dir / "files").iterdir()))
