"""The queue of a bucket's events, on two simulators of AWS: what arrives, what stays, what is buried, what returns."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws_servers import CREATED, CREDENTIALS, REGION, Simulator, arn_of, simulated
from tests.sockets import free_port
from tests.webserver import answering
from trayflow.arrivals.messages import Created
from trayflow.arrivals.queue import REASON, Message, Queue, kept
from trayflow.errors import SettingsError, SourceError

#: Seconds for which messages are ours in tests that wait for the end of that; and some in those that do not.
SHORT, LONG = 2, 60

KEYS = ["in/a b+c%20é.pdf", "in/100%.pdf", "x/../y.pdf", "日本.pdf"]


@pytest.fixture(scope="module", params=["moto", "roto"])
def aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulator, in whose environment AWS is that one."""
    with simulated(request.param, tmp_path_factory.mktemp("aws")) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """moto alone, for what roto does not do."""
    with simulated("moto", tmp_path_factory.mktemp("aws")) as simulator:
        yield simulator


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test takes."""
    return f"q{abs(hash(request.node.nodeid)):x}"


@pytest.fixture
def opened() -> Iterator[Callable[..., Queue]]:
    """Opens queues that are closed after the test."""
    queues: list[Queue] = []

    def open_queue(url: str, visibility: int = LONG) -> Queue:
        queues.append(Queue(url, visibility))
        return queues[-1]

    yield open_queue
    for queue in queues:
        queue.close()


def received(queue: Queue, count: int, seconds: float = 30) -> list[Message]:
    """So many messages, polled for as often as it takes."""
    messages: list[Message] = []
    deadline = time.monotonic() + seconds
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} messages"
        messages += queue.receive(1)
    return messages


def objects(messages: list[Message]) -> list[str]:
    return [created.key for message in messages for created in message.objects]


def test_new_objects_are_told_by_s3_itself(aws: Simulator, name: str, opened: Callable[..., Queue]) -> None:
    """An object is put, and the queue says so; the event of the set-up says nothing."""
    queue = opened(aws.bucket_with_queue(name, name))
    aws.put(name, *KEYS)
    expected = len(KEYS) + (aws.kind == "moto")  # which sends the event that S3 sends when it is set up
    messages = received(queue, expected)
    assert sorted(objects(messages)) == sorted(KEYS)
    assert {created.bucket for message in messages for created in message.objects} == {name}
    assert [message.poison for message in messages] == [None] * expected


def test_what_the_filter_and_the_kind_of_event_leave_out(
    aws: Simulator, name: str, opened: Callable[..., Queue]
) -> None:
    """Prefix and suffix are the bucket's business; a deletion that is told of is no object."""
    url = aws.queue(name)
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".pdf"}]
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    aws.bucket(
        name,
        QueueConfigurations=[{"QueueArn": arn_of(name), "Events": events, "Filter": {"Key": {"FilterRules": rules}}}],
    )
    aws.put(name, "out/a.pdf", "in/a.txt", "in/a.pdf")
    aws.client("s3").delete_object(Bucket=name, Key="in/a.pdf")
    messages = received(opened(url), 2 + (aws.kind == "moto"))
    assert objects(messages) == ["in/a.pdf"]


def test_new_objects_are_told_by_eventbridge(aws: Simulator, name: str, opened: Callable[..., Queue]) -> None:
    """A rule hands the bucket's events on to the queue, keys as they are."""
    url = aws.queue(name)
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [name]}}}
    aws.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    aws.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn_of(name)}])
    aws.bucket(name, EventBridgeConfiguration={})
    aws.put(name, *KEYS)
    assert sorted(objects(received(opened(url), len(KEYS)))) == sorted(KEYS)


@pytest.mark.parametrize("raw", ["false", "true"])
def test_new_objects_are_told_through_sns(moto: Simulator, name: str, raw: str, opened: Callable[..., Queue]) -> None:
    """The bucket tells a topic, the topic the queue, in an envelope of its own or raw."""
    url, sns = moto.queue(name), moto.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(name), Attributes={"RawMessageDelivery": raw})
    moto.bucket(name, TopicConfigurations=[{"TopicArn": topic, "Events": CREATED}])
    moto.put(name, *KEYS)
    assert sorted(objects(received(opened(url), len(KEYS) + 1))) == sorted(KEYS)


