"""What a run tells whoever watches it from the same process: the command line's progress bar, a notebook, a test.

A context variable carries the listener, because a flow's parameters must be plain data.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from trayflow.models import Document, Outcome


@dataclass(frozen=True, slots=True)
class Discovered:
    """Some of the source was listed: `new` documents will be worked on, `unchanged` ones have ended before."""

    new: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A document reached its outcome. `note` is a sentence for a person: the table, or the reason."""

    document: Document
    outcome: Outcome
    note: str


@dataclass(frozen=True, slots=True)
class EndedElsewhere:
    """Another run held this document, and has brought it to its outcome: for this run it is unchanged."""

    document: Document


@dataclass(frozen=True, slots=True)
class Paused:
    """The service asked for a pause of `seconds`; nothing is wrong."""

    seconds: float


Event = Discovered | Ended | EndedElsewhere | Paused

listener: ContextVar[Callable[[Event], None] | None] = ContextVar("listener", default=None)


def tell(event: Event) -> None:
    """Hand the event to the listener of this context, if there is one."""
    if hear := listener.get():
        hear(event)


class Submissions(BaseModel):
    """How many submissions this run made (POSTs that the service accepted, or may have)."""

    model_config = ConfigDict(frozen=True)

    identify: int = 0
    execute: int = 0


class Summary(BaseModel):
    """What a run did; `documents` sums the outcomes, `in_progress` and `unchanged`.

    `skipped`: objects left alone for now, which are no documents yet, by the reason in words. `tables`: rows now there.
    """

    model_config = ConfigDict(frozen=True)

    documents: int = 0
    written: int = 0
    review: int = 0
    quarantined: int = 0
    duplicate: int = 0
    in_progress: int = 0
    unchanged: int = 0
    skipped: dict[str, int] = Field(default_factory=dict)
    tables: dict[str, int] = Field(default_factory=dict)
    submissions: Submissions = Submissions()
    seconds: float = 0.0
