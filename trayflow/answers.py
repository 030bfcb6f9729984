"""What the service's answers mean, in every form that its documents, SDK and tools show. Pure: no I/O.

The reference, the prose and the examples of the vendor name the same things differently; all their forms are read here,
so that nothing else needs to know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx
from pydantic import ValidationError

from trayflow.errors import (
    AccessDeniedError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    TransientError,
)
from trayflow.models import Accepted, Failure, Identification, Progress, Status, Validation

#: Names under which an id was seen.
ID_NAMES = ("id", "execution_id", "conversion_id", "identification_id", "step_execution_id")

#: Webhooks say in lower case what status answers say in capitals.
STATUS_WORDS = {"completed": Status.SUCCESS, "failed": Status.ERROR}

#: A service's message is cut to this many characters before it goes anywhere.
LONGEST_MESSAGE = 300

#: Seconds to wait after a 429 that does not say how long, and the longest wait that we believe.
DEFAULT_WAIT = 30.0
LONGEST_WAIT = 3600.0


class GarbledAnswerError(ValueError):
    """The bytes are no answer of this service."""


def accepted(body: bytes) -> Accepted:
    """The id of a submission that was taken. Raises `GarbledAnswerError` when there is none to be found."""
    answer = _unwrapped(parsed(body))
    remote_id = _remote_id(answer)
    if remote_id is None:
        raise GarbledAnswerError("the answer holds no id")
    return Accepted(remote_id=remote_id, status=_status(answer) or Status.ENQUEUED)


def progress(answer: Mapping[str, Any], remote_id: str) -> Progress:
    """How the submission `remote_id` stands. Raises `GarbledAnswerError` for anything else."""
    answer = _unwrapped(answer)
    if (named := _remote_id(answer)) is not None and named != remote_id:
        raise GarbledAnswerError("the answer is about another submission")
    status = _status(answer)
    if status is None:
        raise GarbledAnswerError("the answer holds no status")
    try:
        return Progress(
            remote_id=remote_id,
            status=status,
            identification=_identification(answer) if status == Status.SUCCESS else None,
            data=_data(answer) if status == Status.SUCCESS else None,
            validation=Validation.model_validate(answer.get("validation") or {}),
            failure=_failure(answer) if status == Status.ERROR else None,
            metadata=answer["document_metadata"] if isinstance(answer.get("document_metadata"), dict) else {},
            raw=dict(answer),
        )
    except ValidationError:
        raise GarbledAnswerError("the answer has another shape than the service documents") from None


def raise_for(response: httpx.Response, *, submitting: bool) -> None:
    """Raise what an error status means. Here, and nowhere else, runs the line between "not accepted" and "unknown".

    A submission was **not accepted** when the service says so in its own words: 4xx, 503, or a 500 whose body is the
    service's error object. It **may have been accepted** when something else answers for it: 502, 504, or any other 5xx
    without such a body. Anything that is only read may simply be asked for again.
    """
    status, body = response.status_code, response.content
    if status < 300:
        return
    words = _words(body)
    if status == 429:
        raise RateLimitedError(words or "too many requests", retry_after=_wait(response, body), status=status)
    if status == 401:
        raise AccessDeniedError(f"The service does not accept the key ({words or '401'}): check DOCUTRAY_API_KEY.")
    if status < 400 or (status < 500 and words is None):
        raise AccessDeniedError(
            f"{response.request.url.copy_with(path='/')} does not speak DocuTray (status {status}): check the address."
        )
    message = f"{status}: {words or 'no explanation'}"
    code = _code(body)
    if status in (408, 425) or (status >= 500 and not submitting):
        raise TransientError(message, status=status, code=code)
    if status < 500:
        raise RejectedError(message, status=status, code=code)
    if status == 503 or (status == 500 and words is not None):
        raise TransientError(message, status=status, code=code)
    raise OutcomeUnknownError(message, status=status, code=code)


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises `GarbledAnswerError` for anything else; NaN and Infinity are no JSON."""
    try:
        answer = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise GarbledAnswerError("it is no JSON") from None
    if not isinstance(answer, dict):
        raise GarbledAnswerError("it is no JSON object")
    return answer


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _unwrapped(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take off the `data` envelope that one of the vendor's documents shows; extracted fields are no envelope."""
    inner = answer.get("data")
    if not isinstance(inner, Mapping) or "status" in answer or _remote_id(answer) is not None:
        return answer
    return inner if "status" in inner or _remote_id(inner) is not None else answer


def _remote_id(answer: Mapping[str, Any]) -> str | None:
    for name in ID_NAMES:
        value = answer.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def _status(answer: Mapping[str, Any]) -> str | None:
    status = answer.get("status")
    if not isinstance(status, str) or not status:
        return None
    return STATUS_WORDS.get(status.lower(), status.upper())


def _identification(answer: Mapping[str, Any]) -> Identification | None:
    found = answer.get("document_type")
    if not isinstance(found, Mapping):
        return None
    return Identification.model_validate({"document_type": found, "alternatives": answer.get("alternatives") or ()})


def _data(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    data = answer.get("data")
    if not isinstance(data, Mapping) and isinstance(answer.get("result"), Mapping):
        data = answer["result"].get("data")
    return dict(data) if isinstance(data, Mapping) else None


def _failure(answer: Mapping[str, Any]) -> Failure:
    error = answer.get("error") or answer.get("message") or ""
    if isinstance(error, Mapping):
        return Failure(code=_cut(error.get("code")), message=_cut(error.get("message")))
    return Failure(message=_cut(error))


def _words(body: bytes) -> str | None:
    """The service's own explanation; `None` when the body is not an error object of this service."""
    try:
        answer = parsed(body)
    except GarbledAnswerError:
        return None
    for name in ("message", "error"):
        value = answer.get(name)
        if isinstance(value, Mapping):
            value = value.get("message") or value.get("code")
        if isinstance(value, str) and value:
            return _cut(value)
    return None


def _code(body: bytes) -> str | None:
    try:
        error = parsed(body).get("error")
    except GarbledAnswerError:
        return None
    code = error.get("code") if isinstance(error, Mapping) else None
    return _cut(code) if isinstance(code, str) else None


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def _wait(response: httpx.Response, body: bytes) -> float:
    """Seconds that a 429 asks for: `retryAfter`, else `Retry-After` (seconds or a date), else `resetTime`."""
    try:
        answer = parsed(body)
    except GarbledAnswerError:
        answer = {}
    for seconds in (_seconds(answer.get("retryAfter")), _seconds(response.headers.get("Retry-After"))):
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_WAIT)
    for moment in (response.headers.get("Retry-After"), answer.get("resetTime")):
        if (until := _moment(moment)) is not None:
            return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)
    return DEFAULT_WAIT


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if seconds == seconds and abs(seconds) != float("inf") else None


def _moment(value: Any) -> datetime | None:
    """A moment from an HTTP date, an ISO 8601 text, or an epoch in seconds or milliseconds."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        if isinstance(value, str):
            try:
                moment = parsedate_to_datetime(value)
            except ValueError:
                moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
