"""From what went wrong with one document to where it ends. Pure: the flow records what is decided here."""

from __future__ import annotations

from trayflow.errors import DocumentError, OutcomeUnknownError, RejectedError, TrayflowError
from trayflow.models import Ending, Extraction, Failure, Identification, Outcome, Progress, TypeSchema
from trayflow.reasons import Reason
from trayflow.settings import Routing
from trayflow.tables import check

#: Somebody may set these right, or decide; everything else is for good and goes to quarantine.
FOR_REVIEW = frozenset(
    {
        Reason.OTHER_TYPE,
        Reason.LOW_CONFIDENCE,
        Reason.NO_ROUTE,
        Reason.FAILED_CHECKS,
        Reason.SUBMISSION_UNKNOWN,
        Reason.NO_ANSWER,
    }
)


def ending_of(error: TrayflowError) -> Ending | None:
    """Where a document ends after this error; `None` when it does not: a later try may succeed."""
    match error:
        case DocumentError():
            return _ending(error.reason, str(error))
        case RejectedError():
            return _ending(Reason.REJECTED, str(error))
        case OutcomeUnknownError():
            return _ending(Reason.SUBMISSION_UNKNOWN, f"It may have been accepted, so it is not sent again: {error}")
        case _:
            return None


def identified(progress: Progress) -> Identification:
    """What the service takes the document for. Raises `DocumentError` when it could not say."""
    if progress.identification is None:
        raise DocumentError(Reason.IDENTIFICATION_FAILED, _gave_up(progress.failure))
    return progress.identification


def succeeded(progress: Progress) -> Progress:
    """The same answer, if it holds extracted fields. Raises `DocumentError` when the service gave up."""
    if progress.data is None:
        raise DocumentError(Reason.EXECUTION_FAILED, _gave_up(progress.failure))
    return progress


def failed_checks(
    extraction: Extraction, progress: Progress, schema: TypeSchema | None, routing: Routing
) -> Ending | None:
    """Review for fields that contradict their schema, or, unless `routing` says otherwise, each other.

    The message names fields, never their values.
    """
    misfits = check(extraction.data, schema)
    words = []
    if misfits:
        words.append(f"Of another type than the schema says: {', '.join(misfits)}.")
    count = progress.validation.errors.count
    if count and routing.on_failed_checks == "review":
        words.append(f"The service's own checks found {count} {'error' if count == 1 else 'errors'}.")
    return _ending(Reason.FAILED_CHECKS, " ".join(words)) if words else None


def _gave_up(failure: Failure | None) -> str:
    words = ": ".join(filter(None, (failure.code, failure.message))) if failure else ""
    return f"The service gave up: {words or 'it did not say why'}"


def _ending(reason: Reason, message: str) -> Ending:
    return Ending(Outcome.REVIEW if reason in FOR_REVIEW else Outcome.QUARANTINED, message, reason)
