"""`trayflow events forward`: what becomes a Prefect event, what is buried, and what is kept while somebody is away."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments import prefect_server
from deployments.children import free_port
from deployments.lasting import Up
from tasks.events import DOCUMENT_ARRIVED, arrived
from tests.aws_servers import CREDENTIALS, Simulator, simulated
from tests.deployments.commands import PATIENCE, eventually, started, trayflow
from tests.prefect_servers import prefect_at
from tests.webserver import answering
from trayflow.arrivals import Created
from trayflow.arrivals.queue import REASON

pytestmark = [
    # What Prefect's and the simulators' servers leave to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CLIENT = httpx.Client(trust_env=False, timeout=30)

KEYS = ["in/a b+c%20é.pdf", "in/100%.pdf"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def prefect(home: Path) -> Iterator[str]:
    """A Prefect server that keeps events, as users have it; its API address."""
    with prefect_at(home, lasting=True) as url:
        yield url


@pytest.fixture(scope="module", params=["moto", "roto"])
def aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulator of AWS."""
    with simulated(request.param, tmp_path_factory.mktemp("aws")) as simulator:
        yield simulator


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[Simulator]:
    """One simulator, where the habits of simulators do not matter."""
    with simulated("moto", tmp_path / "aws") as simulator:
        yield simulator


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test takes."""
    return f"q{abs(hash(request.node.nodeid)):x}"


def forwarding(folder: Path, queue: str, prefect: str, **env: str) -> Any:  # a context manager of the process
    arguments = ("events", "forward", "--queue", queue, "--visibility", "10")
    return started(*arguments, cwd=folder, env={**CREDENTIALS, "PREFECT_API_URL": prefect, **env})


def events(api: str, bucket: str) -> list[dict[str, Any]]:
    """What the server has kept of a bucket's events."""
    wanted = {"event": {"name": [DOCUMENT_ARRIVED]}, "resource": {"id_prefix": [f"s3://{bucket}/"]}}
    answer = CLIENT.post(f"{api}/events/filter", json={"filter": wanted, "limit": 50})
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


def event(bucket: str, *keys: str) -> str:
    """What S3 would send, for tests that need no bucket."""
    records = [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
        }
        for key in keys
    ]
    return json.dumps({"Records": records})


def said(folder: Path, what: str) -> bool:
    return what in (folder / "out").read_text() + (folder / "err").read_text()


def ended(process: subprocess.Popen[bytes]) -> int:
    """End the command; its exit code, which has to come within seconds."""
    process.terminate()
    return process.wait(15)


def test_new_objects_become_events(aws: Simulator, name: str, prefect: str, tmp_path: Path) -> None:
    """An object is put into a bucket, and Prefect has an event that names it; then its message is gone."""
    url = aws.bucket_with_queue(name, name)
    with forwarding(tmp_path, url, prefect):
        aws.put(name, *KEYS)
        eventually(lambda: len(events(prefect, name)) == len(KEYS))
        eventually(lambda: aws.left(url) == 0)
    found = {one["payload"]["key"]: one for one in events(prefect, name)}
    assert sorted(found) == sorted(KEYS)
    for key, one in found.items():
        uri = f"s3://{name}/{key}"
        labels = {"prefect.resource.id": uri, "prefect.resource.name": key, "bucket": name, "key": key}
        assert one["resource"] == labels
        assert one["payload"] == {
            "uri": uri,
            "bucket": name,
            "key": key,
            "message_id": one["payload"]["message_id"],
        }
        assert one["id"] == str(arrived(Created(name, key), one["payload"]["message_id"]).id)


def test_what_is_not_understood_is_buried(aws: Simulator, name: str, prefect: str, tmp_path: Path) -> None:
    """With the reason, and the messages around it are forwarded."""
    url = aws.queue(name, dead_letters=f"{name}-dead")
    aws.send(url, event(name, "a"), '{"secret": "text"}', event(name, "b", "b", "c"))
    with forwarding(tmp_path, url, prefect) as process:
        eventually(lambda: len(events(prefect, name)) == 3)
        eventually(lambda: aws.left(url) == 0)
        assert ended(process) == 0
    (dead,) = aws.peek(f"{url}-dead")
    assert dead["Body"] == '{"secret": "text"}'
    assert dead["MessageAttributes"][REASON]["StringValue"].startswith("It is no event of S3's")
    assert said(tmp_path, "3 messages, 3 events forwarded, 1 not understood.")
    assert not said(tmp_path, "text")


def test_a_message_that_comes_again_is_no_second_event(prefect: str, name: str) -> None:
    """Its event has the id that it had before, and the server keeps one."""
    body = [arrived(Created(name, "a"), "message-1").model_dump(mode="json")]
    other = [arrived(Created(name, "b"), "message-1").model_dump(mode="json")]
    for events_ in (body, body, other):
        CLIENT.post(f"{prefect}/events", json=events_).raise_for_status()
    eventually(lambda: any(one["payload"]["key"] == "b" for one in events(prefect, name)))
    assert sorted(one["payload"]["key"] for one in events(prefect, name)) == ["a", "b"]


