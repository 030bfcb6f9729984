"""What every source of documents can do."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from trayflow.models import Document, Listing
from trayflow.sources.patterns import Patterns


class Source(Protocol):
    """A place with documents in it. Methods block, and may be called from several threads.

    All of them raise `SourceError` when the place as a whole cannot be used. Keys are relative to `uri`.
    """

    uri: str
    patterns: Patterns

    def pages(self) -> Iterator[Listing]:
        """Everything there, a page at a time: the whole is never held."""
        ...

    def find(self, keys: Collection[str]) -> Listing:
        """What lies under these keys now. Keys with nothing under them, or that the source passes over, are missing."""
        ...

    def key_at(self, address: str) -> str | None:
        """The key of the document at an address, as events name it; `None` for one that is not meant."""
        ...

    def open(self, document: Document) -> AbstractContextManager[BinaryIO]:
        """A document's bytes, as they were when it was listed.

        Raises `DocumentError` when they cannot be had for good, of which `ReplacedError` says that a newer version lies
        there, also at the end of the block; `FetchError` when they cannot be had now.
        """
        ...

    def link(self, document: Document, seconds: int) -> str:
        """An address under which anybody may download the document for so many seconds: a secret.

        Raises `SettingsError` where the source has none to give.
        """
        ...
