"""The line between a submission that was not accepted and one that may have been: every row of the table."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trayflow.errors import (
    AccessDeniedError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedError,
    ServiceError,
    TransientError,
    TrayflowError,
)
from trayflow.refusals import Answer, refusal, wait_of

KEY = "dt_live_0123456789"
OWN = {"message": "Internal server error: x"}
DATE = format_datetime(datetime(2026, 3, 4, 12, 0, tzinfo=UTC), usegmt=True)


def answer(status: int, body: Any = b"", **headers: str) -> Answer:
    raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), raw)


def submitting(end: Answer | Exception) -> TrayflowError | None:
    return refusal(end, submitting=True, secret=KEY)


def asking(end: Answer | Exception) -> TrayflowError | None:
    return refusal(end, submitting=False, secret=KEY)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("[Errno 111] Connection refused"),
        httpx.ConnectError("[Errno -2] Name or service not known"),
        httpx.ConnectTimeout(""),
        httpx.PoolTimeout(""),
        httpx.ProxyError("403 Forbidden"),
    ],
)
def test_without_a_connection_nothing_was_accepted(error: Exception) -> None:
    """The service has not seen a byte of it."""
    for end in (submitting(error), asking(error)):
        assert type(end) is TransientError
        assert end.status is None


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadError(""),
        httpx.ReadTimeout(""),
        httpx.WriteError(""),
        httpx.WriteTimeout(""),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        httpx.LocalProtocolError("Too little data for declared Content-Length"),
        ssl.SSLError("record layer failure"),
        OSError("Input/output error"),
        RuntimeError("what no one thought of"),
    ],
)
def test_once_sending_has_begun_the_outcome_is_unknown(error: Exception) -> None:
    """Nobody can tell how much of it the service saw; a question may simply be asked again."""
    assert type(submitting(error)) is OutcomeUnknownError
    assert type(asking(error)) is TransientError


def test_a_success_is_no_refusal() -> None:
    """Whatever its body: that is for the reader of the answer."""
    assert submitting(answer(202, {"id": "x"})) is None
    assert asking(answer(200, b"<html>")) is None


def test_a_success_that_is_cut_short_is_unknown() -> None:
    """It was accepted, but under which id?"""
    assert type(submitting(answer(202, None))) is OutcomeUnknownError
    assert type(asking(answer(200, None))) is TransientError


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 415, 422])
def test_the_services_own_refusal_is_permanent(status: int) -> None:
    """A 4xx with a `message` or an `error`; both are in the message, with the status."""
    for words in ({"message": "No such step"}, {"error": "No such step"}, {"error": {"message": "No such step"}}):
        for end in (submitting(answer(status, words)), asking(answer(status, words))):
            assert type(end) is RejectedError
            assert end.status == status
            assert f"{status}: No such step" in str(end)


def test_the_services_code_is_kept() -> None:
    """Users filter on it."""
    end = submitting(answer(400, {"error": {"code": "INVALID_REQUEST", "message": "m"}}))
    assert isinstance(end, ServiceError)
    assert end.code == "INVALID_REQUEST"


def test_a_validation_error_names_what_was_wrong() -> None:
    """The entries of `errors`, texts or objects, but never what was sent."""
    errors = ["image: must not be empty", {"path": ["options", 0], "message": "Required", "input": "document text"}]
    end = submitting(answer(400, {"message": "Validation error", "errors": errors}))
    assert str(end) == "The service refused it (400: Validation error; image: must not be empty; options.0: Required)."


@pytest.mark.parametrize("status", [408, 425, 503])
def test_what_the_service_could_not_take_now(status: int) -> None:
    """Worth another try, whoever says it."""
    for body in (OWN, b"<html>", None):
        assert type(submitting(answer(status, body))) is TransientError
        assert type(asking(answer(status, body))) is TransientError


def test_an_error_in_the_services_own_words_was_not_accepted() -> None:
    """A 500 that the service itself wrote."""
    for words in (OWN, {"error": "boom"}, {"error": {"code": "INTERNAL_ERROR"}}):
        assert type(submitting(answer(500, words))) is TransientError


@pytest.mark.parametrize(
    "body", [b"", b"<html>Internal Server Error</html>", b"{}", b'{"message": null}', b"[]", b'{"detail": "x"}', None]
)
def test_an_error_in_other_words_is_unknown(body: Any) -> None:
    """Something between us and the service wrote it; what the service did, it does not know either."""
    assert type(submitting(answer(500, body))) is OutcomeUnknownError
    assert type(asking(answer(500, body))) is TransientError


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_gave_up_leaves_it_unknown(status: int) -> None:
    """Even in words like the service's: a gateway's JSON looks just the same."""
    assert type(submitting(answer(status, OWN))) is OutcomeUnknownError
    assert type(asking(answer(status, OWN))) is TransientError


def test_a_wrong_key_concerns_everything() -> None:
    """401 is no document's failure."""
    for end in (submitting(answer(401, {"error": "Invalid API key"})), asking(answer(401))):
        assert type(end) is AccessDeniedError
        assert "DOCUTRAY_API_KEY" in str(end)


