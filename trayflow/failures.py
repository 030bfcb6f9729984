"""Every kind of failure in its place: who tries again, how often, after how long, and where the document ends.

`FAILURES` is the one table of it. The tasks ask it what to retry, the flow asks it where a document ends, and
docs/failures.md shows it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from trayflow.errors import (
    ClaimLostError,
    DocumentError,
    FetchError,
    OutcomeUnknownError,
    PollsFailedError,
    RateLimitedError,
    RejectedError,
    RunStoppedError,
    TransientError,
)
from trayflow.models import Outcome
from trayflow.reasons import Reason
from trayflow.settings import Limits


class Retried(StrEnum):
    """Who tries again: always one layer, never two."""

    NOBODY = "nobody"
    TASK = "the task run"
    POLL = "the next poll"
    GATE = "the call, behind the gate"
    POLICY = "the policy"
    NEXT_RUN = "the next run"


class Then(StrEnum):
    """What becomes of the document in the end."""

    QUARANTINED = Outcome.QUARANTINED.value
    REVIEW = Outcome.REVIEW.value
    UNDER_WAY = "under way"
    RUN_STOPS = "under way; the run stops with exit code 1"


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure: errors of the class `error`, for a `DocumentError` those with one of `reasons`."""

    what: str
    error: type[Exception]
    retried: Retried
    how_often: str
    delay: str
    then: Then
    reasons: tuple[Reason, ...] = ()

    def covers(self, error: Exception) -> bool:
        """Whether this is the failure's kind."""
        if not isinstance(error, self.error):
            return False
        return not isinstance(error, DocumentError) or error.reason in self.reasons


#: From the particular to the general: the first that covers an error counts.
FAILURES = (
    Failure(
        "The file is empty, too large, broken, encrypted, of another type, gone, replaced or unreadable",
        DocumentError,
        Retried.NOBODY,
        "once",
        "",
        Then.QUARANTINED,
        (
            Reason.EMPTY_FILE,
            Reason.TOO_LARGE,
            Reason.UNSUPPORTED_TYPE,
            Reason.ENCRYPTED,
            Reason.UNREADABLE,
            Reason.VANISHED,
            Reason.REPLACED,
        ),
    ),
    Failure(
        "Its bytes lie in an archive tier of the bucket, and have to be restored first",
        DocumentError,
        Retried.NOBODY,
        "once",
        "",
        Then.REVIEW,
        (Reason.ARCHIVED,),
    ),
    Failure(
        "The bucket does not hand out its bytes: a cut line, no right to read it",
        FetchError,
        Retried.NEXT_RUN,
        "the download goes on where it broke, `limits.attempts` times",
        "`limits.backoff`, doubled each time up to a minute, with jitter",
        Then.UNDER_WAY,
    ),
    Failure(
        "The service refuses the document for good: 400, 403, 404, 413, 415, 422",
        RejectedError,
        Retried.NOBODY,
        "once",
        "",
        Then.QUARANTINED,
        (Reason.REJECTED,),
    ),
    Failure(
        "The service ends the work with ERROR",
        DocumentError,
        Retried.NOBODY,
        "once",
        "",
        Then.QUARANTINED,
        (Reason.IDENTIFICATION_FAILED, Reason.EXECUTION_FAILED),
    ),
    Failure(
        "No last word within `polling.give_up` (60 minutes), or the service no longer knows the id",
        DocumentError,
        Retried.NOBODY,
        "polled until then",
        "as polls go",
        Then.REVIEW,
        (Reason.NO_ANSWER,),
    ),
    Failure(
        "It is of no type that has a step, not sure enough, or its fields contradict themselves",
        DocumentError,
        Retried.NOBODY,
        "once",
        "",
        Then.REVIEW,
        (Reason.OTHER_TYPE, Reason.LOW_CONFIDENCE, Reason.NO_ROUTE, Reason.FAILED_CHECKS),
    ),
    Failure(
        "Nobody knows whether a submission was accepted: time-out, cut line, 502, 504, garbled answer, killed process",
        OutcomeUnknownError,
        Retried.POLICY,
        "`hold`: never; `resubmit`: `unknown.resubmissions` times",
        "`unknown.grace`, while a webhook may tell",
        Then.REVIEW,
        (Reason.SUBMISSION_UNKNOWN,),
    ),
    Failure(
        "429",
        RateLimitedError,
        Retried.GATE,
        "without end; it never counts as a try",
        "as the service says, for all calls of the run",
        Then.UNDER_WAY,
    ),
    Failure(
        "A submission was not accepted: no connection, 408, 425, 503, a 500 in the service's own words",
        TransientError,
        Retried.TASK,
        "`limits.attempts` tries",
        "`limits.backoff`, doubled each time up to a minute, with jitter",
        Then.UNDER_WAY,
    ),
    Failure(
        "Polls fail: any 5xx, a cut line, an answer that cannot be read",
        PollsFailedError,
        Retried.POLL,
        "`limits.attempts` in a row",
        "`limits.backoff`, doubled each time up to a minute, with jitter",
        Then.UNDER_WAY,
    ),
    Failure(
        "Another run has taken the document over, because this one's lease ran out",
        ClaimLostError,
        Retried.NEXT_RUN,
        "never by this run",
        "",
        Then.UNDER_WAY,
    ),
    Failure(
        "It concerns all: 401, 402, an address that is not DocuTray's, nobody at the address after all tries, "
        "`limits.breaker` documents in a row that exhausted their tries, a source that cannot be listed, a ledger or "
        "tables that cannot be written",
        RunStoppedError,
        Retried.NEXT_RUN,
        "never by this run",
        "",
        Then.RUN_STOPS,
    ),
    Failure(
        "A fault of trayflow's own",
        Exception,
        Retried.NEXT_RUN,
        "never by this run",
        "",
        Then.UNDER_WAY,
    ),
)


#: Seconds that a back-off never exceeds, and tries after which it does not matter (Prefect keeps 50 delays at most).
LONGEST_DELAY, MOST_DELAYS = 60.0, 50


def back_off(limits: Limits) -> list[float]:
    """Seconds before each further try, without the jitter that is added to them."""
    return [min(limits.backoff * 2**n, LONGEST_DELAY) for n in range(min(limits.attempts - 1, MOST_DELAYS))]


def jittered(seconds: float) -> float:
    """The same and up to half as much again, so that what failed together is not tried together."""
    return seconds * random.uniform(1.0, 1.5)  # noqa: S311 - no secret


def failure_of(error: Exception) -> Failure:
    """The kind of failure that an error is."""
    return next(failure for failure in FAILURES if failure.covers(error))


def ends(reason: Reason) -> Outcome:
    """Where a document with this reason ends."""
    return next(Outcome(failure.then.value) for failure in FAILURES if reason in failure.reasons)


def as_markdown() -> str:
    """The table for docs/failures.md."""
    rows = [("what happens", "who tries again", "how often", "after", "the document ends", "reason codes")]
    rows += [
        (
            failure.what,
            failure.retried,
            failure.how_often,
            failure.delay,
            failure.then,
            ", ".join(f"`{reason}`" for reason in failure.reasons),
        )
        for failure in FAILURES
    ]
    lines = [f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |") for row in rows]
    return "\n".join([lines[0], "| --- " * len(rows[0]) + "|", *lines[1:]]) + "\n"
