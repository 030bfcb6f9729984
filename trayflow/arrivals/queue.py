"""The SQS queue that a bucket's events go into. Credentials, region and endpoint are found the AWS way.

The endpoint is what `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL` or the profile says: boto3 never looks at the host of a
queue's URL. Where none is set and the host is not Amazon's, we take the host, which is how simulators are spoken to.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from trayflow.arrivals.messages import Created, PoisonError, objects_in
from trayflow.errors import SettingsError, SourceError

#: Messages in one call, and seconds of a long poll, at the most: SQS's limits.
AT_ONCE, LONGEST_WAIT = 10, 20

#: Seconds before each further try of those messages in a batch that SQS could not serve.
TRY_AGAIN = (0.2, 1.0)

#: Poisonous messages of which we remember that they were told of; each comes back until the queue lets go of it.
REMEMBERED = 10_000

#: The message attribute in a dead-letter queue that says why the message is there.
REASON = "trayflow_reason"

NOT_SQS = "its address answers, but not as SQS does. Check the URL and AWS_ENDPOINT_URL."

AMAZON = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")
REGION = re.compile(r"(?:^|\.)([a-z]{2}(?:-[a-z]+)+-\d+)\.")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ours until its visibility time-out ends. With `poison`, the reason, it was not understood."""

    id: str
    receipt: str = field(repr=False)
    body: str = field(repr=False)
    objects: tuple[Created, ...] = ()
    poison: str | None = None