def test_a_spent_quota_concerns_everything() -> None:
    """402 tells when the next one begins."""
    spent = {"error": "Quota exceeded", "quota": 100, "used": 100, "resetDate": "2026-04-01T00:00:00Z"}
    end = submitting(answer(402, spent))
    assert type(end) is AccessDeniedError
    assert "2026-04-01" in str(end)


def test_a_proxy_that_wants_a_password_concerns_everything() -> None:
    """407 is about the way to the service."""
    assert type(submitting(answer(407, b"<html>"))) is AccessDeniedError


@pytest.mark.parametrize("status", [400, 404, 405, 410])
def test_another_server_at_the_address_concerns_everything(status: int) -> None:
    """A 4xx that is not in the service's words: no document can be at fault."""
    for end in (submitting(answer(status, b"<html>Not Found")), asking(answer(status, b"<html>Not Found"))):
        assert type(end) is AccessDeniedError
        assert "does not speak DocuTray" in str(end)


def test_a_redirect_is_told_but_not_followed() -> None:
    """The message has the other address, without what may be secret in it."""
    end = asking(answer(308, b"", location="https://user:pw@new.example/path?token=x"))
    assert type(end) is AccessDeniedError
    assert "https://new.example." in str(end)
    assert "pw" not in str(end)
    assert "token" not in str(end)


@pytest.mark.parametrize("location", ["", "/login", "http://[", "\x00"])
def test_a_redirect_to_nowhere_is_no_other_trouble(location: str) -> None:
    """The address is optional and may be relative or broken."""
    end = refusal(Answer(302, {"location": location}, b""), submitting=True)
    assert type(end) is AccessDeniedError


@pytest.mark.parametrize("status", [403, 406, 413, 415, 422])
def test_a_firewall_that_refuses_one_document_stops_no_other(status: int) -> None:
    """Only a submission brings content that a firewall or a proxy's limit may object to."""
    assert type(submitting(answer(status, b"<html>blocked"))) is RejectedError
    assert type(asking(answer(status, b"<html>blocked"))) is AccessDeniedError


