"""What a queue's message says about objects: S3's own events, through SNS, through EventBridge, and anything else."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trayflow.arrivals.messages import LONGEST_KEY, Created, PoisonError, objects_in

#: Keys that break when they are decoded once too often, or once too little.
KEYS = ["in/a.pdf", "a b+c.pdf", "100%.pdf", "%2B%20.pdf", "ü/é.pdf", "a//b/../c", " ", "new\nline", "日本.pdf"]

#: A secret in every message: no reason may quote it.
SECRET = "quoted-nowhere"


def record(key: str, name: str = "ObjectCreated:Put", **more: Any) -> dict[str, Any]:
    """One record as S3 sends it; `key` as it is."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventName": name,
        "s3": {"bucket": {"name": "inbox"}, "object": {"key": quote_plus(key, safe="/"), "size": 1}},
        **more,
    }


def direct(*keys: str, name: str = "ObjectCreated:Put") -> str:
    return json.dumps({"Records": [record(key, name) for key in keys]})


def bridged(key: str, kind: str = "Object Created") -> str:
    detail = {"version": "0", "bucket": {"name": "inbox"}, "object": {"key": key, "size": 1}, "reason": "PutObject"}
    return json.dumps({"version": "0", "source": "aws.s3", "detail-type": kind, "detail": detail})


def through_sns(body: str) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x", "Message": body})


TEST_EVENT = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "inbox"})
ENVELOPES = {
    "direct": direct,
    "sns": lambda key: through_sns(direct(key)),
    "eventbridge": bridged,
    "eventbridge through sns": lambda key: through_sns(bridged(key)),
}


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_as_it_was_put(envelope: str, key: str) -> None:
    """Whatever the envelope encodes, and however little, the key comes out as it went in."""
    assert objects_in(ENVELOPES[envelope](key)) == (Created("inbox", key),)


def test_keys_as_moto_writes_them() -> None:
    """moto encodes the slash as well."""
    body = direct("x").replace('"x"', '"in%2Fa+b%2Bc%2520%C3%A9.pdf"')
    assert objects_in(body) == (Created("inbox", "in/a b+c%20é.pdf"),)


def test_several_records_in_one_message_each_once() -> None:
    """Doubled records of one message are one object."""
    assert [found.key for found in objects_in(direct("b", "a", "b"))] == ["b", "a"]


@pytest.mark.parametrize(
    "name",
    [
        "ObjectCreated:Put",
        "ObjectCreated:Post",
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "s3:ObjectCreated:Put",
        "ObjectRestore:Completed",
    ],
)
def test_what_counts_as_created(name: str) -> None:
    """All ways to create an object, and its return from an archive: from then on it can be read."""
    assert objects_in(direct("a", name=name)) == (Created("inbox", "a"),)


@pytest.mark.parametrize(
    "body",
    [
        TEST_EVENT,
        through_sns(TEST_EVENT),
        direct("a", name="ObjectRemoved:Delete"),
        direct("a", name="ObjectRestore:Post"),
        direct("a", name="LifecycleExpiration:Delete"),
        bridged("a", "Object Deleted"),
        bridged("a", "Object Restore Initiated"),
        bridged("a", "AWS API Call via CloudTrail"),
        json.dumps({"Records": []}),
    ],
)
def test_other_events_of_the_storage_are_understood(body: str) -> None:
    """The event that S3 sends when it is set up, deletions and the like: no objects, and nothing to bury."""
    assert objects_in(body) == ()


def test_a_restored_object_through_eventbridge() -> None:
    """EventBridge's word for the return from an archive."""
    assert objects_in(bridged("a", "Object Restore Completed")) == (Created("inbox", "a"),)


