"""What it means for a submission that a call did not end well: refused, worth another try, or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from trayflow.answers import GarbledAnswerError, failure_in, parsed, said
from trayflow.errors import (
    AccessDeniedError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    TransientError,
    TrayflowError,
)
from trayflow.models import Failure

#: Errors from before the first byte of a request was sent: the service has seen nothing of it.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)

#: Refusals of one document that a firewall or proxy before the service words in its own way.
ABOUT_THE_REQUEST = frozenset({403, 406, 413, 415, 422})

#: Seconds to wait after a 429 that does not say how long (its usual window is a minute), after one that names a moment
#: already past, and the longest wait that we believe.
DEFAULT_WAIT = 60.0
SHORTEST_WAIT = 1.0
LONGEST_WAIT = 3600.0

#: Details of a refusal that are shown, and the length of each.
MOST_DETAILS = 5
LONGEST_DETAIL = 100

#: Characters from which on a key is looked for in messages; the vendor's are far longer.
SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came over HTTP. `body` is `None` when it was cut short or cannot be decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


def refusal(end: Answer | Exception, *, submitting: bool, secret: str = "") -> TrayflowError | None:
    """What it means that a call ended in this answer or this exception; `None` for a success.

    Here, and nowhere else, runs the line between a submission that was **not accepted**, which may be sent again, and
    one of **unknown outcome**, which may have been accepted, and billed, and is never repeated by a retry.

    ==========================================================  ===================================================
    how a submission's POST ended                               what it means
    ==========================================================  ===================================================
    no connection, name not found, connect or pool time-out     not accepted: `TransientError`
    any other exception: sending had begun                      unknown: `OutcomeUnknownError`
    2xx                                                         accepted; unknown if the body is cut (or, to the
                                                                caller, holds no id)
    429                                                         not accepted: `RateLimitedError`
    401; 402 (quota spent); 407                                 not accepted, nor is any other: `AccessDeniedError`
    3xx, or 4xx not in the service's words                      not accepted: this is not the service, so
                                                                `AccessDeniedError`; but `RejectedError` where a
                                                                firewall may mean one document (403, 406, 413, 415,
                                                                422)
    408, 425, 503, or any 4xx whose body is cut                 not accepted: `TransientError`
    other 4xx in the service's words                            never accepted: `RejectedError`
    502, 504                                                    unknown: something in between gave up waiting
    other 5xx in the service's words                            not accepted: `TransientError`
    other 5xx                                                   unknown
    ==========================================================  ===================================================

    "In the service's words" means a JSON object with a `message` or an `error`. A call that submits nothing
    (`submitting` is false) has no unknown outcome: where the table says so, it is a `TransientError`.

    The message never holds `secret`, the account's key.
    """
    if isinstance(end, Exception):
        return _without_answer(end, submitting, secret)
    if end.body is not None and len(secret) >= SHORTEST_SECRET:
        end = replace(end, body=end.body.replace(secret.encode(), b"***"))
    if 200 <= end.status < 300:
        return _unseen("The service's answer was cut short.", submitting, end.status) if end.body is None else None
    failure = _failure(end)
    if end.status < 400:
        return _stranger(end)
    if end.status < 500:
        return _refused(end, failure, submitting)
    return _failed(end, failure, submitting)


def _without_answer(error: Exception, submitting: bool, secret: str) -> TrayflowError:
    words = said(str(error).replace(secret, "***") if len(secret) >= SHORTEST_SECRET else str(error))
    told = f"{type(error).__name__}: {words}" if words else type(error).__name__
    if isinstance(error, NOT_SENT):
        return TransientError(f"No connection to the service ({told}).")
    return _unseen(f"The connection broke before the answer ({told}).", submitting, None)


def _refused(end: Answer, failure: Failure | None, submitting: bool) -> TrayflowError:
    status, words = end.status, _words(end.status, failure)
    code = failure.code or None if failure else None
    if status == 429:
        return RateLimitedError(f"Too many requests ({words}).", retry_after=wait_of(end), status=status, code=code)
    if status == 401:
        return AccessDeniedError(f"The service does not accept the key ({words}): check DOCUTRAY_API_KEY.")
    if status == 402:
        return AccessDeniedError(f"The account's quota is spent ({words}){_quota_returns(end)}.")
    if status == 407:
        return AccessDeniedError(f"The proxy on the way to the service wants to know who you are ({words}).")
    if status in (408, 425) or end.body is None:
        return TransientError(f"Not accepted ({words}).", status=status, code=code)
    if failure is None and not (submitting and status in ABOUT_THE_REQUEST):
        return _stranger(end)
    return RejectedError(f"The service refused it ({words}).", status=status, code=code)


def _failed(end: Answer, failure: Failure | None, submitting: bool) -> TrayflowError:
    status, words = end.status, _words(end.status, failure)
    if status == 503 or (failure and status not in (502, 504)):
        code = failure.code or None if failure else None
        return TransientError(f"The service could not take the call ({words}).", status=status, code=code)
    return _unseen(f"The call ended in an error on the way ({words}).", submitting, status)


def _unseen(message: str, submitting: bool, status: int | None) -> TrayflowError:
    return (OutcomeUnknownError if submitting else TransientError)(message, status=status)


def _stranger(end: Answer) -> AccessDeniedError:
    """Something else than the service is at this address. A redirect is not followed: it would carry the key away."""
    hint = ""
    if 300 <= end.status < 400 and (target := _origin(end.headers.get("location", ""))):
        hint = f" It redirects to {target}."
    return AccessDeniedError(
        f"This address does not speak DocuTray (it answers {end.status}).{hint} Check the service's base URL."
    )


def _origin(location: str) -> str | None:
    try:
        url = httpx.URL(location)
    except httpx.InvalidURL:
        return None
    return f"{url.scheme}://{url.netloc.decode()}" if url.host else None


def _failure(end: Answer) -> Failure | None:
    """The service's explanation, with the details of a 400; `None` when the body is not in the service's words."""
    body = _object(end)
    failure = failure_in(body)
    if failure is None:
        return None
    details = [_detail(row) for row in errors[:MOST_DETAILS]] if isinstance(errors := body.get("errors"), list) else []
    message = "; ".join(filter(None, (failure.message, *details)))
    return Failure(code=failure.code, message=said(message))


def _detail(row: Any) -> str:
    """One entry of a 400's `errors`: which field, and what about it. What was sent is never repeated."""
    if not isinstance(row, Mapping):
        return said(row)[:LONGEST_DETAIL]
    place = next((row[name] for name in ("path", "field", "loc") if row.get(name)), "")
    where = ".".join(map(str, place)) if isinstance(place, list) else said(place)
    return said(": ".join(filter(None, (where, said(row.get("message") or row.get("msg"))))))[:LONGEST_DETAIL]