def test_eventbridge_through_sns(aws: Simulator, name: str, opened: Callable[..., Queue]) -> None:
    """No simulator lets a rule write to a topic: the rule's event is published by hand."""
    url, sns = aws.queue(name), aws.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(name))
    detail = {"bucket": {"name": "inbox"}, "object": {"key": "a+b.pdf"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    sns.publish(TopicArn=topic, Message=json.dumps(event))
    assert [found.objects for found in received(opened(url), 1)] == [(Created("inbox", "a+b.pdf"),)]


def event(*keys: str) -> str:
    """What S3 would send, for tests that need no bucket."""
    records = [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "inbox"}, "object": {"key": key}},
        }
        for key in keys
    ]
    return json.dumps({"Records": records})


def test_doubled_reordered_malformed_and_foreign_messages(
    aws: Simulator, name: str, opened: Callable[..., Queue]
) -> None:
    """Each message is understood or poison by itself, whatever comes before and after it."""
    url = aws.queue(name)
    aws.send(url, event("b"), "not JSON", event("a", "b"), event("b"), '{"hello": "world"}')
    messages = received(opened(url), 5)
    assert sorted(objects(messages)) == ["a", "b", "b", "b"]
    poisoned = [message for message in messages if message.poison]
    assert sorted(message.body for message in poisoned) == ["not JSON", '{"hello": "world"}']
    assert all(message.objects == () for message in poisoned)


def test_a_deleted_message_is_gone(aws: Simulator, name: str, opened: Callable[..., Queue]) -> None:
    """More of them than go into one call."""
    url = aws.queue(name)
    aws.send(url, *[event(f"{number}") for number in range(23)])
    queue = opened(url)
    queue.delete(received(queue, 23))
    assert aws.left(url) == 0


def test_what_is_not_deleted_comes_back(aws: Simulator, name: str, opened: Callable[..., Queue]) -> None:
    """Whoever dies with a message in hand does not take it along: it has the same id, and another receipt."""
    url = aws.queue(name)
    aws.send(url, event("a"))
    queue = opened(url, SHORT)
    (first,) = received(queue, 1)
    (again,) = received(queue, 1)
    assert (again.id, again.objects) == (first.id, first.objects)
    assert again.receipt != first.receipt


def test_a_released_message_comes_back_at_once(aws: Simulator, name: str, opened: Callable[..., Queue]) -> None:
    """Long before its visibility ends."""
    url = aws.queue(name)
    aws.send(url, event("a"))
    queue = opened(url)
    messages = received(queue, 1)
    queue.release(messages, 0)
    assert [message.id for message in received(queue, 1)] == [messages[0].id]


def test_a_receipt_that_is_no_good_stops_no_other(
    aws: Simulator, name: str, opened: Callable[..., Queue], caplog: pytest.LogCaptureFixture
) -> None:
    """What SQS refuses for one message of a batch is logged with its number and code, and done for the others."""
    url = aws.queue(name)
    aws.send(url, event("a"))
    queue = opened(url)
    messages = received(queue, 1)
    odd = Message("odd", "no-receipt", "")
    queue.extend([odd, *messages])
    queue.delete([odd, *messages])
    assert aws.left(url) == 0
    assert caplog.messages == [
        "1 message: not to be extended (ReceiptHandleIsInvalid), so they may come again.",
        "1 message: not to be deleted (ReceiptHandleIsInvalid), so they come again.",
    ]


def test_a_buried_message_lies_in_the_dead_letter_queue_with_the_reason(
    aws: Simulator, name: str, opened: Callable[..., Queue], caplog: pytest.LogCaptureFixture
) -> None:
    """Its body is unchanged, and neither the reason nor the log quotes it."""
    url = aws.queue(name, dead_letters=f"{name}-dead")
    body = 'not JSON: <ü> & "quoted"'
    aws.send(url, body)
    queue = opened(url)
    assert queue.has_dead_letters
    (message,) = received(queue, 1)
    queue.bury(message, message.poison or "")
    assert aws.left(url) == 0
    (dead,) = aws.peek(url + "-dead")
    assert dead["Body"] == body
    assert dead["MessageAttributes"][REASON]["StringValue"] == "The message is not JSON."
    assert caplog.messages == [f"Message {message.id} is put into the dead-letter queue: The message is not JSON."]


def test_without_a_dead_letter_queue_poison_stays_and_is_told_of_once(
    aws: Simulator, name: str, opened: Callable[..., Queue], caplog: pytest.LogCaptureFixture
) -> None:
    """A message that comes again and again fills no log, and is never deleted."""
    url = aws.queue(name)
    aws.send(url, "not JSON")
    queue = opened(url)
    for _ in range(3):
        (message,) = received(queue, 1)
        queue.bury(message, "It is poison.")
        queue.release([message])
    assert not queue.has_dead_letters
    assert aws.left(url) == 1
    assert caplog.messages == [
        f"Message {message.id} is left in the queue, which has no dead-letter queue: It is poison."
    ]


