"""What a bucket refuses, and what is said about it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.s3_line import line_to
from tests.s3_servers import KEY, READABLE, READER, SECRET, Bucket, content, document, free_ports, listed, skipped
from trayflow.errors import DocumentError, FetchError, SettingsError, SourceError
from trayflow.reasons import Reason
from trayflow.settings import Limits, SourceSettings
from trayflow.sources import open_source

AT_ONCE = Limits(attempts=1)


def opening(address: str = "s3://bucket") -> str:
    """What is said when a source cannot be opened, secrets aside."""
    with pytest.raises((SettingsError, SourceError)) as error:
        open_source(address, SourceSettings(path_style=True), AT_ONCE)
    said = f"{type(error.value).__name__}: {error.value}"
    assert SECRET not in said
    assert KEY not in said
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return said


@pytest.mark.parametrize("address", ["s3://", "s3:///in", "s3://bucket/a\nb", "s3://no bucket/in"])
def test_an_address_without_a_bucket_is_a_setting_to_put_right(aws: pytest.MonkeyPatch, address: str) -> None:
    """Said with what an address looks like."""
    assert opening(address).startswith("SettingsError")
    assert "s3://bucket/folder" in opening(address)


def test_no_credentials_are_a_setting_to_put_right(aws: pytest.MonkeyPatch) -> None:
    """Said before anything is asked of anybody."""
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    assert opening().startswith("SettingsError: There are no AWS credentials: set AWS_ACCESS_KEY_ID")


def test_half_of_the_credentials_are_a_setting_to_put_right(aws: pytest.MonkeyPatch) -> None:
    """A key without its secret."""
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    assert opening().startswith("SettingsError: There are no AWS credentials")


def test_a_profile_that_is_not_there_is_a_setting_to_put_right(aws: pytest.MonkeyPatch) -> None:
    """It is the first thing that is looked up."""
    aws.setenv("AWS_PROFILE", "nobody")
    assert "SettingsError: AWS cannot be spoken to (ProfileNotFound)" in opening()


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [("AKIANOBODY", SECRET, "InvalidAccessKeyId"), (KEY, "wrong", "SignatureDoesNotMatch")],
)
def test_wrong_credentials_are_a_setting_to_put_right(
    seaweed: Bucket, aws: pytest.MonkeyPatch, key: str, secret: str, code: str
) -> None:
    """Said with the server's word for it, and without the key."""
    aws.setenv("AWS_ACCESS_KEY_ID", key)
    aws.setenv("AWS_SECRET_ACCESS_KEY", secret)
    said = opening(f"s3://{seaweed.name}")
    assert said.startswith("SettingsError")
    assert code in said
    assert key not in said


def test_a_bucket_that_may_not_be_listed_is_said(seaweed: Bucket, aws: pytest.MonkeyPatch) -> None:
    """With the right that is wanted."""
    aws.setenv("AWS_ACCESS_KEY_ID", READER)
    assert opening(f"s3://{seaweed.name}").startswith("SourceError")
    assert "s3:ListBucket" in opening(f"s3://{seaweed.name}")


def test_nobody_at_the_endpoint_is_said(aws: pytest.MonkeyPatch) -> None:
    """With the address, but without a password in it."""
    (port,) = free_ports(1)
    aws.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    assert f"SourceError: 127.0.0.1:{port} cannot be reached" in opening()


@pytest.mark.parametrize("endpoint", ["no address", "ftp//x", ""])
def test_an_endpoint_that_is_none_is_said(aws: pytest.MonkeyPatch, endpoint: str) -> None:
    """In one sentence, whatever botocore makes of it."""
    aws.setenv("AWS_ENDPOINT_URL", endpoint or "http://")
    assert "Error: " in opening()


@pytest.fixture
def no_s3() -> Iterator[str]:
    """A web server that speaks HTML."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html><p>Welcome<br></html>")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_endpoint_that_is_no_s3_is_said(aws: pytest.MonkeyPatch, no_s3: str) -> None:
    """A web page is no listing."""
    aws.setenv("AWS_ENDPOINT_URL", no_s3)
    assert "does not speak S3" in opening()


def test_whether_versions_are_kept_may_be_secret(
    seaweed: Bucket, aws: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bucket that may be listed is a source all the same; what that means is logged."""
    readable = Bucket("seaweed", seaweed.endpoint, f"{READABLE}-unread")
    readable.client.create_bucket(Bucket=readable.name)
    readable.put("a.pdf")
    readable.put("b.pdf")
    aws.setenv("AWS_ACCESS_KEY_ID", READER)
    with caplog.at_level(logging.WARNING, "trayflow"):
        source = readable.source()
    assert list(listed(source)) == ["a.pdf", "b.pdf"]
    assert "s3:GetBucketVersioning" in caplog.text
    with pytest.raises(FetchError, match="s3:GetObject"):
        content(source, "a.pdf")
    assert source.find(["a.pdf"]).skipped[0].reason.startswith("it may not be read")
    with pytest.raises(SourceError, match="s3:GetObject"):
        source.find(["a.pdf", "b.pdf"])


