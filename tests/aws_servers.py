"""Two simulators of AWS, on a port of their own, which can be away for a while; and buckets whose events go to queues.

moto and roto are two people's reading of AWS: what works on both leans on the habits of neither.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import boto3
import httpx
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from deployments.children import is_free
from tests.sockets import free_port

Kind = Literal["moto", "roto"]

REGION, ACCOUNT = "eu-central-1", "123456789012"

#: Simulators take any credentials. No file and no address of this machine's has a say.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "made-up",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "NO_PROXY": "127.0.0.1",
}

#: Events that S3 sends to more than one place.
CREATED = ["s3:ObjectCreated:*"]


class Running(Protocol):
    def stop(self) -> None: ...


class RotoServer:
    """roto, which keeps what it is told in a folder."""

    def __init__(self, port: int, folder: Path) -> None:
        command = [str(Path(sys.executable).with_name("roto-server")), "--port", str(port), "--data-dir", str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Simulator:
    """AWS on this machine."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._running: Running | None = None
        self._clients: dict[str, Any] = {}
        self.start()

    def start(self) -> None:
        """Begin to answer; what there was before an earlier `stop` is still there."""
        if self.kind == "moto":
            server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
            server.start()
            self._running = server
        else:
            self._running = RotoServer(self.port, self._folder)
        deadline = time.monotonic() + 60
        while is_free(self.port):
            if time.monotonic() > deadline:
                self.stop()
                raise TimeoutError(f"{self.kind} does not answer")
            time.sleep(0.05)

    def forget(self) -> None:
        """Empty moto, which keeps one state for all the servers of a process."""
        httpx.post(f"{self.url}/moto-api/reset", trust_env=False).raise_for_status()

    def stop(self) -> None:
        """Answer no more."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self.stop()

    def client(self, service: str) -> Any:
        """A boto3 client of a test's own."""
        if service not in self._clients:
            config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
            self._clients[service] = boto3.session.Session().client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id="made-up",
                aws_secret_access_key="made-up",
                config=config,
            )
        return self._clients[service]

    def queue(self, name: str, dead_letters: str | None = None, **attributes: str) -> str:
        """Make a queue, and its dead-letter queue if that is named; returns its URL."""
        if dead_letters:
            self.queue(dead_letters)
            policy = {"deadLetterTargetArn": arn_of(dead_letters), "maxReceiveCount": 5}
            attributes["RedrivePolicy"] = json.dumps(policy)
        return str(self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def bucket(self, name: str, **notifications: Any) -> None:
        """Make a bucket that tells of its events."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.notify(name, **notifications)

    def notify(self, bucket: str, **notifications: Any) -> None:
        """Set where a bucket's events go."""
        self.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=notifications)

    def bucket_with_queue(self, bucket: str, queue: str) -> str:
        """A bucket whose new objects are told to a new queue with a dead-letter queue; returns the queue's URL."""
        url = self.queue(queue, dead_letters=f"{queue}-dead")
        self.bucket(bucket, QueueConfigurations=[{"QueueArn": arn_of(queue), "Events": CREATED}])
        return url

    def put(self, bucket: str, *keys: str) -> None:
        """Put small objects."""
        for key in keys:
            self.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")

    def send(self, url: str, *bodies: str) -> None:
        """Send messages of a test's own."""
        for body in bodies:
            self.client("sqs").send_message(QueueUrl=url, MessageBody=body)

    def left(self, url: str) -> int:
        """How many messages a queue holds, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def peek(self, url: str) -> list[dict[str, Any]]:
        """Take what is visible in a queue, with its attributes."""
        sqs, found = self.client("sqs"), []
        while messages := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=600
        ).get("Messages", []):
            found += messages
        return found


def arn_of(queue: str) -> str:
    """The ARN of a queue in a simulator."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


@contextmanager
def simulated(kind: Kind, folder: Path) -> Iterator[Simulator]:
    """A simulator for the block, in whose environment AWS is that one."""
    simulator = Simulator(kind, folder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)
            for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_PROFILE", "AWS_REGION"):
                patch.delenv(name, raising=False)
            yield simulator
    finally:
        simulator.close()