def test_messages_stay_ours_while_prefect_is_away(moto: Simulator, name: str, tmp_path: Path) -> None:
    """For longer than their visibility; they are not received again and again, and forwarded once it is back."""
    url, port = moto.queue(name), free_port()
    moto.send(url, event(name, "a"))
    api = prefect_server.api_url(port)
    with forwarding(tmp_path, url, api):
        eventually(lambda: said(tmp_path, f"Nobody answers at {api}"))
        until = time.monotonic() + 12
        while time.monotonic() < until:
            assert moto.peek(url) == []
            time.sleep(0.2)
        with prefect_at(tmp_path / "prefect", port, lasting=True):
            eventually(lambda: len(events(api, name)) == 1)
            eventually(lambda: moto.left(url) == 0)


def test_the_queue_is_away_for_a_while(moto: Simulator, name: str, prefect: str, tmp_path: Path) -> None:
    """The command waits for it, and forwards what came meanwhile."""
    url = moto.queue(name)
    with forwarding(tmp_path, url, prefect):
        eventually(lambda: said(tmp_path, "Ctrl-C ends it."))
        moto.stop()
        eventually(lambda: said(tmp_path, "cannot be used now: nobody answers"))
        moto.start()
        moto.send(url, event(name, "a"))
        eventually(lambda: len(events(prefect, name)) == 1)
        eventually(lambda: moto.left(url) == 0)


def test_it_ends_within_seconds_and_lets_go_of_what_it_has(moto: Simulator, name: str, tmp_path: Path) -> None:
    """With Prefect away and a message in hand: the message is there for the next at once."""
    url = moto.queue(name)
    moto.send(url, event(name, "a"))
    with forwarding(tmp_path, url, prefect_server.api_url(free_port())) as process:
        eventually(lambda: said(tmp_path, "Nobody answers"))
        assert moto.peek(url) == []
        assert ended(process) == 0
    assert len(moto.peek(url)) == 1
    assert said(tmp_path, "1 message, 0 events forwarded.")
    assert not said(tmp_path, "Traceback")


def test_it_ends_within_seconds_in_a_long_poll(moto: Simulator, name: str, prefect: str, tmp_path: Path) -> None:
    """With nothing in the queue."""
    with forwarding(tmp_path, moto.queue(name), prefect) as process:
        eventually(lambda: said(tmp_path, "Ctrl-C ends it."))
        assert ended(process) == 0


@pytest.mark.parametrize(("status", "code", "why"), [(401, 2, "refuses the key"), (422, 1, "refuses the events")])
def test_prefect_refuses(moto: Simulator, name: str, status: int, code: int, why: str, tmp_path: Path) -> None:
    """What will not pass ends the command, and the message is let go."""
    url = moto.queue(name)
    moto.send(url, event(name, "a"))
    with answering(status) as api, forwarding(tmp_path, url, api) as process:
        assert process.wait(PATIENCE) == code
    assert said(tmp_path, why)
    assert len(moto.peek(url)) == 1


def test_the_server_of_trayflow_up_is_found(
    moto: Simulator, name: str, prefect: str, home: Path, tmp_path: Path
) -> None:
    """Without PREFECT_API_URL, events go to the server that runs in this folder."""
    Up(api_url=prefect, ui_url=prefect).publish(home)
    url = moto.queue(name)
    moto.send(url, event(name, "a"))
    arguments = ("events", "forward", "--queue", url)
    with started(*arguments, cwd=tmp_path, env={**CREDENTIALS, "TRAYFLOW_HOME": str(home)}):
        eventually(lambda: len(events(prefect, name)) == 1)


def refused(folder: Path, *arguments: str, env: Mapping[str, str]) -> str:
    """A command that has to end with exit code 2 and one line; the line."""
    done = trayflow("events", "forward", *arguments, cwd=folder, env={**CREDENTIALS, **env})
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    return done.stderr


def test_without_a_prefect_server(moto: Simulator, name: str, tmp_path: Path) -> None:
    """There is nobody to forward to: the line says what to do."""
    assert "set PREFECT_API_URL" in refused(tmp_path, "--queue", moto.queue(name), env={})


def test_without_a_queue(moto: Simulator, name: str, tmp_path: Path) -> None:
    """Neither none, nor one that does not exist."""
    env = {"PREFECT_API_URL": "http://127.0.0.1:1/api"}
    assert "--queue URL" in refused(tmp_path, env=env)
    assert "does not exist" in refused(tmp_path, "--queue", f"{moto.queue(name)}x", env=env)
