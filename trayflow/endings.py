"""From what went wrong with one document to where it ends. Pure: the flow records what is decided here."""

from __future__ import annotations

from trayflow.errors import DocumentError
from trayflow.failures import Then, ends, failure_of
from trayflow.models import Ending, Extraction, Failure, Identification, Progress, TypeSchema
from trayflow.reasons import Reason
from trayflow.settings import Routing
from trayflow.tables import check


def ending_of(error: Exception) -> Ending | None:
    """Where a document ends after this error; `None` when it does not: a later try may succeed."""
    failure = failure_of(error)
    if failure.then not in (Then.QUARANTINED, Then.REVIEW):
        return None
    reason = error.reason if isinstance(error, DocumentError) else failure.reasons[0]
    return _ending(reason, str(error))


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
    return Ending(ends(reason), message, reason)