def _words(status: int, failure: Failure | None) -> str:
    return ": ".join(filter(None, (str(status), failure.code, failure.message))) if failure else str(status)


def _object(end: Answer) -> dict[str, Any]:
    try:
        return parsed(end.body or b"")
    except GarbledAnswerError:
        return {}


def _quota_returns(end: Answer) -> str:
    date = said(_object(end).get("resetDate"))[:LONGEST_DETAIL]
    return f"; it is renewed on {date}" if date else ""


def wait_of(end: Answer) -> float:
    """Seconds that a 429 asks us to wait.

    Told by `retryAfter` in the body, else `Retry-After` in the header (seconds or a date), else `resetTime` in the body
    (seconds or milliseconds since 1970, or ISO 8601), by the service's own clock where it sends one.
    """
    body, header = _object(end), end.headers.get("retry-after")
    now = _moment(end.headers.get("date")) or datetime.now(UTC)
    told = [_seconds(body.get("retryAfter")), _seconds(header)]
    told += [(moment - now).total_seconds() for value in (header, body.get("resetTime")) if (moment := _moment(value))]
    waits = [seconds for seconds in told if seconds is not None]
    if not waits:
        return DEFAULT_WAIT
    return min(next((seconds for seconds in waits if seconds > 0), SHORTEST_WAIT), LONGEST_WAIT)


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if abs(seconds) < float("inf") else None


def _moment(value: Any) -> datetime | None:
    """A moment from an HTTP date, an ISO 8601 text, or a number since 1970: of milliseconds, if it is that large."""
    if isinstance(value, str) and (number := _seconds(value)) is not None:
        value = number
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
