"""The limit of calls per minute, in a minute of our own making."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request

from engine.access import Access
from engine.errors import ApiError


class Clock:
    now = 1_000_000.25

    def __call__(self) -> float:
        return self.now


def call(access: Access, key: str = "key") -> None:
    scope = {"type": "http", "headers": [(b"authorization", f"Bearer {key}".encode())]}
    asyncio.run(access(Request(scope)))


def test_the_window_opens_again() -> None:
    """Above the limit calls are refused until the window ends, and then begin anew."""
    clock = Clock()
    access = Access("key", 2, clock)
    call(access)
    clock.now += 20
    call(access)
    with pytest.raises(ApiError) as caught:
        call(access)
    assert caught.value.body == {
        "error": "Rate limit exceeded",
        "limitType": "minute",
        "limit": 2,
        "remaining": 0,
        "resetTime": 1_000_061,
        "retryAfter": 40,
    }
    assert caught.value.headers == {"Retry-After": "40"}
    clock.now += 40
    call(access)


def test_waiting_as_told_is_enough() -> None:
    """Whoever waits for `retryAfter` seconds is let in."""
    clock = Clock()
    access = Access("key", 1, clock)
    call(access)
    clock.now += 12.3
    with pytest.raises(ApiError) as caught:
        call(access)
    clock.now += caught.value.body["retryAfter"]
    call(access)


def test_wrong_keys_do_not_count() -> None:
    """Calls with a wrong key use up nothing of the limit."""
    access = Access("key", 1, Clock())
    with pytest.raises(ApiError, match="401"):
        call(access, "wrong")
    call(access)