def test_a_message_is_kept_as_long_as_the_block_runs(aws: Simulator, name: str, opened: Callable[..., Queue]) -> None:
    """Nobody else gets it for twice its visibility time-out, nor after it was deleted at the end."""
    url = aws.queue(name)
    aws.send(url, event("a"), event("b"))
    ours, others = opened(url, SHORT), opened(url, SHORT)
    messages = received(ours, 2)

    async def work() -> list[Message]:
        stolen: list[Message] = []
        async with kept(ours, messages):
            until = time.monotonic() + 2 * SHORT + 1
            while time.monotonic() < until:
                stolen += await asyncio.to_thread(others.receive, 1)
        return stolen

    assert asyncio.run(work()) == []
    ours.delete(messages)
    assert aws.left(url) == 0


def test_what_is_taken_out_of_the_kept_is_kept_no_longer(
    aws: Simulator, name: str, opened: Callable[..., Queue]
) -> None:
    """Who holds messages may let go of one while it works on the others, and take in another."""
    url = aws.queue(name)
    aws.send(url, event("a"), event("b"))
    ours, others = opened(url, SHORT), opened(url, LONG)
    messages = received(ours, 2)
    held = [messages[0]]

    async def work() -> list[Message]:
        async with kept(ours, held):
            held[:] = [messages[1]]
            return await asyncio.to_thread(received, others, 1)

    assert [message.id for message in asyncio.run(work())] == [messages[0].id]


def test_a_kept_message_that_is_released_at_the_end_is_visible_at_once(
    aws: Simulator, name: str, opened: Callable[..., Queue]
) -> None:
    """No extension follows the end of the block: it would hide the message again."""
    url = aws.queue(name)
    aws.send(url, event("a"))
    queue = opened(url, LONG)
    queue.visibility = 1  # extends all the time, for a short time
    messages = received(queue, 1)

    async def work() -> None:
        async with kept(queue, messages):
            await asyncio.sleep(0.4)

    asyncio.run(work())
    queue.visibility = LONG
    queue.release(messages)
    assert [message.id for message in received(queue, 1)] == [messages[0].id]


class Stubborn(Queue):
    """A queue that cannot be opened, and whose extensions are an event a test waits for."""

    def __init__(self) -> None:
        self.visibility = 0.03  # type: ignore[assignment] - seconds, so that the test is short
        self.tried = threading.Event()
        self.calls = 0

    def extend(self, messages: Any) -> None:
        self.calls += 1
        if self.calls > 2:
            self.tried.set()
        raise SourceError("The queue is away.")


def test_an_extension_that_fails_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """The work under way goes on: at worst the message comes again."""
    queue = Stubborn()

    async def work() -> str:
        async with kept(queue, []):
            await asyncio.to_thread(queue.tried.wait, 30)
        return "done"

    assert asyncio.run(work()) == "done"
    assert set(caplog.messages) == {"Messages under way may come again. The queue is away."}


def test_an_error_in_the_block_is_the_blocks_own(aws: Simulator, name: str, opened: Callable[..., Queue]) -> None:
    """What is raised in the block comes out as it is, and nothing is extended any more."""
    queue = opened(aws.queue(name))

    async def work() -> None:
        async with kept(queue, []):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(work())


@pytest.mark.parametrize("kind", ["moto", "roto"])
def test_a_queue_that_is_away_for_a_while(kind: Any, tmp_path: Path) -> None:
    """Each call says so with an error of the source; once the queue is back, all is as before."""
    with simulated(kind, tmp_path / "aws") as aws:
        url = aws.queue("q", dead_letters="dead")
        aws.send(url, event("a"), "poison")
        with Queue(url, LONG) as queue:
            messages = received(queue, 2)
            aws.stop()
            calls: list[Callable[[], object]] = [
                lambda: queue.receive(1),
                lambda: queue.extend(messages),
                lambda: queue.release(messages),
                lambda: queue.delete(messages),
                lambda: queue.bury(messages[0], "poison"),
            ]
            for call in calls:
                with pytest.raises(SourceError, match=f"The queue {url} cannot be used now: nobody answers"):
                    call()
            with pytest.raises(SourceError, match="cannot be reached: nobody answers"):
                Queue(url)
            aws.start()
            queue.extend(messages)
            queue.delete(messages)
            assert aws.left(url) == 0


