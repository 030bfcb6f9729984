"""The shapes that reading, understanding and the service hand to each other.

Coordinates are in points of the page as a person sees it (after rotation), origin top left, y growing downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

ConversionMode = Literal["json"]


@dataclass(frozen=True, slots=True)
class Word:
    """A run of characters without a space, with its box and the reader's confidence (1.0 for a PDF's own text)."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its size, its words in reading order, and the tables found on it (rows of cells, empty ones too)."""

    width: float
    height: float
    words: tuple[Word, ...]
    tables: tuple[tuple[tuple[str, ...], ...], ...] = ()
    source: Literal["text", "ocr"] = "text"


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read of a document."""

    pages: tuple[Page, ...]


class UnreadableDocumentError(Exception):
    """The bytes cannot be read as a document: broken, encrypted, or of an unknown type.

    `code` is one of `EMPTY_FILE`, `ENCRYPTED`, `UNREADABLE`; the message is a sentence with none of the document's
    text in it.
    """

    def __init__(self, code: Literal["EMPTY_FILE", "ENCRYPTED", "UNREADABLE"], message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A document type as its JSON file states it.

    `json_schema` drives extraction: the field names, titles, descriptions, `type`, `format`, `enum`, nested
    `properties` and `items`. `identify_hints` are weighted phrases for identification, `rules` the arithmetic that
    `validate` checks.
    """

    id: str
    code: str
    name: str
    description: str
    json_schema: dict[str, Any]
    prompt_hints: str = ""
    identify_prompt_hints: str = ""
    identify_hints: dict[str, float] = field(default_factory=dict)
    title_hints: tuple[str, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()
    created_at: str = "2026-01-01T00:00:00Z"
    updated_at: str = "2026-01-01T00:00:00Z"
    conversion_mode: ConversionMode = "json"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document type with how sure we are of it, 0 to 1."""

    code: str
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Identification:
    """The winner and all candidates ranked, the winner and the catch-all `other` among them."""

    document_type: Candidate
    alternatives: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Validation:
    """What the checks of a type found; messages name fields and figures' relations, never document text."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
