"""A bucket as a source of documents, on three servers: nothing may lean on one's habits."""

from __future__ import annotations

import logging

import httpx
import pytest

from tests.s3_servers import Bucket, content, document, listed
from trayflow.errors import DocumentError, ReplacedError, SettingsError
from trayflow.reasons import Reason

#: Keys that S3 allows.
ODD = ("new\nline.pdf", "a b+c%41.pdf", "tab\t.pdf", "\u00fc\u200b\u2028.pdf", "?q=1#f&amp;<>\"'.pdf", "\x01.pdf")
HOSTILE = ("../up.pdf", "a/../../b.pdf", "a//b.pdf", "/slash.pdf", "./dot.pdf", "C:\\x.pdf", "x" * 1017 + ".pdf")

#: What a server cannot keep: SeaweedFS keeps objects in folders, and spells listings of versions in plain XML.
BEYOND = {"seaweed": {*HOSTILE}, "moto": {"new\nline.pdf"}, "roto": {"C:\\x.pdf"}}
BEYOND_WITH_VERSIONS = {**BEYOND, "seaweed": {*HOSTILE, "\x01.pdf"}, "moto": {"new\nline.pdf", "\x01.pdf"}}


def test_objects_below_the_prefix_are_found(bucket: Bucket) -> None:
    """With keys relative to it and their sizes; neither a name that only begins alike nor a folder marker counts."""
    for key in ("in/a.pdf", "in/deep/b.pdf", "inbox/c.pdf", "in/", "in/deep/", "d.pdf"):
        bucket.put(key, b"" if key.endswith("/") else b"123")
    for address in ("in", "in/"):
        source = bucket.source(address)
        assert source.uri == f"s3://{bucket.name}/in"
        assert {key: found.size for key, found in listed(source).items()} == {"a.pdf": 3, "deep/b.pdf": 3}


def test_a_whole_bucket_is_a_source(bucket: Bucket) -> None:
    """Hidden names count as well: in a bucket they mean nothing."""
    for key in (".a.pdf", "b/c.pdf"):
        bucket.put(key)
    source = bucket.source()
    assert source.uri == f"s3://{bucket.name}"
    assert list(listed(source)) == [".a.pdf", "b/c.pdf"]


def test_an_empty_bucket_is_a_source(bucket: Bucket) -> None:
    """It has nothing to say yet."""
    assert list(bucket.source("in").pages()) == []


def test_patterns_choose(bucket: Bucket) -> None:
    """Globs over the key, as in a folder; what they leave out is not found by its key either."""
    for key in ("a.pdf", "b.txt", "old/c.pdf"):
        bucket.put(key)
    source = bucket.source(include=["*.pdf"], exclude=["old/*"])
    assert list(listed(source)) == ["a.pdf"]
    assert [found.key for found in source.find(["a.pdf", "b.txt", "old/c.pdf"]).found] == ["a.pdf"]


def test_keys_are_looked_up(bucket: Bucket) -> None:
    """What lies under them is the same as in the listing; what is not there is left out."""
    for key in ("in/a.pdf", "in/b c.pdf", "in/x/", "d.pdf"):
        bucket.put(key, key.encode())
    source = bucket.source("in")
    found = source.find(["a.pdf", "b c.pdf", "a.pdf", "gone.pdf", "x/", "", "%61.pdf", "%ff"])
    assert found.skipped == ()
    versions = {item.key: (item.version, item.size) for item in found.found}
    assert versions == {key: (item.version, item.size) for key, item in listed(source).items()}


def test_bytes_come_as_they_are(bucket: Bucket) -> None:
    """Those of an empty object and those of a large one, read in pieces."""
    large = bytes(range(256)) * 4096 * 3
    bucket.put("large.bin", large)
    bucket.put("empty.bin", b"")
    source = bucket.source()
    assert content(source, "empty.bin") == b""
    with source.open(document(source, "large.bin")) as stream:
        pieces = list(iter(lambda: stream.read(1 << 20), b""))
    assert b"".join(pieces) == large


def test_another_version_is_not_read(bucket: Bucket) -> None:
    """An object that was put anew since it was listed is not handed out as the old one."""
    bucket.put("a.pdf", b"old")
    source = bucket.source()
    old = document(source, "a.pdf")
    bucket.put("a.pdf", b"new")
    with source.open(old) as stream, pytest.raises(ReplacedError):
        stream.read()
    assert content(source, "a.pdf") == b"new"


def test_a_vanished_object_is_said(bucket: Bucket) -> None:
    """What was listed may be gone by the time it is fetched."""
    bucket.put("a.pdf")
    source = bucket.source()
    old = document(source, "a.pdf")
    bucket.delete("a.pdf")
    with source.open(old) as stream, pytest.raises(DocumentError) as error:
        stream.read()
    assert error.value.reason is Reason.VANISHED


