"""How an answer is awaited: first after the time that this step usually takes, then ever more slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from tasks.submit import pause
from trayflow import answers
from trayflow.errors import DocumentError, RateLimitedError, RejectedError
from trayflow.ledger import Submission
from trayflow.models import Document, Progress
from trayflow.reasons import Reason
from trayflow.tray import Tray

#: The vendor suggests longer intervals for large documents; a megabyte is where we call one large.
LARGE = 1_000_000

#: Each interval is this much longer than the one before.
SLOWER = 1.5

#: Asks the service how a submission stands, by its remote id.
Ask = Callable[[str], Awaitable[Progress]]


async def wait_for(tray: Tray, document: Document, submission: Submission, ask: Ask) -> Progress:
    """Poll until the service's last word, and keep it in the ledger.

    Raises `DocumentError` when there is none in the time that the service itself allows (the id stays in the ledger) or
    when the service no longer knows the id; `TransientError` when it cannot be asked.
    """
    polling = tray.settings.polling
    if submission.remote_id is None or submission.accepted_at is None:
        raise DocumentError(Reason.NO_ANSWER, "The submission has no id to ask for.")
    if kept := await asyncio.to_thread(tray.ledger.answer, submission.id):
        return answers.progress(kept, submission.remote_id)
    interval = polling.large_interval if document.size >= LARGE else polling.interval
    usual = await tray.usual_seconds(submission.kind, submission.step_id)
    waited = _since(submission.accepted_at)
    delay = max(usual - waited, 0.0) if usual is not None else interval
    while True:
        await asyncio.sleep(delay)
        await tray.gate.wait()
        try:
            progress = await ask(submission.remote_id)
        except RateLimitedError as limited:
            pause(tray, limited)
            continue
        except RejectedError as error:
            raise DocumentError(
                Reason.NO_ANSWER, f"The service does not know the submission any more: {error}"
            ) from None
        if progress.is_final:
            break
        if _since(submission.accepted_at) > polling.give_up:
            message = f"No answer after {polling.give_up / 60:.0f} minutes; the submission's id is kept."
            raise DocumentError(Reason.NO_ANSWER, message)
        delay, interval = interval, min(interval * SLOWER, polling.maximum)
    tray.learn(submission.kind, submission.step_id, _since(submission.accepted_at))
    await asyncio.to_thread(tray.ledger.finish, submission.id, progress)
    return progress


def _since(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()
