"""Listings of large buckets: in pages, ahead of the caller, several at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ConnectionClosedError

from tests.engines import eventually
from tests.s3_line import line_to
from tests.s3_servers import Bucket, listed
from trayflow.errors import SourceError


def fill(bucket: Bucket, keys: list[str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(bucket.put, keys))


def listing_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("trayflow-ahead")]


@pytest.fixture(scope="module")
def large(seaweed_url: str) -> Iterator[Bucket]:
    """A bucket of 2,500 objects in five folders; nobody changes it."""
    bucket = Bucket("seaweed", seaweed_url, "readable")
    bucket.client.create_bucket(Bucket=bucket.name)
    fill(bucket, [f"in/{part}/{number:04}.pdf" for part in "abcde" for number in range(500)])
    return bucket


@pytest.fixture(autouse=True)
def endpoint(large: Bucket, aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT_URL", large.endpoint)


def test_a_large_bucket_comes_in_pages(large: Bucket) -> None:
    """A thousand at a time, in order, none twice."""
    pages = [[found.key for found in page.found] for page in large.source("in").pages()]
    assert [len(page) for page in pages] == [1000, 1000, 500]
    keys = [key for page in pages for key in page]
    assert keys == sorted(set(keys))


def test_prefixes_are_listed_at_once(large: Bucket) -> None:
    """Together they give the same; what is below none of them is no part of the source."""
    whole = listed(large.source("in"))
    parts = large.source("in", prefixes=[f"{part}/" for part in "abcde"])
    assert listed(parts) == whole
    some = large.source("in", prefixes=["a/", "b/00"])
    assert len(listed(some)) == 600
    assert [found.key for found in some.find(["a/0001.pdf", "b/0100.pdf", "c/0001.pdf"]).found] == ["a/0001.pdf"]


def test_prefixes_within_others_are_listed_once(large: Bucket) -> None:
    """No object comes twice, however the prefixes overlap."""
    pages = large.source("in", prefixes=["a/", "a/00", "a/", "b/04"]).pages()
    keys = [found.key for page in pages for found in page.found]
    assert len(keys) == len(set(keys)) == 600


def test_the_next_page_is_listed_while_the_caller_works(large: Bucket) -> None:
    """One page ahead, and no further: a large bucket is never held."""
    with line_to(large) as line, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", line.url)
        source = large.source("in")
        line.headers.clear()
        pages = source.pages()
        assert line.headers == []
        next(pages)
        eventually(lambda: len(line.headers) == 2)
        next(pages)
        eventually(lambda: len(line.headers) == 3)
        assert len(list(pages)) == 1


def test_a_listing_that_nobody_wants_any_more_ends(large: Bucket) -> None:
    """The threads of an abandoned iterator end."""
    pages = large.source("in", prefixes=[f"{part}/" for part in "abcde"]).pages()
    next(pages)
    assert listing_threads()
    del pages
    eventually(lambda: not listing_threads())


def test_an_error_in_one_listing_ends_all(large: Bucket, aws: pytest.MonkeyPatch) -> None:
    """Half a listing is never taken for the whole."""
    source = large.source("in", prefixes=[f"{part}/" for part in "abcde"])
    source._client.meta.events.register("before-send.s3.ListObjectsV2", broken_for("in/c/"))
    with pytest.raises(SourceError, match="cannot be reached"):
        list(source.pages())
    eventually(lambda: not listing_threads())


def broken_for(prefix: str) -> Callable[..., None]:
    """What makes a client's listings of one prefix fail, and no others."""

    def send(request: Any, **_: Any) -> None:
        if quote(prefix, safe="") in request.url:
            raise ConnectionClosedError(endpoint_url="http://secret.example")

    return send
