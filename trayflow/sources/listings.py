"""botocore's parser of S3's answers, in haste where a listing is long.

The general one looks at each object of a listing through the model of all that an object may be, which takes nine
tenths of the time of a listing (`benchmarks/discovery.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

from botocore.parsers import DEFAULT_TIMESTAMP_PARSER, ResponseParserError, ResponseParserFactory, RestXMLParser

#: What botocore's model calls the objects of a listing.
OBJECTS = frozenset({"Object", "ObjectVersion"})


def moment(value: Any) -> Any:
    """A moment of an answer; botocore's general parser, which tries everything, takes twenty times as long."""
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
