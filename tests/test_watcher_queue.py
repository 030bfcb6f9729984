"""A bucket that is watched through its queue, on two simulators of AWS: what the messages say, however they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from tests.aws_servers import REGION, Kind, Simulator, simulated
from tests.test_watcher import NOWHERE, Home, eventually
from trayflow.arrivals import watcher as watcher_module
from trayflow.arrivals.queue import Queue
from trayflow.arrivals.watcher import Watcher
from trayflow.ledger import Ledger
from trayflow.settings import Limits, SourceSettings, Watch
from trayflow.sources import open_source


@pytest.fixture(scope="module", params=["moto", "roto"])
def aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulated(cast(Kind, request.param), tmp_path_factory.mktemp("aws")) as simulator:
        yield simulator


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    opened.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A bucket's and a queue's name of the test's own."""
    return request.node.name.split("[")[0].replace("_", "-")[:50].rstrip("-")


@asynccontextmanager
async def watching(
    aws: Simulator, address: str, url: str | None, ledger: Ledger, **options: Any
) -> AsyncIterator[Home]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws.url)
        patch.setattr(watcher_module, "LONG_POLL", 1)
        patch.setattr(watcher_module, "FIRST", 0.05)
        source = await asyncio.to_thread(
            open_source, address, SourceSettings(path_style=True), Limits(attempts=2, backoff=0.05)
        )
        home = Home(source, ledger)
        settings = Watch(**{"seconds": 0.05, "rescan": 3600, "farewell": 5, **options})
        queue = await asyncio.to_thread(Queue, url, 10) if url else None
        task = asyncio.create_task(Watcher(source, ledger, NOWHERE, settings, home.run, queue=queue).watch())
        try:
            yield home
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            if queue:
                queue.close()


def event(bucket: str, key: str, name: str = "ObjectCreated:Put") -> str:
    """What S3 says of an object."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventName": name,
        "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
    }
    return json.dumps({"Records": [record]})


def test_what_is_put_comes_home(aws: Simulator, ledger: Ledger, name: str) -> None:
    """The bucket tells its queue, and once the document is home the message is gone."""
    url = aws.bucket_with_queue(name, name)

    async def scenario() -> None:
        async with watching(aws, f"s3://{name}/in", url, ledger) as home:
            await asyncio.to_thread(aws.put, name, "in/a b+c.pdf", "elsewhere/b.pdf")
            await eventually(lambda: home.keys == ["a b+c.pdf"])
            await eventually(lambda: aws.left(url) == 0)
            assert ledger.counts() == {"duplicate": 1}

    asyncio.run(scenario())


def test_doubled_late_and_disordered_messages_change_nothing(aws: Simulator, ledger: Ledger, name: str) -> None:
    """The bucket says what lies there, and the ledger what is done: each version comes home once."""
    aws.bucket(name)
    url = aws.queue(name)
    aws.put(name, "a.pdf", "b.pdf")

    async def scenario() -> None:
        bodies = [event(name, key) for key in ("b.pdf", "a.pdf", "b.pdf", "gone.pdf", "a.pdf")]
        bodies.append(event(name, "a.pdf", "ObjectRemoved:Delete"))
        aws.send(url, *bodies)
        async with watching(aws, f"s3://{name}", url, ledger) as home:
            await eventually(lambda: aws.left(url) == 0)
            await asyncio.to_thread(aws.send, url, *bodies)
            await eventually(lambda: aws.left(url) == 0)
            assert sorted(home.keys) == ["a.pdf", "b.pdf"]

    asyncio.run(scenario())


def test_poison_and_foreign_messages_are_put_aside(aws: Simulator, ledger: Ledger, name: str) -> None:
    """They go to the dead-letter queue with the reason, and stop no others."""
    aws.bucket(name)
    url = aws.queue(name, dead_letters=f"{name[:60]}-dead")
    aws.put(name, "a.pdf")
    aws.send(url, "no JSON", "{}", event("another-bucket", "a.pdf"), event(name, "a.pdf"))

    async def scenario() -> None:
        async with watching(aws, f"s3://{name}", url, ledger) as home:
            await eventually(lambda: aws.left(url) == 0)
            assert home.keys == ["a.pdf"]

    asyncio.run(scenario())
    dead = aws.peek(aws.client("sqs").get_queue_url(QueueName=f"{name[:60]}-dead")["QueueUrl"])
    reasons = {message["Body"]: message["MessageAttributes"]["trayflow_reason"]["StringValue"] for message in dead}
    assert set(reasons) == {"no JSON", "{}", event("another-bucket", "a.pdf")}
    assert "another bucket" in reasons[event("another-bucket", "a.pdf")]


def test_a_message_stays_until_its_documents_are_home(aws: Simulator, ledger: Ledger, name: str) -> None:
    """A watch that ends before leaves it to the next one."""
    aws.bucket(name)
    url = aws.queue(name)
    aws.put(name, "a.pdf")
    aws.send(url, event(name, "a.pdf"))

    async def scenario() -> None:
        async with watching(aws, f"s3://{name}", url, ledger, farewell=0.05) as home:
            home.ready.clear()
            await eventually(lambda: home.batches)
        assert aws.left(url) == 1
        async with watching(aws, f"s3://{name}", url, ledger) as home:
            await eventually(lambda: ledger.counts() == {"duplicate": 1})
            await eventually(lambda: aws.left(url) == 0)

    asyncio.run(scenario())


def test_a_queue_and_a_bucket_that_are_away_for_a_while(aws: Simulator, ledger: Ledger, name: str) -> None:
    """It costs time; what arrives afterwards comes home."""
    url = aws.bucket_with_queue(name, name)

    async def scenario() -> None:
        async with watching(aws, f"s3://{name}", url, ledger, rescan=1) as home:
            await asyncio.to_thread(aws.put, name, "before.pdf")
            await eventually(lambda: home.keys == ["before.pdf"])
            await asyncio.to_thread(aws.stop)
            await asyncio.sleep(1.5)  # a few tries fail
            await asyncio.to_thread(aws.start)
            await asyncio.to_thread(aws.put, name, "after.pdf")
            await eventually(lambda: home.keys == ["before.pdf", "after.pdf"])
            await eventually(lambda: aws.left(url) == 0)

    asyncio.run(scenario())


def test_a_bucket_without_a_queue_is_listed_on_a_timer(aws: Simulator, ledger: Ledger, name: str) -> None:
    """And so is one with a queue, since events get lost."""
    aws.bucket(name)

    async def scenario() -> None:
        async with watching(aws, f"s3://{name}", None, ledger, rescan=0.2) as home:
            await asyncio.to_thread(aws.put, name, "a.pdf")
            await eventually(lambda: home.keys == ["a.pdf"])
            await asyncio.to_thread(aws.put, name, "b.pdf")
            await eventually(lambda: home.keys == ["a.pdf", "b.pdf"])

    asyncio.run(scenario())