def test_credentials_that_end_stop_the_run(seaweed: Bucket, aws: pytest.MonkeyPatch) -> None:
    """Found while downloading, looking up or listing: it concerns every document."""
    seaweed.put("a.pdf")
    old = document(seaweed.source(), "a.pdf")
    source = seaweed.source()
    for client in (source._client, source._reader):
        client._request_signer._credentials.secret_key = "rotated"
    with source.open(old) as stream, pytest.raises(SourceError, match="does not accept the AWS credentials"):
        stream.read()
    with pytest.raises(SourceError, match="does not accept the AWS credentials"):
        source.find(["a.pdf"])
    with pytest.raises(SourceError, match="does not accept the AWS credentials"):
        list(source.pages())


def test_a_server_that_went_away_stops_a_look_up(seaweed: Bucket) -> None:
    """No key is taken for missing because nobody answers."""
    with line_to(seaweed) as line, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", line.url)
        source = seaweed.source()
    with pytest.raises(SourceError, match="cannot be reached"):
        source.find(["a.pdf"])


def test_archived_objects_are_left_alone(moto: Bucket) -> None:
    """With the reason, by listing and by key; what is called archive but read at once is taken."""
    for kind in ("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "STANDARD_IA"):
        moto.put(f"{kind}.pdf", StorageClass=kind)
    source = moto.source()
    reasons = {
        "GLACIER.pdf": "in storage class GLACIER: restore it first",
        "DEEP_ARCHIVE.pdf": "in storage class DEEP_ARCHIVE: restore it first",
    }
    assert skipped(source) == reasons
    assert list(listed(source)) == ["GLACIER_IR.pdf", "STANDARD_IA.pdf"]
    found = source.find(["GLACIER.pdf", "DEEP_ARCHIVE.pdf", "GLACIER_IR.pdf", "STANDARD_IA.pdf"])
    assert {item.key: item.reason for item in found.skipped} == reasons
    assert [item.key for item in found.found] == ["GLACIER_IR.pdf", "STANDARD_IA.pdf"]


def test_a_restored_object_is_taken(moto: Bucket) -> None:
    """Once its restore has ended, a look-up finds it, and it can be read."""
    moto.put("a.pdf", StorageClass="GLACIER")
    moto.client.restore_object(Bucket=moto.name, Key="a.pdf", RestoreRequest={"Days": 1})
    source = moto.source()
    (found,) = source.find(["a.pdf"]).found
    with source.open(document(source, "a.pdf", found)) as stream:
        assert stream.read() == b"content"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("<IsRestoreInProgress>true</IsRestoreInProgress>", "in storage class GLACIER: its restore is under way"),
        (
            "<IsRestoreInProgress>false</IsRestoreInProgress>"
            "<RestoreExpiryDate>2012-12-21T00:00:00.000Z</RestoreExpiryDate>",
            None,
        ),
    ],
)
def test_a_listing_tells_of_restores(moto: Bucket, aws: pytest.MonkeyPatch, status: str, reason: str | None) -> None:
    """AWS says so where it is asked to, as we do
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreStatus.html); the simulators do not.
    """
    moto.put("a.pdf", StorageClass="GLACIER")
    told = f"</StorageClass><RestoreStatus>{status}</RestoreStatus>".encode()
    with line_to(moto) as line:
        aws.setenv("AWS_ENDPOINT_URL", line.url)
        source = moto.source()
        line.rewrite = lambda body: body.replace(b"</StorageClass>", told)
        assert skipped(source) == ({"a.pdf": reason} if reason else {})
        assert list(listed(source)) == ([] if reason else ["a.pdf"])
        assert line.headers[-1]["x-amz-optional-object-attributes"] == "RestoreStatus"


def test_an_object_archived_since_it_was_listed_is_for_a_person(moto: Bucket) -> None:
    """Nothing of ours can restore it: it costs, and takes hours."""
    moto.put("a.pdf")
    source = moto.source()
    old = document(source, "a.pdf")
    moto.put("a.pdf", StorageClass="GLACIER")
    with source.open(old) as stream, pytest.raises(DocumentError, match="trayflow retry --reason archived") as error:
        stream.read()
    assert error.value.reason is Reason.ARCHIVED


def test_the_requester_pays_where_that_is_agreed(seaweed: Bucket, aws: pytest.MonkeyPatch) -> None:
    """Each listing, look-up and download says so, and the presigned address as well."""
    seaweed.put("a.pdf")
    with line_to(seaweed) as line:
        aws.setenv("AWS_ENDPOINT_URL", line.url)
        source = seaweed.source(requester_pays=True)
        line.headers.clear()
        assert content(source, "a.pdf") == b"content"
        source.find(["a.pdf"])
        assert [headers.get("x-amz-request-payer") for headers in line.headers] == ["requester"] * 3
        link = source.link(document(source, "a.pdf"), 60)
    assert httpx.URL(link).params["x-amz-request-payer"] == "requester"
