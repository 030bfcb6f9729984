"""Every failure has its place, in the code as in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from trayflow import errors
from trayflow.breaker import Breaker
from trayflow.endings import ending_of
from trayflow.errors import (
    DocumentError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    ServiceFailingError,
    TransientError,
    TrayflowError,
)
from trayflow.failures import FAILURES, Retried, as_markdown, back_off, ends, failure_of
from trayflow.models import Outcome
from trayflow.reasons import Reason
from trayflow.settings import Limits

DOCS = Path(__file__).parents[1] / "docs" / "failures.md"


def test_the_docs_show_the_table() -> None:
    """docs/failures.md holds what the code does, line by line."""
    assert as_markdown() in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.SAME_BYTES])
def test_every_reason_has_one_end(reason: Reason) -> None:
    """No reason stands in two rows, and none in no row; duplicates are no failure."""
    assert sum(reason in failure.reasons for failure in FAILURES) == 1
    assert ends(reason) in (Outcome.REVIEW, Outcome.QUARANTINED)


def test_every_error_has_a_place() -> None:
    """What the project raises on purpose is in the table, and not as a fault of its own."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TrayflowError)]
    concrete = {kind for kind in kinds if not kind.__subclasses__()} - {errors.SettingsError, DocumentError}
    made = [RateLimitedError("", retry_after=1.0) if kind is RateLimitedError else kind("") for kind in concrete]
    assert {type(error) for error in made if failure_of(error) is FAILURES[-1]} == set()


@pytest.mark.parametrize(
    ("error", "retried", "outcome", "reason"),
    [
        (DocumentError(Reason.ENCRYPTED, "x"), Retried.NOBODY, Outcome.QUARANTINED, Reason.ENCRYPTED),
        (DocumentError(Reason.NO_ANSWER, "x"), Retried.NOBODY, Outcome.REVIEW, Reason.NO_ANSWER),
        (RejectedError("x", status=400), Retried.NOBODY, Outcome.QUARANTINED, Reason.REJECTED),
        (OutcomeUnknownError("x"), Retried.POLICY, Outcome.REVIEW, Reason.SUBMISSION_UNKNOWN),
        (TransientError("x", status=503), Retried.TASK, None, None),
        (RateLimitedError("x", retry_after=1.0), Retried.GATE, None, None),
        (ZeroDivisionError(), Retried.NEXT_RUN, None, None),
    ],
)
def test_who_retries_and_where_it_ends(
    error: Exception, retried: Retried, outcome: Outcome | None, reason: Reason | None
) -> None:
    """One layer retries each failure, and a document that ends says why."""
    assert failure_of(error).retried is retried
    ending = ending_of(error)
    assert (ending and ending.outcome, ending and ending.reason) == (outcome, reason)


def test_back_off_doubles_up_to_a_minute() -> None:
    """One delay less than there are tries."""
    assert back_off(Limits(attempts=9, backoff=1.0)) == [1, 2, 4, 8, 16, 32, 60, 60]
    assert back_off(Limits(attempts=1)) == []


def test_the_breaker_opens_for_a_run_of_failures_only() -> None:
    """Documents that fail one after another stop the run; one success in between, and it counts anew."""
    breaker = Breaker(3)
    breaker.failed("a", TransientError("503"))
    breaker.failed("b", TransientError("503"))
    breaker.succeeded()
    breaker.failed("a", TransientError("503"))
    breaker.failed("a", TransientError("503"))
    breaker.failed("c", TransientError("503"))
    with pytest.raises(ServiceFailingError, match="3 by now"):
        breaker.failed("d", TransientError("503"))
