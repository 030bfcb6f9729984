"""How a submission is made: the intent before, the id right after, and nothing in between that could be lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from trayflow.errors import (
    ClaimLostError,
    LedgerError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    RunStoppedError,
    TransientError,
)
from trayflow.ledger import Submission, SubmissionState
from trayflow.models import Accepted, Document, Kind
from trayflow.tally import Part
from trayflow.tray import Tray

#: Makes the POST; it is handed the intent to send along.
Post = Callable[[str], Awaitable[Accepted]]

#: Seconds between looks at a submission that a webhook may tell about.
LOOK_AGAIN = 1.0

#: Seconds before each further try to record an id: it is all that a paid submission leaves behind.
RECORD_AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

log = logging.getLogger(__name__)


async def submit(
    tray: Tray, document: Document, kind: Kind, post: Post, step_id: str = "", settings: str = ""
) -> Submission:
    """Submit a document once, whatever happens meanwhile.

    A submission made before, by this run or another one, is returned instead of repeated. The POST and the recording of
    its answer are one unit that a cancelled task does not tear apart. `settings` are those that shape the answer.
    Raises `TransientError` when the service did not take it, `OutcomeUnknownError` when it may have and the policy is
    to hold it, `RejectedError` when it never will, `RunStoppedError` for what concerns all.
    """
    while True:
        await tray.gate.take_off(document.id, first=kind is Kind.IDENTIFY)
        await tray.gate.enter()
        attempt = tray.keep(asyncio.create_task(_attempt(tray, document, kind, post, step_id, settings)))
        try:
            with tray.tally.timed(Part.SUBMIT):
                submission = await asyncio.shield(attempt)
        except RateLimitedError as limited:
            tray.gate.close(limited.retry_after)
            continue
        except (TransientError, RejectedError):
            await tray.gate.land(document.id)
            raise
        if submission.state is SubmissionState.UNKNOWN:
            submission = await _told_of(tray, submission)
        if submission.state not in (SubmissionState.SUPERSEDED, SubmissionState.REFUSED):
            return submission


async def _attempt(tray: Tray, document: Document, kind: Kind, post: Post, step_id: str, settings: str) -> Submission:
    submissions = tray.ledger.submissions
    submission, mine = await tray.ledger.call(submissions.intend, document.id, kind, tray.run_id, step_id, settings)
    if not mine:
        if submission.state is SubmissionState.REJECTED:
            raise RejectedError(submission.message or "The service refused it.", code=submission.code)
        return submission
    try:
        accepted = await post(submission.id)
    except (TransientError, RejectedError, OutcomeUnknownError, RunStoppedError) as error:
        code = getattr(error, "code", None)
        now = await tray.ledger.call(submissions.turn_down, submission.id, _state(error), code=code, message=str(error))
        if not isinstance(error, OutcomeUnknownError):
            raise
        tray.tally.submissions[kind] += 1
        return now
    tray.breaker.succeeded()
    tray.tally.submissions[kind] += 1
    submission = await _recorded(tray, submission, accepted.remote_id)
    if submission.state is SubmissionState.SUPERSEDED:
        raise ClaimLostError
    return submission


async def _recorded(tray: Tray, submission: Submission, remote_id: str) -> Submission:
    for delay in RECORD_AGAIN:
        try:
            return await tray.ledger.call(tray.ledger.submissions.accept, submission, remote_id)
        except LedgerError as error:
            log.warning("An id cannot be recorded yet: %s", error)
        await asyncio.sleep(delay)
    try:
        return await tray.ledger.call(tray.ledger.submissions.accept, submission, remote_id)
    except LedgerError:
        log.error("Accepted, but not recorded. Once the ledger works again: trayflow reconcile --id %s", remote_id)
        raise


async def _told_of(tray: Tray, submission: Submission) -> Submission:
    """Wait until somebody tells what became of an unknown submission, or until the policy decides.

    Returns it accepted, or refused or superseded when it is to be sent anew. Raises `OutcomeUnknownError` when it is
    held.
    """
    submissions, policy = tray.ledger.submissions, tray.settings.unknown
    until = submission.intended_at + timedelta(seconds=tray.settings.grace)
    while (left := (until - datetime.now(UTC)).total_seconds()) > 0:
        await asyncio.sleep(min(left, LOOK_AGAIN))
        if (now := await tray.ledger.call(submissions.get, submission.id)) and now.state is not SubmissionState.UNKNOWN:
            return now
    how = submission.message or "its answer was not seen."
    if policy.on_unknown == "hold":
        raise OutcomeUnknownError(f"It may have been accepted, so it is not sent again: {how}")
    given_up = await tray.ledger.call(submissions.superseded, submission.document_id, submission.kind)
    if given_up >= policy.resubmissions:
        raise OutcomeUnknownError(f"Sent {given_up + 1} times, and each may have been accepted: {how}")
    await tray.ledger.call(submissions.supersede, submission.id)
    return await tray.ledger.call(submissions.get, submission.id) or submission


def _state(error: Exception) -> SubmissionState:
    if isinstance(error, OutcomeUnknownError):
        return SubmissionState.UNKNOWN
    return SubmissionState.REJECTED if isinstance(error, RejectedError) else SubmissionState.REFUSED
