"""S3 on this machine: SeaweedFS, which is a real server, and two simulators of AWS, one of each a test process.

Fixtures: `bucket` is an empty bucket on each of the three, turn about; `seaweed` and `moto` are empty ones there.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sysconfig
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.engines import eventually
from trayflow.models import Document, Found
from trayflow.settings import Limits, SourceSettings
from trayflow.sources import open_source
from trayflow.sources.s3 import S3

KEY, SECRET = "AKIAMADEUP", "made-up-secret"
#: May read and list one bucket only, whose name begins like this.
READER, READABLE = "AKIAREADER", "readable"

#: Tries that do not keep a test waiting.
QUICK = Limits(attempts=3, backoff=0.01)

IDENTITIES = [
    {
        "name": "admin",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    },
    {
        "name": "reader",
        "credentials": [{"accessKey": READER, "secretKey": SECRET}],
        "actions": [f"Read:{READABLE}", f"List:{READABLE}", f"List:{READABLE}-unread"],
    },
]


@dataclass(frozen=True)
class Bucket:
    """A bucket of a test's own."""

    server: str
    endpoint: str
    name: str

    @property
    def client(self) -> Any:
        """A client of the test's, which may do everything."""
        return client_of(self.endpoint)

    def put(self, key: str, body: bytes = b"content", **options: Any) -> None:
        """Put an object there."""
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **options)

    def delete(self, key: str) -> None:
        """Delete an object; in a bucket with versions, put a delete marker on it."""
        self.client.delete_object(Bucket=self.name, Key=key)

    def keep_versions(self, status: str = "Enabled") -> None:
        """Turn versioning on, or `Suspended`."""
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": status})

    def source(self, prefix: str = "", limits: Limits = QUICK, **settings: Any) -> S3:
        """The bucket, or a part of it, as a source of documents."""
        settings.setdefault("path_style", True)
        opened = open_source(f"s3://{self.name}/{prefix}", SourceSettings(**settings), limits)
        assert isinstance(opened, S3)
        return opened


@cache
def client_of(endpoint: str) -> Any:
    """A client that may do everything at a server; to make one takes longer than most of its calls."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=20),
    )


def listed(source: S3) -> dict[str, Found]:
    """All that a source finds, by key."""
    return {found.key: found for page in source.pages() for found in page.found}


def skipped(source: S3) -> dict[str, str]:
    """All that a source leaves alone, with the reasons."""
    return {item.key: item.reason for page in source.pages() for item in page.skipped}


def document(source: S3, key: str, found: Found | None = None) -> Document:
    """A document as the ledger would hand it to the source, as it is listed now."""
    found = found or listed(source)[key]
    return Document("1", source.uri, found.key, found.version, found.size)


def content(source: S3, key: str) -> bytes:
    """The bytes of what is listed under a key."""
    with source.open(document(source, key)) as stream:
        return stream.read()


@pytest.fixture(scope="session")
def seaweed_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SeaweedFS of this test process; its endpoint."""
    with serving_seaweed(tmp_path_factory.mktemp("seaweed")) as url:
        yield url


@contextmanager
def serving_seaweed(folder: Path, *more: dict[str, Any]) -> Iterator[str]:
    """A SeaweedFS on free ports of this machine, with its data in a folder; its endpoint. `more` may use it as well."""
    identities = folder / "identities.json"
    identities.write_text(json.dumps({"identities": [*IDENTITIES, *more]}))
    parts = ("master", "volume", "filer", "admin", "s3")
    ports = dict(zip([f"{part}.port{grpc}" for part in parts for grpc in ("", ".grpc")], free_ports(10), strict=True))
    command = [str(Path(sysconfig.get_path("scripts")) / "weed"), "mini", f"-dir={folder}", f"-s3.config={identities}"]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-webdav=false", "-admin.ui=false"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", *[f"-{name}={port}" for name, port in ports.items()]]
    url = f"http://127.0.0.1:{ports['s3.port']}"
    with (folder / "log").open("wb") as log:
        # In a folder of its own: it looks for settings where it is started.
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        eventually(lambda: server.poll() is not None or _answers(f"{url}/healthz"))
        assert server.poll() is None, (folder / "log").read_text()
        eventually(lambda: _takes_objects(url))
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A moto of this test process; its endpoint."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def roto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A roto of this test process; its endpoint."""
    (port,), folder = free_ports(1), tmp_path_factory.mktemp("roto")
    command = [str(Path(sysconfig.get_path("scripts")) / "roto-server"), "--ephemeral", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: server.poll() is not None or _answers(url))
        assert server.poll() is None, (folder / "log").read_text()
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with made-up credentials, and nothing of this machine's own."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return monkeypatch


def _bucket(request: pytest.FixtureRequest, server: str, aws: pytest.MonkeyPatch) -> Bucket:
    url = request.getfixturevalue(f"{server}_url")
    aws.setenv("AWS_ENDPOINT_URL", url)
    made = Bucket(server, url, f"bucket-{uuid.uuid4().hex}")
    made.client.create_bucket(Bucket=made.name)
    return made


@pytest.fixture(params=["seaweed", "moto", "roto"])
def bucket(request: pytest.FixtureRequest, aws: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket, on each of the servers; the environment leads to it."""
    return _bucket(request, request.param, aws)


@pytest.fixture
def seaweed(request: pytest.FixtureRequest, aws: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket on SeaweedFS; the environment leads to it."""
    return _bucket(request, "seaweed", aws)


@pytest.fixture
def moto(request: pytest.FixtureRequest, aws: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket on moto; the environment leads to it."""
    return _bucket(request, "moto", aws)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=10).status_code < 500
    except httpx.HTTPError:
        return False


def _takes_objects(url: str) -> bool:
    """Whether there is a volume to write to yet."""
    bucket = Bucket("seaweed", url, "first")
    try:
        bucket.client.create_bucket(Bucket=bucket.name)
        bucket.put("first")
    except bucket.client.exceptions.ClientError:
        return False
    return True