class Queue:
    """An SQS queue at its URL. Methods block, may be called from several threads, and raise `SourceError`.

    `visibility`: for how many seconds a received message is ours. Opening raises `SettingsError` when the queue or its
    dead-letter queue does not exist or may not be used, `SourceError` when it cannot be reached.
    """

    def __init__(self, url: str, visibility: int = 120) -> None:
        self.url = url
        self.visibility = visibility
        self._told: dict[str, None] = {}
        with _opening(url):
            session = boto3.session.Session()
            # A long poll is begun anew by whoever polls; the other calls are tried twice.
            self._sqs = _client(session, url, attempts=2, seconds=10)
            self._poll = _client(session, url, attempts=1, seconds=LONGEST_WAIT + 10)
            names = ["QueueArn", "RedrivePolicy"]
            answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names).get("Attributes", {})
            if "QueueArn" not in answer:  # botocore takes any page for an answer without attributes
                raise SettingsError(f"The queue {url} cannot be used: {NOT_SQS}")
            self._dead_letters = self._dead_letter_url(answer.get("RedrivePolicy"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. What was received and not deleted comes back when its visibility ends."""
        self._poll.close()
        self._sqs.close()

    @property
    def has_dead_letters(self) -> bool:
        """Whether there is a dead-letter queue to bury messages in."""
        return self._dead_letters is not None

    def receive(self, wait: int = LONGEST_WAIT) -> list[Message]:
        """Up to 10 messages, as soon as there are any; none after `wait` seconds (0 to 20) without."""
        with self._calling():
            answer = self._poll.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=wait,
                VisibilityTimeout=self.visibility,
            )
        return [_understood(message) for message in answer.get("Messages", [])]

    def extend(self, messages: Collection[Message]) -> None:
        """Make them ours for `visibility` seconds from now."""
        if lost := self._in_batches("change_message_visibility_batch", messages, VisibilityTimeout=self.visibility):
            log.warning("%s: not to be extended (%s), so they may come again.", *lost)

    def release(self, messages: Collection[Message], seconds: int = 0) -> None:
        """Let them come again, to anybody, after so many seconds."""
        if lost := self._in_batches("change_message_visibility_batch", messages, VisibilityTimeout=seconds):
            log.warning("%s: not to be released (%s), so they come again later.", *lost)

    def delete(self, messages: Collection[Message]) -> None:
        """Take them out of the queue for good."""
        if lost := self._in_batches("delete_message_batch", messages):
            log.warning("%s: not to be deleted (%s), so they come again.", *lost)

    def bury(self, message: Message, reason: str) -> None:
        """Move a message to the dead-letter queue, with the reason as its attribute `trayflow_reason`.

        Where the queue has none, the message stays, and is told of once.
        """
        if self._dead_letters is None:
            if message.id not in self._told:
                log.warning("Message %s is left in the queue, which has no dead-letter queue: %s", message.id, reason)
            self._told[message.id] = None
            if len(self._told) > REMEMBERED:
                self._told.pop(next(iter(self._told)))
            return
        with self._calling():
            self._sqs.send_message(
                QueueUrl=self._dead_letters,
                MessageBody=message.body,
                MessageAttributes={REASON: {"DataType": "String", "StringValue": reason}},
            )
        log.warning("Message %s is put into the dead-letter queue: %s", message.id, reason)
        self.delete([message])

    def _in_batches(self, call: str, messages: Collection[Message], **fields: int) -> tuple[str, str] | None:
        """Do the same to each message. Returns how many it could not be done to, and why, in words."""
        listed, lost = list(messages), dict[str, str]()
        for start in range(0, len(listed), AT_ONCE):
            lost |= self._batch(call, listed[start : start + AT_ONCE], fields)
        if not lost:
            return None
        return f"{len(lost)} message{'s'[: len(lost) > 1]}", ", ".join(sorted(set(lost.values())))

    def _batch(self, call: str, messages: Sequence[Message], fields: dict[str, int]) -> dict[str, str]:
        """Returns the codes of what could not be done, by message id."""
        lost: dict[str, str] = {}
        by_number = {str(number): message for number, message in enumerate(messages)}
        for delay in (*TRY_AGAIN, None):
            entries = [
                {"Id": number, "ReceiptHandle": message.receipt, **fields} for number, message in by_number.items()
            ]
            with self._calling():
                failed = getattr(self._sqs, call)(QueueUrl=self.url, Entries=entries).get("Failed", [])
            lost |= {by_number[failure["Id"]].id: failure["Code"] for failure in failed if failure["SenderFault"]}
            again = {failure["Id"]: failure["Code"] for failure in failed if not failure["SenderFault"]}
            by_number = {number: by_number[number] for number in again}
            if not by_number or delay is None:
                break
            time.sleep(delay)
        return lost | {message.id: again[number] for number, message in by_number.items()}

    def _dead_letter_url(self, policy: str | None) -> str | None:
        if policy is None:
            return None
        *_, account, name = json.loads(policy)["deadLetterTargetArn"].split(":")
        answer = self._sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        return str(answer["QueueUrl"])

    @contextmanager
    def _calling(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise SourceError(f"The queue {self.url} cannot be used now: {_why(error)}") from None


@asynccontextmanager
async def kept(queue: Queue, messages: Collection[Message]) -> AsyncIterator[None]:
    """Messages stay ours while the block runs: their visibility is extended three times as often as needed.

    `messages` is looked at each time: what is added to it or taken out of it meanwhile counts. Once the block has
    ended, nothing is extended any more. An extension that fails is logged: the messages may then come again.
    """
    ended = asyncio.Event()

    async def keep_on() -> None:
        while True:
            try:
                await asyncio.wait_for(ended.wait(), queue.visibility / 3)
            except TimeoutError:
                try:
                    await asyncio.to_thread(queue.extend, list(messages))
                except SourceError as error:
                    log.warning("Messages under way may come again. %s", error)
            else:
                return

    keeping = asyncio.create_task(keep_on())
    try:
        yield
    finally:
        # An extension under way is waited for: after a release it would hide the message again.
        ended.set()
        await keeping


def _understood(message: dict[str, Any]) -> Message:
    body, poison, objects = message["Body"], None, tuple[Created, ...]()
    try:
        objects = objects_in(body)
    except PoisonError as error:
        poison = str(error)
    return Message(message["MessageId"], message["ReceiptHandle"], body, objects, poison)


def _client(session: boto3.session.Session, url: str, *, attempts: int, seconds: int) -> Any:
    parts = _checked(url)
    host = parts.hostname or ""
    found = REGION.search(host)
    config = Config(
        connect_timeout=5, read_timeout=seconds, retries={"mode": "standard", "total_max_attempts": attempts}
    )
    where = {"region_name": found[1] if found else session.region_name or "us-east-1", "config": config}
    client = session.client("sqs", **where)
    configured = urlsplit(client.meta.endpoint_url).hostname or ""
    if configured.endswith(AMAZON) and not host.endswith(AMAZON):
        client.close()
        client = session.client("sqs", endpoint_url=f"{parts.scheme}://{parts.netloc}", **where)
    return client


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/"):
        raise SettingsError(
            "The queue's URL is not one of SQS: take it from `aws sqs get-queue-url`; it looks like "
            "https://sqs.eu-central-1.amazonaws.com/123456789012/arrivals."
        )
    if parts.path.endswith(".fifo"):
        raise SettingsError("The queue is a FIFO queue, into which S3 sends nothing: take a standard queue.")
    return parts


@contextmanager
def _opening(url: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        if _may_pass(error):
            raise SourceError(f"The queue {url} cannot be reached: {_why(error)}") from None
        raise SettingsError(f"The queue {url} cannot be used: {_why(error)}") from None
    except ValueError as error:  # botocore's word for an address that is none
        raise SettingsError(f"The queue {url} cannot be used: {error}") from None


def _may_pass(error: Exception) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or "Throttl" in _code(error)
    return isinstance(error, NoConnectionError | HTTPClientError)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "")).removeprefix("AWS.SimpleQueueService.")


def _why(error: Exception) -> str:
    """What happened and what to do. Of an answer only the code is told: the rest may be anybody's page."""
    if not isinstance(error, ClientError):
        if isinstance(error, NoConnectionError | HTTPClientError):
            return f"nobody answers ({type(error).__name__}). Check the URL, the network and AWS_ENDPOINT_URL."
        if isinstance(error, ResponseParserError):
            return NOT_SQS
        return f"{error}".rstrip(".") + "."  # credentials, profile, region: botocore says which
    code, call = _code(error), error.operation_name
    if code in ("NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"):
        which = "its dead-letter queue does" if call == "GetQueueUrl" else "it does"
        return f"{which} not exist. Check the URL and the region."
    if "AccessDenied" in code:
        return f"the credentials lack the right to sqs:{call}. docs/events.md has the policy."
    if any(word in code for word in ("Token", "Signature", "AccessKey", "Credentials", "UnrecognizedClient")):
        return f"the credentials are not accepted ({code})."
    if code in ("401", "403"):  # an answer that does not say why
        return f"the credentials are not accepted, or lack the right to sqs:{call}. docs/events.md has the policy."
    return f"{call} failed ({code})."
