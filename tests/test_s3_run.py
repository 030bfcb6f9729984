"""The flow over a bucket, in a real Prefect, against a service that does what each test tells it."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
from pathlib import Path
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from flows.ingest import ingest
from tests.s3_line import line_to
from tests.s3_servers import Bucket
from tests.scripted import Scripted, hurry
from trayflow.errors import SettingsError
from trayflow.progress import Summary

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    # Prefect leaves its event loops' sockets and its database connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def inbox(tmp_path: Path, aws: pytest.MonkeyPatch, service: Scripted, seaweed: Bucket) -> Bucket:
    """An empty bucket, and a working directory whose settings point at the service and hurry."""
    aws.chdir(tmp_path)
    hurry(aws, service, TRAYFLOW_LIMITS__ATTEMPTS="3")
    aws.setenv("TRAYFLOW_SOURCE__PATH_STYLE", "true")
    return seaweed


def pdf(text: str) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1)
    canvas.drawString(100, 700, text)
    canvas.save()
    return buffer.getvalue()


def run(inbox: Bucket, **options: Any) -> Summary:
    return asyncio.run(ingest(f"s3://{inbox.name}/in/", "tables", **options))


def rows() -> list[dict[str, str]]:
    with Path("tables/invoice.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_objects_become_rows(inbox: Bucket, service: Scripted) -> None:
    """Once each: a second run submits nothing, and an object put anew is a new version, with a row of its own."""
    for name in ("a.pdf", "b c.pdf"):
        inbox.put(f"in/{name}", pdf(name))
    inbox.put("elsewhere.pdf", pdf("elsewhere"))
    first = run(inbox)
    assert (first.documents, first.written, first.in_progress) == (2, 2, 0)
    assert {row["source_uri"] for row in rows()} == {f"s3://{inbox.name}/in/{name}" for name in ("a.pdf", "b c.pdf")}
    second = run(inbox)
    assert (second.unchanged, second.submissions.model_dump()) == (2, {"identify": 0, "execute": 0})
    inbox.put("in/a.pdf", pdf("other text"))
    third = run(inbox)
    assert (third.unchanged, third.written) == (1, 1)
    assert len(rows()) == 3
    assert len(service.accepted) == 6


def test_same_bytes_as_a_new_version_are_paid_for_once(inbox: Bucket, service: Scripted) -> None:
    """In a bucket that keeps versions, an object put again as it was is a duplicate of itself."""
    inbox.keep_versions()
    inbox.put("in/a.pdf", pdf("same"))
    assert run(inbox).written == 1
    inbox.put("in/a.pdf", pdf("same"))
    assert run(inbox).duplicate == 1
    assert len(service.accepted) == 2


def test_the_service_may_download_by_itself(
    inbox: Bucket, service: Scripted, aws: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With `submit = "url"` it is handed addresses in place of bytes, and no log holds one."""
    aws.setenv("TRAYFLOW_SOURCE__SUBMIT", "url")
    inbox.put("in/a.pdf", pdf("a"))
    with caplog.at_level(logging.DEBUG):
        assert run(inbox).written == 1
    assert service.downloaded == [pdf("a")] * 2
    # The one who downloads from there logs it: that is the service's side, here in the same process.
    ours = [record.getMessage() for record in caplog.records if record.name.split(".")[0] not in ("httpx", "httpcore")]
    assert not [message for message in ours if "X-Amz-Signature" in message]


def test_an_object_that_changes_on_the_way_is_taken_as_its_new_version(inbox: Bucket, aws: pytest.MonkeyPatch) -> None:
    """Put anew between listing and download: in the same run, once, with the new bytes."""
    inbox.put("in/a.pdf", pdf("old"))
    with line_to(inbox) as line:
        aws.setenv("AWS_ENDPOINT_URL", line.url)
        line.downloads.append(lambda: inbox.put("in/a.pdf", pdf("new, and longer")))
        summary = run(inbox)
    assert (summary.written, summary.in_progress) == (1, 0)
    assert len(rows()) == 1


def test_a_run_may_be_about_some_keys(inbox: Bucket) -> None:
    """Those that are there are taken, and nothing else is looked at."""
    for name in ("a.pdf", "b.pdf"):
        inbox.put(f"in/{name}", pdf(name))
    assert run(inbox, keys=["b.pdf", "gone.pdf"]).documents == 1
    assert [row["source_uri"].rsplit("/", 1)[-1] for row in rows()] == ["b.pdf"]


def test_a_wrong_bucket_stops_the_run_before_it_begins(inbox: Bucket, service: Scripted) -> None:
    """Nothing has been submitted then."""
    with pytest.raises(SettingsError, match="no bucket no-such-bucket"):
        asyncio.run(ingest("s3://no-such-bucket", "tables"))
    assert service.intents == []
