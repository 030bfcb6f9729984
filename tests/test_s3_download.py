"""Downloads over a line that breaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.s3_line import Line, line_to
from tests.s3_servers import Bucket, content, document
from trayflow.errors import FetchError, ReplacedError, SourceError
from trayflow.settings import Limits

LARGE = bytes(range(256)) * 4096


@pytest.fixture
def line(seaweed: Bucket, aws: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line to SeaweedFS that the source talks over."""
    with line_to(seaweed) as line:
        aws.setenv("AWS_ENDPOINT_URL", line.url)
        yield line


@pytest.mark.parametrize("reset", [False, True])
def test_a_download_goes_on_where_it_broke(seaweed: Bucket, line: Line, reset: bool) -> None:
    """Each further request asks for the rest alone, and every byte comes once."""
    line.reset = reset
    seaweed.put("a.bin", LARGE)
    line.downloads.extend([300_000, 200_000, 100_000])
    assert content(seaweed.source(), "a.bin") == LARGE
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked in line.ranges if asked]
    assert line.ranges[0] is None
    assert len(starts) == 3
    assert starts == sorted(starts)
    assert reset or starts == [300_000, 500_000, 600_000]


def test_an_end_that_comes_too_early_is_noticed(seaweed: Bucket, line: Line) -> None:
    """Even where not one byte of the body came."""
    seaweed.put("a.bin", LARGE)
    line.downloads.extend([0, 0])
    assert content(seaweed.source(), "a.bin") == LARGE
    assert line.ranges == [None] * 3


def test_a_line_that_brings_nothing_is_given_up(seaweed: Bucket, line: Line) -> None:
    """After so many tries in a row without another byte; the document can be had later."""
    seaweed.put("a.bin", LARGE)
    line.downloads.extend([1000, 0, 0, 0])
    with pytest.raises(FetchError, match="broke off 3 times in a row"):
        content(seaweed.source(limits=Limits(attempts=3, backoff=0.01)), "a.bin")
    assert line.ranges == [None, "bytes=1000-", "bytes=1000-"]


def test_tries_that_bring_bytes_do_not_count(seaweed: Bucket, line: Line) -> None:
    """A large object over a bad line takes as many tries as it takes."""
    seaweed.put("a.bin", LARGE)
    line.downloads.extend([100_000] * 8)
    assert content(seaweed.source(limits=Limits(attempts=2, backoff=0.01)), "a.bin") == LARGE


def test_a_busy_server_is_asked_again(seaweed: Bucket, line: Line) -> None:
    """By the download alone: botocore does not try again as well."""
    seaweed.put("a.bin", LARGE)
    line.downloads.extend([-503, -503])
    assert content(seaweed.source(limits=Limits(attempts=3, backoff=0.01)), "a.bin") == LARGE
    line.downloads.extend([-503] * 4)
    line.ranges.clear()
    with pytest.raises(FetchError, match="SlowDown"):
        content(seaweed.source(limits=Limits(attempts=3, backoff=0.01)), "a.bin")
    assert len(line.ranges) == 3


def test_an_object_that_changes_meanwhile_is_not_mixed(seaweed: Bucket, line: Line) -> None:
    """The rest of another version is never put behind the beginning of this one."""
    seaweed.put("a.bin", LARGE)
    source = seaweed.source()
    old = document(source, "a.bin")
    line.downloads.extend([100_000, lambda: seaweed.put("a.bin", LARGE[::-1])])
    with source.open(old) as stream, pytest.raises(ReplacedError):
        stream.read()


def test_damaged_bytes_are_noticed(seaweed: Bucket, line: Line) -> None:
    """Where the bucket keeps a checksum, bytes that do not have it are not taken."""
    seaweed.put("a.bin", LARGE, ChecksumAlgorithm="CRC32")
    source = seaweed.source()
    old = document(source, "a.bin")
    line.rewrite = lambda body: body[::-1]
    with source.open(old) as stream, pytest.raises(FetchError, match="damaged"):
        stream.read()


def test_a_bucket_that_goes_away_stops_the_run(moto: Bucket) -> None:
    """It is no single document's fault."""
    moto.put("a.bin")
    source = moto.source()
    old = document(source, "a.bin")
    moto.delete("a.bin")
    moto.client.delete_bucket(Bucket=moto.name)
    with source.open(old) as stream, pytest.raises(SourceError, match="no bucket"):
        stream.read()


def test_the_line_is_let_go(seaweed: Bucket) -> None:
    """A download that is abandoned half-way ends with its block."""
    seaweed.put("a.bin", LARGE)
    source = seaweed.source()
    with source.open(document(source, "a.bin")) as stream:
        assert stream.read(10) == LARGE[:10]
    assert stream.closed
    assert content(source, "a.bin") == LARGE
