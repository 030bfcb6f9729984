"""How a submission is made: the intent before, the id right after, and nothing in between that could be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from trayflow.errors import (
    DocumentError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    RunStoppedError,
    TransientError,
)
from trayflow.ledger import Submission, SubmissionState
from trayflow.models import Accepted, Document, Kind
from trayflow.progress import Paused, tell
from trayflow.reasons import Reason
from trayflow.tray import Tray

#: Makes the POST; it is handed the intent to send along.
Post = Callable[[str], Awaitable[Accepted]]


async def submit(
    tray: Tray, document: Document, kind: Kind, post: Post, step_id: str = "", settings: str = ""
) -> Submission:
    """Submit a document once, whatever happens meanwhile.

    A submission made before, by this run or another one, is returned instead of repeated. The POST and the recording of
    its answer are one unit that a cancelled task does not tear apart. `settings` are those that shape the answer.
    Raises `TransientError` when the service did not take it, `OutcomeUnknownError` when it may have, `RejectedError`
    when it never will, `RunStoppedError` for what concerns all.
    """
    while True:
        await tray.gate.wait()
        attempt = tray.keep(asyncio.create_task(_attempt(tray, document, kind, post, step_id, settings)))
        try:
            return await asyncio.shield(attempt)
        except RateLimitedError as limited:
            pause(tray, limited)


async def _attempt(tray: Tray, document: Document, kind: Kind, post: Post, step_id: str, settings: str) -> Submission:
    ledger = tray.ledger
    submission, mine = await asyncio.to_thread(ledger.intend, document.id, kind, tray.run_id, step_id, settings)
    if not mine:
        return _made_before(submission)
    try:
        accepted = await post(submission.id)
    except (TransientError, RejectedError, OutcomeUnknownError, RunStoppedError) as error:
        if isinstance(error, OutcomeUnknownError):
            tray.tally.submissions[kind] += 1
        code = getattr(error, "code", None)
        await asyncio.to_thread(ledger.turn_down, submission.id, _state(error), code=code, message=str(error))
        raise
    tray.tally.submissions[kind] += 1
    return await asyncio.to_thread(ledger.accept, submission, accepted.remote_id)


def _state(error: Exception) -> SubmissionState:
    if isinstance(error, OutcomeUnknownError):
        return SubmissionState.UNKNOWN
    return SubmissionState.REJECTED if isinstance(error, RejectedError) else SubmissionState.REFUSED


def _made_before(submission: Submission) -> Submission:
    if submission.state is SubmissionState.UNKNOWN:
        raise OutcomeUnknownError(submission.message or "The submission may have been accepted.")
    if submission.state is SubmissionState.REJECTED:
        raise DocumentError(Reason.REJECTED, submission.message or "The service refused it.")
    return submission


def pause(tray: Tray, limited: RateLimitedError) -> None:
    """Close the gate for everybody, for as long as the service asked."""
    tray.gate.close(limited.retry_after)
    tell(Paused(limited.retry_after))
