"""How an answer is awaited: first for the time that the step usually takes, then in steps, or until a webhook tells."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from trayflow import answers
from trayflow.durations import service_seconds
from trayflow.errors import DocumentError, PollsFailedError, RejectedError, TransientError
from trayflow.failures import back_off, jittered
from trayflow.ledger import Submission, SubmissionState
from trayflow.models import Document, Progress
from trayflow.reasons import Reason
from trayflow.tally import Part
from trayflow.tray import Tray

#: Asks the service how a submission stands, by its remote id.
Ask = Callable[[str], Awaitable[Progress]]


async def wait_for(tray: Tray, document: Document, submission: Submission, ask: Ask) -> Progress:
    """Poll until the service's last word, and keep it in the ledger.

    Raises `DocumentError` when there is none in the time that the service itself allows (the id stays in the ledger) or
    when the service no longer knows the id; `PollsFailedError` when it cannot be asked.
    """
    remote_id, accepted_at = submission.remote_id, submission.accepted_at
    if remote_id is None or accepted_at is None:
        raise DocumentError(Reason.NO_ANSWER, "The submission has no id to ask for.")
    if submission.state is not SubmissionState.ACCEPTED:
        kept = await tray.ledger.call(tray.ledger.submissions.answer, submission.id)
        if kept is not None:
            return answers.progress(kept, remote_id)
    tray.gate.adopt(document.id)
    progress = await _last_word(tray, document, submission, lambda: ask(remote_id), accepted_at)
    await tray.gate.land(document.id)
    seconds = service_seconds(progress)
    seconds = _since(accepted_at) if seconds is None else seconds
    (await tray.durations(submission.kind, submission.step_id)).learn(seconds)
    await tray.ledger.call(tray.ledger.submissions.finish, submission.id, progress, seconds)
    return progress


async def _last_word(
    tray: Tray,
    document: Document,
    submission: Submission,
    ask: Callable[[], Awaitable[Progress]],
    accepted_at: datetime,
) -> Progress:
    polling, delays = tray.settings.polling, back_off(tray.settings.limits)
    polls = (await tray.durations(submission.kind, submission.step_id)).polls(polling, document)
    slowest = tray.settings.webhooks.polling if tray.settings.webhooks.come else 0.0
    failed = 0
    with tray.news.awaited(submission.id) as told:
        while True:
            delay = jittered(delays[failed - 1]) if failed else polls.next(_since(accepted_at))
            with tray.tally.timed(Part.WAIT):
                if told.is_set():  # it has been asked since, and does not say so itself yet
                    await asyncio.sleep(delay)
                else:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(told.wait(), max(delay, slowest))
            tray.tally.polls += 1
            try:
                with tray.tally.timed(Part.POLL):
                    progress = await ask()
            except RejectedError as error:
                message = f"The service does not know the submission any more: {error}"
                raise DocumentError(Reason.NO_ANSWER, message) from None
            except TransientError as error:
                failed += 1
                if failed > len(delays):
                    raise PollsFailedError(str(error), status=error.status) from None
                continue
            failed = 0
            tray.breaker.succeeded()
            if progress.is_final:
                return progress
            if _since(accepted_at) > polling.give_up:
                message = f"No answer after {polling.give_up / 60:.0f} minutes; the submission's id is kept."
                raise DocumentError(Reason.NO_ANSWER, message)


def _since(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()
