"""A bucket, or a folder of one, as a source: AWS's S3, and whatever speaks its language.

`s3://bucket/in` is the folder `in/`, with or without the slash at its end: it holds no `inbox/…`. The address is taken
as it is written, without %-escapes, as AWS's own command line takes it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from trayflow.errors import DocumentError, FetchError, ReplacedError, SettingsError, SourceError
from trayflow.models import Document, Found, Listing, Skipped
from trayflow.reasons import Reason
from trayflow.settings import Limits, SourceSettings
from trayflow.sources.ahead import ahead
from trayflow.sources.aws import DENIED, TROUBLE, clients, code_of, concerns_all, explained, passes
from trayflow.sources.download import Download, Part
from trayflow.sources.names import original, printable
from trayflow.sources.patterns import Patterns

#: Objects listed and compared with the ledger at once: as many as S3 lists in one answer.
PAGE = 1000

#: Listings of prefixes, and look-ups of keys, at once.
LISTED_AT_ONCE, LOOKED_UP_AT_ONCE = 8, 8

#: Storage classes whose objects cannot be read at once. GLACIER_IR, for all its name, can.
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})

#: What the ledger's column holds.
LONGEST_VERSION = 255

#: Stands before a version id that had to be shortened.
HASHED = "sha256-"

NO_RIGHT = "it may not be read: the credentials need s3:GetObject on it"

log = logging.getLogger(__name__)


class S3:
    """All objects below one prefix of a bucket, but for folder markers: keys that end with a slash.

    A document's version is its etag; in a bucket with versioning, `etag@versionid`. An object that was there before
    versioning was turned on has the version id `null`, and keeps the version that it had.
    """

    def __init__(self, address: str, settings: SourceSettings, limits: Limits) -> None:
        """Ask once for what the bucket holds.

        Raises `SettingsError` where there is no such bucket, or no credentials that count; `SourceError` where it may
        not be listed, or not now.
        """
        self._bucket, self._prefix = _parsed(address)
        self.uri = f"s3://{self._bucket}/{self._prefix}".rstrip("/")
        self._limits = limits
        self.patterns = Patterns(settings.include, settings.exclude)
        self._parts = _apart(settings.prefixes)
        self._payer = {"RequestPayer": "requester"} if settings.requester_pays else {}
        self._client, self._reader = clients(settings, limits)
        self._versioned = self._has_versions()
        region = self._probe()
        if region not in (None, self._client.meta.region_name):
            # A presigned address has to be signed for the bucket's own region: nobody can be sent elsewhere with it.
            self._client, self._reader = clients(settings, limits, region)

    def pages(self) -> Iterator[Listing]:
        """The objects, a page at a time, in the order of their names, or several prefixes' mixed.

        The next page is listed while the caller works on this one.
        """
        return ahead([partial(self._pages, part) for part in self._parts], LISTED_AT_ONCE)

    def find(self, keys: Collection[str]) -> Listing:
        """The objects under these keys, looked up one by one. What may not be read, or not yet, is skipped."""
        names = {key: original(key) for key in dict.fromkeys(keys)}
        wanted = [key for key, name in names.items() if name and self.key(self._prefix + name) == key]
        with ThreadPoolExecutor(LOOKED_UP_AT_ONCE) as threads:
            try:
                looked = [item for item in threads.map(self._look, wanted) if item]
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        skipped = [item for item in looked if isinstance(item, Skipped)]
        refused = [item for item in skipped if item.reason == NO_RIGHT]
        if refused or (wanted and not looked):
            try:
                self._probe()  # answers to look-ups do not say why: a listing tells whether it is bucket or credentials
            except SettingsError as error:
                raise SourceError(str(error)) from None
        if len(refused) > 1 and len(refused) == len(wanted):
            raise SourceError(f"Bucket {self._bucket} may not be read: the credentials need s3:GetObject on it.")
        return Listing(tuple(item for item in looked if isinstance(item, Found)), tuple(skipped))

    @contextmanager
    def open(self, document: Document) -> Iterator[BinaryIO]:
        """An object's bytes, as they were when it was listed; a download that breaks goes on where it broke.

        Reading raises `ReplacedError` when another version lies there, `DocumentError` when it is gone or archived,
        `FetchError` when it cannot be read now, `SourceError` when nothing can.
        """
        with Download(partial(self._get, document), self._limits) as stream:
            yield cast(BinaryIO, stream)

    def link(self, document: Document, seconds: int) -> str:
        """A presigned address of the object, of the very version where the bucket keeps versions."""
        wanted = {"Bucket": self._bucket, "Key": self._name(document), **self._payer}
        version_id = document.version.partition("@")[2]
        if version_id and not version_id.startswith(HASHED):
            wanted["VersionId"] = version_id
        try:
            return str(self._reader.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds))
        except TROUBLE as error:
            raise self._unusable(error) from None

    def key(self, name: str) -> str | None:
        """The key of an object by its full name in the bucket; `None` for one that is passed over."""
        if name.endswith("/") or not name.startswith(self._prefix):
            return None
        relative = name[len(self._prefix) :]
        if not relative.startswith(self._parts):
            return None
        key = printable(relative)
        return key if self.patterns.take(key) else None

    def key_at(self, address: str) -> str | None:
        """The key of an object by its address, written as it is; `None` for one that is passed over."""
        bucket, _, name = address.removeprefix("s3://").partition("/")
        return self.key(name) if bucket == self._bucket else None

    def _has_versions(self) -> bool:
        """Whether the bucket keeps versions, or did."""
        try:
            return "Status" in self._client.get_bucket_versioning(Bucket=self._bucket)
        except TROUBLE as error:
            if code_of(error) not in DENIED:
                raise explained(error, self._bucket, self._client.meta.endpoint_url) from None
        log.warning(
            "Whether bucket %s keeps versions may not be asked (s3:GetBucketVersioning): taken as one that does not. An"
            " object that is put again with the same bytes then counts as unchanged.",
            self._bucket,
        )
        return False

    def _probe(self) -> str | None:
        """List one object. Returns the bucket's region, where the answer says so."""
        try:
            answer = next(iter(self._answers(self._prefix + self._parts[0], 1)))
        except TROUBLE as error:
            raise explained(error, self._bucket, self._client.meta.endpoint_url) from None
        region: str | None = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
        return region

    def _answers(self, prefix: str, page: int) -> Iterable[Mapping[str, Any]]:
        operation = "list_object_versions" if self._versioned else "list_objects_v2"
        answers: Iterable[Mapping[str, Any]] = self._client.get_paginator(operation).paginate(
            Bucket=self._bucket,
            Prefix=prefix,
            OptionalObjectAttributes=["RestoreStatus"],
            PaginationConfig={"PageSize": page},
            **self._payer,
        )
        return answers

    def _pages(self, part: str) -> Iterator[Listing]:
        try:
            for answer in self._answers(self._prefix + part, PAGE):
                page = self._page(answer.get("Versions" if self._versioned else "Contents", ()))
                if page.found or page.skipped:
                    yield page
        except TROUBLE as error:
            raise self._unusable(error) from None

    def _page(self, objects: Iterable[Mapping[str, Any]]) -> Listing:
        found: list[Found] = []
        skipped: list[Skipped] = []
        for item in objects:
            key = self.key(item["Key"])
            if key is None or not item.get("IsLatest", True):
                continue
            archive, restore = item.get("StorageClass"), item.get("RestoreStatus", {})
            under_way, restored = restore.get("IsRestoreInProgress", False), "RestoreExpiryDate" in restore
            if archive in ARCHIVES and (reason := _archived(archive, under_way, restored)):
                skipped.append(Skipped(key, reason))
            else:
                found.append(Found(key, self._version(item), item["Size"], item["LastModified"]))
        return Listing(tuple(found), tuple(skipped))

    def _look(self, key: str) -> Found | Skipped | None:
        name = self._prefix + (original(key) or "")
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=name, **self._payer)
        except TROUBLE as error:
            code = code_of(error)
            if code in ("404", "NoSuchKey"):
                return None
            if code in DENIED or code == "400":
                return Skipped(key, NO_RIGHT)
            raise self._unusable(error) from None
        archive, restore = answer.get("ArchiveStatus") or answer.get("StorageClass"), answer.get("Restore", "")
        if "ArchiveStatus" in answer or archive in ARCHIVES:
            reason = _archived(archive, 'ongoing-request="true"' in restore, restore != "")
            if reason:
                return Skipped(key, reason)
        return Found(key, self._version(answer), answer["ContentLength"], answer["LastModified"])

    def _get(self, document: Document, position: int) -> Part:
        """The object's bytes from `position` on, if it is still the same."""
        wanted = {"Bucket": self._bucket, "Key": self._name(document), **self._payer}
        etag = document.version.partition("@")[0]
        if position:
            wanted["Range"] = f"bytes={position}-"
        try:
            answer = self._reader.get_object(IfMatch=f'"{etag}"', **wanted)
        except TROUBLE as error:
            if passes(error):
                raise
            raise self._refused(error) from None
        body = answer["Body"]
        if self._version(answer) != document.version:
            body.close()
            raise ReplacedError
        if not position:
            return Part(body, answer["ContentLength"])
        content_range = str(answer.get("ContentRange", ""))
        if not content_range.startswith(f"bytes {position}-"):
            body.close()
            raise FetchError("The download broke off, and the bucket cannot go on where it broke.")
        return Part(body, position + answer["ContentLength"])

    def _refused(self, error: Exception) -> Exception:
        """What it means for a document that its bytes are not handed out."""
        code = code_of(error)
        if concerns_all(error):
            return self._unusable(error)
        if isinstance(error, ClientError) and code in ("PreconditionFailed", "412", "InvalidRange", "416"):
            return ReplacedError()
        if code in ("NoSuchKey", "NoSuchVersion", "404"):
            return DocumentError(Reason.VANISHED, "The object is no longer there.")
        if code == "InvalidObjectState":
            return DocumentError(
                Reason.ARCHIVED, "It lies in an archive: restore it, then `trayflow retry --reason archived`."
            )
        if code in DENIED:
            return FetchError(
                "It may not be read: the credentials need s3:GetObject on it, and kms:Decrypt on its key."
            )
        return FetchError(f"The bucket does not hand out its bytes: {code}.")

    def _unusable(self, error: Exception) -> SourceError:
        return SourceError(str(explained(error, self._bucket, self._client.meta.endpoint_url)))

    def _name(self, document: Document) -> str:
        """The object's full name. A key that none of our listings gave names nothing."""
        name = original(document.key)
        if not name:
            raise DocumentError(Reason.VANISHED, "The object is no longer there.")
        return self._prefix + name

    def _version(self, answer: Mapping[str, Any]) -> str:
        """The version of an object, from a listing, a look-up or a download alike."""
        etag: str = answer["ETag"].strip('"')
        version_id = answer.get("VersionId", "null") if self._versioned else "null"
        if version_id == "null":
            return etag
        version = f"{etag}@{version_id}"
        if len(version) > LONGEST_VERSION:
            version = f"{etag}@{HASHED}{hashlib.sha256(version_id.encode()).hexdigest()}"
        return version


def _parsed(address: str) -> tuple[str, str]:
    """Bucket and prefix of an address; the prefix ends with a slash, or is empty."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not bucket or not address.isprintable():
        raise SettingsError(f"{printable(address)} names no bucket: an address looks like s3://bucket/folder.")
    prefix = prefix.rstrip("/")
    return bucket, f"{prefix}/" if prefix else ""


def _apart(prefixes: Collection[str]) -> tuple[str, ...]:
    """The prefixes to list: none within another, so that nothing is listed twice."""
    parts = [part for part in sorted(set(prefixes)) if not any(part != p and part.startswith(p) for p in prefixes)]
    return tuple(parts) or ("",)


def _archived(archive: str, under_way: bool, restored: bool) -> str | None:
    """Why an archived object is left alone; `None` once it has been restored."""
    if under_way:
        return f"in storage class {archive}: its restore is under way"
    return None if restored else f"in storage class {archive}: restore it first"
