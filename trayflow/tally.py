"""What happened so far in a run: counts, seconds, and the few documents that a person will ask about.

However many documents a run has, only so many of them are kept here by name.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from trayflow.models import Document, Ending, Kind, Outcome, Skipped
from trayflow.progress import Submissions, Summary
from trayflow.reasons import Reason

#: What is kept by name: the slowest, what somebody has to look at, copies of others, and objects left alone, by reason.
SLOWEST, LOOKED_AT, COPIES, SKIPPED = 10, 100, 25, 5


class Part(StrEnum):
    """What a document's time is spent on, as far as a report tells them apart."""

    FETCH = "fetch"
    SUBMIT = "submit"
    WAIT = "wait"
    POLL = "poll"
    WRITE = "write"


@dataclass(slots=True)
class Way:
    """A document on its way through this run. `task_run` is the id of the last thing that was done to it."""

    document: Document
    began: float
    document_type: str | None
    task_run: UUID | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A document without a row of its own, and why; without an outcome, it stays under way."""

    label: str
    outcome: Outcome | None
    reason: Reason | None
    sentence: str
    document_type: str | None
    task_run: UUID | None


@dataclass(frozen=True, slots=True, order=True)
class Slow:
    """How many seconds a document was under way in this run; `nth` to end counts, and makes each one unlike another."""

    seconds: float
    nth: int
    label: str = field(compare=False)
    outcome: Outcome = field(compare=False)
    document_type: str | None = field(compare=False)
    task_run: UUID | None = field(compare=False)


#: The document that this context is about; tasks inherit it.
way: ContextVar[Way | None] = ContextVar("way", default=None)


class Tally:
    """What happened so far in this run."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.documents = 0
        self.unchanged = 0
        self.skipped: Counter[str] = Counter()
        self.skipped_keys: dict[str, list[str]] = {}
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.submissions = dict.fromkeys(Kind, 0)
        self.types: Counter[tuple[str, Outcome]] = Counter()
        self.reasons: Counter[tuple[Outcome, Reason]] = Counter()
        self.rows: Counter[str] = Counter()
        self.polls = 0
        self.seconds = dict.fromkeys(Part, 0.0)
        self.troubles: list[Trouble] = []
        self.troubled = 0
        self.copies: list[Trouble] = []
        self._slowest: list[Slow] = []

    @property
    def ended(self) -> int:
        """How many documents have reached an outcome in this run."""
        return sum(self.outcomes.values())

    @property
    def slowest(self) -> list[Slow]:
        """The documents that were under way longest, the slowest first."""
        return sorted(self._slowest, reverse=True)

    def find(self, new: int, unchanged: int) -> None:
        """Count what was listed of the source: documents to be worked on, and those that have ended before."""
        self.documents += new + unchanged
        self.unchanged += unchanged

    def skip(self, skipped: Sequence[Skipped]) -> None:
        """Count objects that are left alone, and remember a few of each kind."""
        for one in skipped:
            self.skipped[one.reason] += 1
            keys = self.skipped_keys.setdefault(one.reason, [])
            if len(keys) < SKIPPED:
                keys.append(one.key)

    def set_out(self, document: Document) -> Way:
        """A document begins its way in this context."""
        begun = Way(document, time.monotonic(), document.document_type)
        way.set(begun)
        return begun

    def end(self, gone: Way, ending: Ending) -> None:
        """It has reached its outcome."""
        self.outcomes[ending.outcome] += 1
        self.types[gone.document_type or "", ending.outcome] += 1
        if ending.reason:
            self.reasons[ending.outcome, ending.reason] += 1
        seconds, label = time.monotonic() - gone.began, gone.document.label
        slow = Slow(seconds, self.ended, label, ending.outcome, gone.document_type, gone.task_run)
        (heapq.heappush if len(self._slowest) < SLOWEST else heapq.heappushpop)(self._slowest, slow)
        if ending.outcome in (Outcome.REVIEW, Outcome.QUARANTINED) and ending.reason is not Reason.REPLACED:
            self._trouble(gone, ending.outcome, ending.reason, ending.message)
        elif ending.outcome is Outcome.DUPLICATE and len(self.copies) < COPIES:
            self.copies.append(_told(gone, ending.outcome, ending.reason, ending.message))

    def leave(self, gone: Way, sentence: str) -> None:
        """It stays under way, for the next run; `sentence` says why."""
        self._trouble(gone, None, None, sentence)

    @contextmanager
    def timed(self, part: Part) -> Iterator[None]:
        """The block's seconds belong to this part."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[part] += time.monotonic() - began

    def summary(self, tables: Mapping[str, int]) -> Summary:
        """The figures as the user sees them; `tables` holds the rows now in each table."""
        return Summary(
            documents=self.documents,
            **{outcome.value: count for outcome, count in self.outcomes.items()},
            in_progress=self.documents - self.unchanged - self.ended,
            unchanged=self.unchanged,
            skipped=dict(self.skipped),
            tables=dict(tables),
            submissions=Submissions(**{kind.value: count for kind, count in self.submissions.items()}),
            seconds=round(time.monotonic() - self.started, 2),
        )

    def _trouble(self, gone: Way, outcome: Outcome | None, reason: Reason | None, sentence: str) -> None:
        self.troubled += 1
        if len(self.troubles) < LOOKED_AT:
            self.troubles.append(_told(gone, outcome, reason, sentence))


def _told(gone: Way, outcome: Outcome | None, reason: Reason | None, sentence: str) -> Trouble:
    return Trouble(gone.document.label, outcome, reason, sentence, gone.document_type, gone.task_run)
