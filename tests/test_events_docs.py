"""The commands in docs/events.md: their JSON documents are taken from there, and set up what they promise."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import pytest

from tasks.events import arrived
from tests.aws_servers import ACCOUNT, REGION, Simulator, simulated
from trayflow.arrivals import Created, Queue

DOCS = (Path(__file__).parents[1] / "docs" / "events.md").read_text()
NAMES = {"REGION": REGION, "ACCOUNT": ACCOUNT, "BUCKET": "acme-inbox", "QUEUE": "arrivals"}

QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:arrivals"


def document(name: str) -> str:
    """What the shell would write into a file, the variables filled in."""
    found = re.search(rf"^cat > {re.escape(name)} <<END\n(.*?)\nEND$", DOCS, re.MULTILINE | re.DOTALL)
    assert found, name
    return Template(found[1]).substitute(NAMES)


def parsed(name: str) -> Any:
    return json.loads(document(name))


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Simulator]:
    """An account in which the section "A bucket and a queue" was followed, but for policy and notifications."""
    with simulated("moto", tmp_path) as simulator:
        simulator.forget()
        simulator.queue("arrivals-dead", MessageRetentionPeriod="1209600")
        simulator.queue("arrivals", MessageRetentionPeriod="1209600")
        simulator.bucket("acme-inbox")
        yield simulator


def follow(aws: Simulator, policy: str, notifications: str) -> str:
    """Set the queue's policy and its dead-letter queue, and the bucket's notifications; the queue's URL."""
    sqs = aws.client("sqs")
    url: str = sqs.get_queue_url(QueueName="arrivals")["QueueUrl"]
    attributes = {"Policy": document(policy), "RedrivePolicy": document("redrive.json")}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    aws.notify("acme-inbox", **parsed(notifications))
    return url


def told(aws: Simulator, url: str) -> list[Created]:
    """What the queue says once three objects were put: one outside `in/`, one that is no PDF, and one that is meant."""
    aws.put("acme-inbox", "out/b.pdf", "in/c.txt", "in/a b.pdf")
    found: list[Created] = []
    deadline = time.monotonic() + 30
    with Queue(url) as queue:
        assert queue.has_dead_letters
        while Created("acme-inbox", "in/a b.pdf") not in found:
            assert time.monotonic() < deadline
            for message in queue.receive(1):
                assert message.poison is None
                found += message.objects
    return found


def test_directly(aws: Simulator) -> None:
    """The filter lets through what it says."""
    url = follow(aws, "queue-policy.json", "notifications.json")
    assert [created.key for created in told(aws, url)] == ["in/a b.pdf"]


def test_through_sns(aws: Simulator) -> None:
    """The topic takes its policy, and its subscription is the queue."""
    sns = aws.client("sns")
    topic = sns.create_topic(Name="arrivals")["TopicArn"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=document("topic-policy.json"))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE_ARN)
    url = follow(aws, "queue-policy-sns.json", "notifications-sns.json")
    assert len(told(aws, url)) == 3


def test_through_eventbridge(aws: Simulator) -> None:
    """The rule's pattern matches what lies under the prefix."""
    events = aws.client("events")
    rule = events.put_rule(Name="arrivals", EventPattern=document("pattern.json"))["RuleArn"]
    events.put_targets(Rule="arrivals", Targets=[{"Id": "queue", "Arn": QUEUE_ARN}])
    (statement,) = parsed("queue-policy-eventbridge.json")["Statement"]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == rule
    url = follow(aws, "queue-policy-eventbridge.json", "notifications-eventbridge.json")
    assert [created.key for created in told(aws, url)] == ["in/c.txt", "in/a b.pdf"]


def test_the_rights_of_trayflow(aws: Simulator) -> None:
    """IAM takes the policy, as far as moto knows what it takes."""
    aws.client("iam").create_policy(PolicyName="trayflow", PolicyDocument=document("trayflow-policy.json"))


def test_every_document_is_looked_at() -> None:
    """No JSON file of the page is left out of these tests."""
    names = set(re.findall(r"^cat > (\S+) <<END$", DOCS, re.MULTILINE))
    assert names
    assert [name for name in names if f'"{name}"' not in Path(__file__).read_text()] == []


def test_the_event_that_is_shown() -> None:
    """The example is what is really sent, but for the id and the time."""
    (shown,) = re.findall(r"^```json\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
    shown = json.loads(shown)
    event = arrived(Created("acme-inbox", "in/invoice 7.pdf"), shown["payload"]["message_id"])
    assert event.model_dump(mode="json", include={"event", "resource", "payload"}) == shown