POISON = {
    "empty": "",
    "text": SECRET,
    "half": direct("a")[:-1],
    "a list": "[1]",
    "a number": "1",
    "an object": json.dumps({"key": SECRET}),
    "records of others": json.dumps({"Records": [record("a", eventSource="aws:ses")]}),
    "a record that is none": json.dumps({"Records": [SECRET]}),
    "records that are none": json.dumps({"Records": SECRET}),
    "one odd record of two": json.dumps({"Records": [record("a"), {"eventSource": "aws:s3"}]}),
    "no object": json.dumps({"Records": [record("a", s3={"bucket": {"name": "inbox"}})]}),
    "a key that is a number": json.dumps(
        {"Records": [record("a", s3={"bucket": {"name": "x"}, "object": {"key": 1}})]}
    ),
    "no name of a bucket": json.dumps({"Records": [record("a", s3={"bucket": {}, "object": {"key": SECRET}})]}),
    "a bucket with a slash": direct("a").replace("inbox", f"in/{SECRET}"),
    "no key": direct(""),
    "a key that is too long": direct("k" * (LONGEST_KEY + 1)),
    "a key with a zero": direct("\0"),
    "a key in another encoding": direct("a").replace('"a"', '"%FF"'),
    "half a character": bridged("a").replace('"a"', '"\\ud800"'),
    "an event of others": bridged("a").replace("aws.s3", "aws.ec2"),
    "no detail": json.dumps({"source": "aws.s3", "detail-type": "Object Created"}),
    "sns with text": through_sns(SECRET),
    "sns without": json.dumps({"Type": "Notification", "Message": {"key": SECRET}}),
    "sns in sns": through_sns(through_sns(direct("a"))),
    "a subscription": json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": f"https://{SECRET}"}),
    "very deep": "[" * 100_000,
    "a very long number": '{"Records":' + "1" * 5000 + "}",
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON.keys())
def test_what_is_not_understood_is_poison_and_not_quoted(body: str) -> None:
    """The reason is a sentence that quotes nothing of the body."""
    with pytest.raises(PoisonError) as caught:
        objects_in(body)
    assert str(caught.value).endswith(".")
    assert SECRET not in str(caught.value)


#: JSON that is nearly right: the names that matter, with anything in them.
NAMES = ["Type", "Message", "Records", "eventSource", "eventName", "s3", "bucket", "object", "name", "key"]
NAMES += ["source", "detail-type", "detail", "Event", "Service"]
VALUES = ["Notification", "aws:s3", "aws.s3", "ObjectCreated:Put", "Object Created", "s3:TestEvent", "inbox", "%FF"]
NEARLY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


def objects_or_poison(body: str) -> None:
    try:
        found = objects_in(body)
    except PoisonError:
        return
    assert all(one.key.encode() and "/" not in one.bucket for one in found)


@given(st.text())
def test_any_text_is_understood_or_poison(body: str) -> None:
    """Nothing else is ever raised."""
    objects_or_poison(body)


@given(NEARLY)
def test_any_json_is_understood_or_poison(value: object) -> None:
    """Nor by JSON that resembles an event, by itself or in SNS."""
    objects_or_poison(json.dumps(value))
    objects_or_poison(through_sns(json.dumps(value)))


@given(st.data())
def test_an_event_with_anything_put_into_it(data: st.DataObject) -> None:
    """Nor by an event of which one field is something else."""
    event = json.loads(data.draw(st.sampled_from([direct("a"), bridged("a"), through_sns(direct("a"))])))
    place: Any = event
    while True:
        names = list(place) if isinstance(place, dict) else list(range(len(place)))
        name = data.draw(st.sampled_from(names))
        if not isinstance(place[name], dict | list) or not place[name] or data.draw(st.booleans()):
            break
        place = place[name]
    place[name] = data.draw(NEARLY)
    objects_or_poison(json.dumps(event))


@given(st.text(min_size=1, max_size=200).filter(lambda key: "\0" not in key))
def test_any_key_survives_every_envelope(key: str) -> None:
    """Keys are data: each comes out as it went in."""
    for envelope in ENVELOPES.values():
        assert objects_in(envelope(key)) == (Created("inbox", key),)
