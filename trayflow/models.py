"""The words of the project as frozen types: what a source finds, what the service answers, what the ledger holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trayflow.reasons import Reason


class Outcome(StrEnum):
    """Where a document ended. A document without an outcome is still under way."""

    WRITTEN = "written"
    REVIEW = "review"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"


class DocumentState(StrEnum):
    """How far a document has come; each follows the one before."""

    DISCOVERED = "discovered"
    FETCHED = "fetched"
    IDENTIFYING = "identifying"
    IDENTIFIED = "identified"
    EXECUTING = "executing"
    EXECUTED = "executed"
    ENDED = "ended"


class Kind(StrEnum):
    """What a submission asks the service for."""

    IDENTIFY = "identify"
    EXECUTE = "execute"


class Status(StrEnum):
    """The service's word for how far a submission is. The last two are final; a word not listed here is not."""

    ENQUEUED = "ENQUEUED"
    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"


class Candidate(BaseModel):
    """A document type with the service's confidence in it, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    name: str = ""
    confidence: float = Field(ge=0, le=1)


class Identification(BaseModel):
    """What the service takes a document for, and what else it might be, best first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    document_type: Candidate
    alternatives: tuple[Candidate, ...] = ()


class Findings(BaseModel):
    """The messages of one severity; `count` is the service's own and may exceed the messages it lists."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    count: int = 0
    messages: tuple[str, ...] = ()


class Validation(BaseModel):
    """What the service's checks of the extracted fields found."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    errors: Findings = Findings()
    warnings: Findings = Findings()


class Failure(BaseModel):
    """Why the service ended a submission with ERROR."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str = ""
    message: str = ""


class Accepted(BaseModel):
    """The answer to a submission: it was taken, under this id."""

    model_config = ConfigDict(frozen=True)

    remote_id: str = Field(min_length=1)
    status: str = Status.ENQUEUED


class Progress(BaseModel):
    """How a submission stands. `raw` is the answer as it came, unwrapped: the ledger keeps it.

    `identification` is set on an identification that succeeded, `data` on an execution that did.
    """

    model_config = ConfigDict(frozen=True)

    remote_id: str
    status: str
    identification: Identification | None = None
    data: dict[str, Any] | None = None
    validation: Validation = Validation()
    failure: Failure | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    raw: dict[str, Any] = Field(default_factory=dict, repr=False)

    @property
    def is_final(self) -> bool:
        """Whether the service will not say anything more."""
        return self.status in (Status.SUCCESS, Status.ERROR)


class TypeSchema(BaseModel):
    """A document type as the account knows it, with the JSON Schema of its fields."""

    model_config = ConfigDict(frozen=True)

    code: str
    name: str = ""
    json_schema: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """One version of one object, as a source lists it.

    `key` is relative to the source and printable (control characters and bytes that are no text are %-escaped);
    `version` is the object's etag: it changes whenever the bytes may have.
    """

    key: str
    version: str
    size: int
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object that a source leaves alone for now, and why, in words that are the same for all of its kind."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a source: what was found there, and what is left alone for now."""

    found: tuple[Found, ...]
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the ledger knows it. `id` is made of source, key and version: the same everywhere, for ever."""

    id: str
    source: str
    key: str
    version: str
    size: int
    sha256: str | None = None
    content_type: str | None = None
    state: DocumentState = DocumentState.DISCOVERED
    outcome: Outcome | None = None
    reason: str | None = None
    document_type: str | None = None
    confidence: float | None = None

    @property
    def uri(self) -> str:
        """Where the document lies: the source's address and the key."""
        return f"{self.source.rstrip('/')}/{self.key}"

    @property
    def label(self) -> str:
        """The key, short enough for a run's name."""
        return self.key if len(self.key) <= 80 else f"…{self.key[-79:]}"


@dataclass(frozen=True, slots=True)
class Spooled:
    """A document's bytes on this machine: hashed, of a known type and within the limits."""

    path: Path
    size: int
    sha256: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """One document's extracted fields, ready to become rows; everything a row's lineage columns need."""

    document: Document
    document_type: str
    confidence: float | None
    step_id: str
    execution_id: str
    processed_at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a document ends, why, and in words for a person (the tables, where it was written)."""

    outcome: Outcome
    message: str
    reason: Reason | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class TableState:
    """What a destination's table holds by the ledger's word: its columns, its length in bytes, its rows."""

    name: str
    columns: tuple[str, ...]
    length: int
    rows: int