def test_a_queue_that_does_not_exist(aws: Simulator, name: str) -> None:
    """It is found out when it is opened."""
    with pytest.raises(SettingsError, match="it does not exist"):
        Queue(aws.queue(name) + "x")


def test_a_dead_letter_queue_that_does_not_exist(moto: Simulator, name: str) -> None:
    """Before there is anything to bury."""
    url = moto.queue(name, dead_letters=f"{name}-dead")
    moto.client("sqs").delete_queue(QueueUrl=f"{url}-dead")
    with pytest.raises(SettingsError, match="its dead-letter queue does not exist"):
        Queue(url)


@pytest.mark.parametrize("url", ["", "queue", "s3://bucket", "https://", "http://127.0.0.1:1", "http://[::1"])
def test_what_is_no_url_of_a_queue(url: str) -> None:
    """Neither a name nor a bucket."""
    with pytest.raises(SettingsError, match="queue"):
        Queue(url)


def test_a_fifo_queue() -> None:
    """S3 sends nothing into one."""
    with pytest.raises(SettingsError, match="FIFO"):
        Queue("https://sqs.eu-central-1.amazonaws.com/123456789012/arrivals.fifo")


def test_no_credentials(aws: Simulator, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore says so at the first call, and that is while it is opened."""
    url = aws.queue(name)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingsError, match="Unable to locate credentials"):
        Queue(url)


def test_a_user_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto, which asks for rights when it is told to, answers with no more than a status."""
    with simulated("moto", tmp_path) as aws:
        url = aws.queue("q")
        monkeypatch.setattr("moto.core.responses.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0)
        monkeypatch.setattr("moto.core.responses.ActionAuthenticatorMixin.request_count", 0)
        with pytest.raises(SettingsError, match="not accepted, or lack the right to sqs:GetQueueAttributes"):
            Queue(url)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDenied", "lack the right to sqs:GetQueueAttributes"),
        ("InvalidClientTokenId", r"credentials are not accepted \(InvalidClientTokenId\)"),
        ("AWS.SimpleQueueService.NonExistentQueue", "it does not exist"),
        ("Whatever", r"GetQueueAttributes failed \(Whatever\)"),
    ],
)
def test_what_sqs_refuses(code: str, said: str, aws_credentials: None) -> None:
    """Only the code of a refusal is told, with what to do."""
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": "secret page"})
    with answering(400, body) as url, pytest.raises(SettingsError, match=said) as caught:
        Queue(f"{url}/123456789012/q")
    assert "secret page" not in str(caught.value)


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "ServiceUnavailable"), (400, "Throttling")])
def test_a_refusal_that_passes(status: int, code: str, aws_credentials: None) -> None:
    """A service that is busy is no wrong setting."""
    with answering(status, json.dumps({"__type": code})) as url, pytest.raises(SourceError, match=code):
        Queue(f"{url}/123456789012/q")


def test_the_endpoint_of_the_environment_goes_before_the_urls_host(
    aws: Simulator, name: str, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., Queue]
) -> None:
    """A queue's URL as Amazon writes it, behind a simulator's or a private endpoint."""
    url = aws.queue(name)
    aws.send(url, event("a"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    elsewhere = url.replace(aws.url, f"https://sqs.{REGION}.amazonaws.com")
    assert objects(received(opened(elsewhere), 1)) == ["a"]


def test_the_region_is_that_of_the_url(
    aws: Simulator, name: str, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., Queue]
) -> None:
    """Whatever region the environment names for other things: there is no such queue there."""
    url = aws.queue(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    opened(url.replace(aws.url, f"https://sqs.{REGION}.amazonaws.com"))
    with pytest.raises(SettingsError, match="does not exist"):
        Queue(url.replace(aws.url, "https://sqs.us-east-1.amazonaws.com"))


def test_nobody_at_the_address(aws_credentials: None) -> None:
    """That may pass: it is no wrong setting by itself."""
    with pytest.raises(SourceError, match="nobody answers"):
        Queue(f"http://127.0.0.1:{free_port()}/123456789012/q")


@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_is_not_sqs(status: int, aws_credentials: None) -> None:
    """Its page is nobody's business: only that the address is wrong is said."""
    with answering(status, "<html>secret page</html>") as url, pytest.raises(SettingsError) as caught:
        Queue(f"{url}/123456789012/q")
    assert "secret page" not in str(caught.value)


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some, for an address without a simulator."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    """Our own words; the simulators in this process tell of each call they answer."""
    caplog.set_level(logging.WARNING)
