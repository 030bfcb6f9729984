"""botocore's reading of S3's answers, in haste where a listing is long.

As it is, botocore guesses the form of each moment, looks at each object through the model of all that an object may be,
and reads each answer twice: a listing took three times as long (`benchmarks/discovery.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from botocore.handlers import BUILTIN_HANDLERS
from botocore.parsers import DEFAULT_TIMESTAMP_PARSER, ResponseParserError, ResponseParserFactory, RestXMLParser

#: How a listing ends that has come as a whole. An error ends otherwise.
WHOLE = (b"</ListBucketResult>", b"</ListVersionsResult>")

#: What botocore calls before it parses an answer of S3's, and the one of these that parses it as well.
BEFORE, SECOND_LOOK = "before-parse.s3.*", "_handle_200_error"

#: What botocore's model calls the objects of a listing.
OBJECTS = frozenset({"Object", "ObjectVersion"})


def moment(value: Any) -> Any:
    """A moment of an answer; botocore's general parser, which tries everything, takes hundreds of times as long."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return DEFAULT_TIMESTAMP_PARSER(value)


#: What is read of an object, and how.
READ: dict[str, Callable[[str], Any]] = {
    "Key": str,
    "VersionId": str,
    "ETag": str,
    "Size": int,
    "StorageClass": str,
    "LastModified": moment,
    "IsLatest": "true".__eq__,
}


class ListingParser(RestXMLParser):  # type: ignore[misc]
    """botocore's parser, but that an object of a listing is what `READ` says.

    Raises `ResponseParserError` for what cannot be read.
    """

    def _handle_structure(self, shape: Any, node: Element) -> Any:
        if shape.name not in OBJECTS:
            return super()._handle_structure(shape, node)
        found: dict[str, Any] = {}
        for part in node:
            name = part.tag.rpartition("}")[2]
            if name == "RestoreStatus":  # it has parts of its own, and is rare
                return super()._handle_structure(shape, node)
            if name in READ:
                try:
                    found[name] = READ[name](part.text or "")
                except ValueError:
                    raise ResponseParserError(f"{name} of an object cannot be read") from None
        return found


class Parsers(ResponseParserFactory):  # type: ignore[misc]
    """botocore's parsers, one replaced by ours."""

    def create_parser(self, protocol_name: str) -> Any:
        if protocol_name == "rest-xml":
            return ListingParser(timestamp_parser=moment)
        return super().create_parser(protocol_name)


def read_once(client: Any) -> None:
    """Have an S3 client parse a whole listing only once.

    botocore parses every answer beforehand, to see whether it is an error in spite of its status, or only a part of an
    answer, and is to be asked for again. The last bytes tell that as well. Where a version of botocore does it in
    another way, nothing is changed.
    """
    for event, handler, *_ in BUILTIN_HANDLERS:
        if event == BEFORE and handler.__name__ == SECOND_LOOK:
            client.meta.events.unregister(event, handler)
            client.meta.events.register_first(event, partial(_unless_whole, handler))


def _unless_whole(look: Callable[..., None], response_dict: dict[str, Any], **more: Any) -> None:
    body = response_dict["body"]
    if not (isinstance(body, bytes) and body.endswith(WHOLE)):
        look(response_dict=response_dict, **more)
