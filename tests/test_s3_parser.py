"""What is read of a listing's objects is what botocore reads."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore import handlers
from botocore.awsrequest import AWSResponse
from botocore.parsers import ResponseParserError, RestXMLParser

from trayflow.settings import Limits, SourceSettings
from trayflow.sources.aws import clients
from trayflow.sources.listings import READ, Parsers

PLAIN = """<Contents><Key>in/a &amp; b.pdf</Key><LastModified>2026-11-26T10:00:00.000Z</LastModified>
<ETag>&quot;0cc175b9&quot;</ETag><Size>8</Size><StorageClass>STANDARD</StorageClass></Contents>"""
RESTORED = """<Contents><Key>in/b.pdf</Key><LastModified>2026-11-26T10:00:00Z</LastModified><ETag>"1"</ETag>
<Size>0</Size><StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>
<RestoreExpiryDate>2026-12-01T00:00:00.000Z</RestoreExpiryDate></RestoreStatus></Contents>"""
LISTING = f"""<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><KeyCount>2</KeyCount>
<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>{PLAIN}{RESTORED}</ListBucketResult>"""
VERSIONS = """<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>
<Version><Key>a.pdf</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest><ETag>"1"</ETag><Size>1</Size>
<LastModified>2026-11-26T10:00:00.000Z</LastModified><Owner><ID>me</ID></Owner></Version>
<Version><Key>a.pdf</Key><VersionId>null</VersionId><IsLatest>false</IsLatest><ETag>"2"</ETag><Size>2</Size>
<LastModified>Thu, 26 Nov 2026 10:00:00 GMT</LastModified></Version>
<DeleteMarker><Key>b.pdf</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest></DeleteMarker></ListVersionsResult>"""


def parsed(parser: Any, operation: str, body: str) -> Any:
    shape = botocore.session.get_session().get_service_model("s3").operation_model(operation).output_shape
    return parser.parse({"status_code": 200, "headers": {}, "body": body.encode()}, shape)


@pytest.mark.parametrize(
    ("operation", "objects", "body"),
    [("ListObjectsV2", "Contents", LISTING), ("ListObjectVersions", "Versions", VERSIONS)],
)
def test_a_listing_reads_like_botocores(operation: str, objects: str, body: str) -> None:
    """Each object has what is read of it, with the same values; whatever else the answer says is the same."""
    ours, theirs = (
        parsed(parser, operation, body) for parser in (Parsers().create_parser("rest-xml"), RestXMLParser())
    )
    assert len(ours[objects]) == 2
    for found, wanted in zip(ours.pop(objects), theirs.pop(objects), strict=True):
        assert {**wanted, **found} == wanted
        assert found.keys() >= wanted.keys() & {*READ, "RestoreStatus"}
    assert ours == theirs


@pytest.mark.parametrize("odd", ["<Size>many</Size>", "<Size/>", "<LastModified>yesterday, or so</LastModified>"])
def test_what_cannot_be_read_is_said(odd: str) -> None:
    """As an answer that makes no sense, and not as a fault of ours."""
    body = f"<ListBucketResult><Contents><Key>a</Key>{odd}</Contents></ListBucketResult>"
    with pytest.raises(ResponseParserError, match=r"^(Size|LastModified) of an object cannot be read$"):
        parsed(Parsers().create_parser("rest-xml"), "ListObjectsV2", body)


def test_other_protocols_are_botocores() -> None:
    """The factory replaces one parser."""
    parser = Parsers().create_parser("json")
    assert type(parser).__module__ == "botocore.parsers"


class Answers:
    """A server's next answers to listings, each the body of a 200; and how often botocore looked at one beforehand."""

    def __init__(self, client: Any, patch: pytest.MonkeyPatch, *bodies: str) -> None:
        self._bodies = iter(bodies)
        self.looked_at = 0
        client.meta.events.register("before-send.s3", self._answer)
        look = handlers._looks_like_special_case_error

        def counted(status: int, body: bytes) -> bool:
            self.looked_at += 1
            return bool(look(status, body))

        patch.setattr(handlers, "_looks_like_special_case_error", counted)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        body = next(self._bodies).encode()
        return AWSResponse(request.url, 200, {}, SimpleNamespace(stream=lambda *_, **__: [body]))


def listed(client: Any) -> list[str]:
    return [found["Key"] for found in client.list_objects_v2(Bucket="b")["Contents"]]


def test_a_whole_listing_is_parsed_once(aws: pytest.MonkeyPatch) -> None:
    """botocore does not look through it beforehand."""
    client, _ = clients(SourceSettings(), Limits(attempts=2))
    answers = Answers(client, aws, LISTING)
    assert listed(client) == ["in/a & b.pdf", "in/b.pdf"]
    assert answers.looked_at == 0


@pytest.mark.parametrize("odd", [LISTING[:-60], "<Error><Code>InternalError</Code></Error>"], ids=["half", "error"])
def test_what_is_no_whole_listing_is_asked_for_again(odd: str, aws: pytest.MonkeyPatch) -> None:
    """As botocore does it with an error in disguise, and with the half of an answer."""
    client, _ = clients(SourceSettings(), Limits(attempts=2))
    answers = Answers(client, aws, odd, LISTING)
    assert listed(client) == ["in/a & b.pdf", "in/b.pdf"]
    assert answers.looked_at == 1