def test_a_refusal_that_is_cut_short_is_tried_again() -> None:
    """It was not accepted, that much is certain; why, the next one will tell."""
    for status in (400, 403, 404, 413):
        assert type(submitting(answer(status, None))) is TransientError


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"retryAfter": 7}, {}, 7),
        ({"retryAfter": 0.05}, {}, 0.05),
        ({"retryAfter": "7"}, {}, 7),
        ({"retryAfter": 7}, {"retry_after": "30"}, 7),
        ({}, {"retry_after": "30"}, 30),
        ({"retryAfter": 0}, {"retry_after": "30"}, 30),
        (b"<html>", {"retry_after": "30"}, 30),
        (None, {"retry_after": "30"}, 30),
        ({}, {"retry_after": "Wed, 04 Mar 2026 12:00:20 GMT"}, 20),
        ({"resetTime": 1772625625}, {}, 25),
        ({"resetTime": "1772625625"}, {}, 25),
        ({"resetTime": 1772625625000}, {}, 25),
        ({"resetTime": "2026-03-04T12:00:25Z"}, {}, 25),
        ({"resetTime": "2026-03-04T13:00:25+01:00"}, {}, 25),
        ({"retryAfter": 0, "resetTime": 1772625625}, {}, 25),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(body: Any, headers: dict[str, str], seconds: float) -> None:
    """In body or header, as seconds or as a moment by the service's own clock."""
    end = submitting(answer(429, body, date=DATE, **headers))
    assert isinstance(end, RateLimitedError)
    assert end.retry_after == pytest.approx(seconds)
    assert end.status == 429


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({}, {}, 60),
        ({"retryAfter": None, "resetTime": "soon"}, {"retry_after": "later"}, 60),
        ({"retryAfter": True}, {}, 60),
        ({"retryAfter": 0, "resetTime": 0}, {}, 1),
        ({"retryAfter": -5}, {}, 1),
        ({"resetTime": 1772625600}, {}, 1),
        ({"retryAfter": 1e9}, {}, 3600),
        ({}, {"retry_after": "inf"}, 60),
        ({"resetTime": 1e300}, {}, 60),
        ({"resetTime": 10**400}, {}, 60),
    ],
)
def test_a_wait_that_makes_no_sense(body: Any, headers: dict[str, str], seconds: float) -> None:
    """A minute where nothing is told, a second where the moment is past, an hour at most."""
    assert wait_of(answer(429, body, date=DATE, **headers)) == seconds


def test_our_own_clock_serves_where_the_service_sends_none() -> None:
    """`resetTime` still means a moment."""
    soon = datetime.now(UTC).timestamp() + 100
    assert 90 < wait_of(answer(429, {"resetTime": soon})) <= 100


def test_the_key_is_in_no_message() -> None:
    """Not even where the service, or the library, repeats it."""
    ends = [
        submitting(answer(400, {"message": f"bad token {KEY}", "errors": [KEY, {"message": KEY}]})),
        submitting(answer(401, {"error": {"message": f"{'x' * 290} {KEY}"}})),
        submitting(httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'")),
    ]
    for end in ends:
        assert end is not None
        assert "dt_live" not in str(end)


def test_messages_are_short_and_of_one_line() -> None:
    """Whatever the service writes."""
    end = submitting(answer(400, {"message": "long\n" * 1000, "errors": ["x" * 1000] * 100}))
    assert end is not None
    assert len(str(end)) < 350
    assert "\n" not in str(end)


@given(
    status=st.integers(200, 599),
    body=st.none()
    | st.binary(max_size=40)
    | st.dictionaries(
        st.sampled_from(["message", "error", "errors", "code", "retryAfter", "resetTime", "resetDate"]),
        st.none()
        | st.text(max_size=10)
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.lists(st.dictionaries(st.sampled_from(["message", "path", "loc"]), st.text() | st.lists(st.integers())))
        | st.fixed_dictionaries({"code": st.text(), "message": st.text()}),
    ),
    header=st.text(max_size=40),
    submits=st.booleans(),
)
def test_every_answer_has_its_place_in_the_tree(status: int, body: Any, header: str, submits: bool) -> None:
    """Nothing but our own errors comes out, and only a submission's outcome is ever unknown."""
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    end = refusal(
        Answer(status, {"retry-after": header, "date": header, "location": header}, raw), submitting=submits, secret=KEY
    )
    if status >= 300:
        assert isinstance(end, TrayflowError)
    if isinstance(end, OutcomeUnknownError):
        assert submits
    if isinstance(end, RateLimitedError):
        assert 0 < end.retry_after <= 3600