def test_odd_names_come_back_as_the_same_object(bucket: Bucket) -> None:
    """Whatever is in a name, its key is printable, reads that object and no other, and is found by its key."""
    odd = {*ODD, *HOSTILE} - BEYOND[bucket.server]
    for name in odd:
        bucket.put(f"in/{name}", name.encode())
    source = bucket.source("in")
    keys = listed(source)
    assert all(key.isprintable() for key in keys)
    assert {content(source, key).decode() for key in keys} == odd
    assert {found.key for found in source.find(keys).found} == set(keys)


def test_the_same_name_with_another_escape_is_another_object(bucket: Bucket) -> None:
    """A name that looks like our own escape of another one is told apart from it."""
    bucket.put("a\t.pdf", b"tab")
    bucket.put("a%09.pdf", b"per cent")
    source = bucket.source()
    assert {key: content(source, key) for key in listed(source)} == {
        "a%09.pdf": b"tab",
        "a%2509.pdf": b"per cent",
    }


def test_versions_are_part_of_the_version(bucket: Bucket) -> None:
    """In a bucket that keeps them, the same bytes put again are a new version; only the latest is listed."""
    bucket.keep_versions()
    bucket.put("a.pdf", b"same")
    source = bucket.source()
    old = document(source, "a.pdf")
    bucket.put("a.pdf", b"same")
    (new,) = listed(source).values()
    assert new.version != old.version
    assert new.version.split("@")[0] == old.version.split("@")[0]
    assert [found.version for found in source.find(["a.pdf"]).found] == [new.version]
    with source.open(old) as stream, pytest.raises(ReplacedError):
        stream.read()
    assert content(source, "a.pdf") == b"same"


def test_delete_markers_are_no_documents(bucket: Bucket) -> None:
    """What was deleted in a bucket that keeps versions is not listed, not found, and gone when it is read."""
    bucket.keep_versions()
    bucket.put("a.pdf")
    source = bucket.source()
    old = document(source, "a.pdf")
    bucket.delete("a.pdf")
    assert listed(source) == {}
    assert source.find(["a.pdf"]).found == ()
    with source.open(old) as stream, pytest.raises(DocumentError) as error:
        stream.read()
    assert error.value.reason is Reason.VANISHED


def test_versioning_that_is_turned_on_changes_no_version(bucket: Bucket) -> None:
    """What was there before is not taken for new, by listing or by key, and is read as before."""
    bucket.put("a.pdf", b"before")
    before = listed(bucket.source())
    bucket.keep_versions()
    source = bucket.source()
    after = listed(source)
    assert {key: found.version for key, found in after.items()} == {key: f.version for key, f in before.items()}
    assert [found.version for found in source.find(["a.pdf"]).found] == [before["a.pdf"].version]
    assert content(source, "a.pdf") == b"before"


def test_a_bucket_that_kept_versions_still_has_them(bucket: Bucket) -> None:
    """Versioning can be suspended only: objects from its time keep their version ids."""
    bucket.keep_versions()
    bucket.put("a.pdf")
    before = listed(bucket.source())["a.pdf"].version
    bucket.keep_versions("Suspended")
    source = bucket.source()
    assert "@" in before
    assert listed(source)["a.pdf"].version == before
    assert content(source, "a.pdf") == b"content"


def test_odd_names_with_versions(bucket: Bucket) -> None:
    """Listings of versions spell names in their own way."""
    bucket.keep_versions()
    odd = {*ODD, *HOSTILE} - BEYOND_WITH_VERSIONS[bucket.server]
    for name in odd:
        bucket.put(name, name.encode())
    source = bucket.source()
    assert {content(source, key).decode() for key in listed(source)} == odd


def test_anybody_can_download_from_a_link(bucket: Bucket, caplog: pytest.LogCaptureFixture) -> None:
    """A presigned address needs no credentials, and no log knows it, however much is logged."""
    bucket.put("in/a b.pdf", b"linked")
    source = bucket.source("in")
    with caplog.at_level(logging.DEBUG):
        link = httpx.URL(source.link(document(source, "a b.pdf"), 600))
    assert link.params["X-Amz-Expires"] == "600"
    assert link.params["X-Amz-Signature"] not in caplog.text
    assert httpx.get(link, trust_env=False).content == b"linked"


def test_a_link_leads_to_the_version_that_was_listed(bucket: Bucket) -> None:
    """In a bucket that keeps versions, what is downloaded is what was hashed here."""
    bucket.keep_versions()
    bucket.put("a.pdf", b"old")
    source = bucket.source()
    link = source.link(document(source, "a.pdf"), 600)
    bucket.put("a.pdf", b"new")
    assert httpx.get(link, trust_env=False).content == b"old"


def test_a_wrong_bucket_is_a_setting_to_put_right(bucket: Bucket) -> None:
    """Said when the source is opened, with the name and the address."""
    wrong = Bucket(bucket.server, bucket.endpoint, "no-such-bucket")
    with pytest.raises(SettingsError, match=r"no bucket no-such-bucket at 127\.0\.0\.1:\d+"):
        wrong.source()
