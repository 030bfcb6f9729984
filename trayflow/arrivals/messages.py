"""What a message in a bucket's queue says about objects: three envelopes, told apart by what is in them.

- S3's own event notifications: `Records`, whose keys are encoded as in an HTML form (a space is `+`, a plus `%2B`)
  (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
- EventBridge: one event with a `detail-type`, whose key stands as it is
  (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html).
- SNS: either of them as text in the `Message` of a notification; with raw delivery SNS adds nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from trayflow.errors import TrayflowError

#: Bytes of a key at the most (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
LONGEST_KEY = 1024

#: Buckets of before 2018 may have names that no new one can have.
BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")

ODD = "The {} does not say which object was created, in which bucket."


class PoisonError(TrayflowError):
    """A message that will never be understood. The message of the error says why, and quotes nothing of the body."""


@dataclass(frozen=True, slots=True)
class Created:
    """An object that can be read since a short while: created, or restored from an archive."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """Its address, the key as it is."""
        return f"s3://{self.bucket}/{self.key}"


def objects_in(body: str) -> tuple[Created, ...]:
    """The objects that a message says were created, each once; none for the storage's other events.

    Raises `PoisonError` for what is not JSON, is in none of the envelopes, or lacks what belongs into them.
    """
    event = _parsed(body, "The message")
    match event:
        case {"Type": "Notification", "Message": str(inner)}:
            return _in_event(_parsed(inner, "What SNS delivered"))
        case {"Type": "SubscriptionConfirmation" | "UnsubscribeConfirmation"}:
            raise PoisonError("SNS asks to confirm a subscription: confirm or end it in the topic's account.")
    return _in_event(event)


def _parsed(text: str, what: str) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        raise PoisonError(f"{what} is not JSON.") from None
    if not isinstance(event, dict):
        raise PoisonError(f"{what} is no event: it is JSON, but no object.")
    return event


def _in_event(event: dict[str, Any]) -> tuple[Created, ...]:
    match event:
        case {"Service": "Amazon S3", "Event": "s3:TestEvent"}:
            return ()
        case {"Records": [*records]}:
            return tuple(dict.fromkeys(found for record in records if (found := _in_record(record))))
        case {"source": "aws.s3", "detail-type": str(kind)}:
            return (_in_detail(event),) if kind in ("Object Created", "Object Restore Completed") else ()
    raise PoisonError("It is no event of S3's, neither its own nor EventBridge's nor one in an SNS notification.")


def _in_record(record: object) -> Created | None:
    match record:
        case {"eventSource": "aws:s3", "eventName": str(name)}:
            name = name.removeprefix("s3:")
            if not name.startswith("ObjectCreated:") and name != "ObjectRestore:Completed":
                return None
        case _:
            raise PoisonError("One of its records is no event of S3's.")
    match record:
        case {"s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}}:
            return _created(bucket, _decoded(key))
    raise PoisonError(ODD.format("record"))


def _in_detail(event: dict[str, Any]) -> Created:
    match event:
        case {"detail": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}}:
            return _created(bucket, key)
    raise PoisonError(ODD.format("event"))


def _decoded(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise PoisonError("The object's key is not encoded as S3 does it.") from None


def _created(bucket: str, key: str) -> Created:
    if not BUCKET.fullmatch(bucket):
        raise PoisonError("The bucket's name is none that S3 allows.")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:  # half a character, which JSON can say
        raise PoisonError("The object's key is no text.") from None
    if not 0 < size <= LONGEST_KEY or "\0" in key:
        raise PoisonError("The object's key is none that S3 allows.")
    return Created(bucket, key)
