"""Who may call, and how often."""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable

from starlette.requests import Request

from engine import errors


class Access:
    """One key, and a limit of calls per minute (none by default), counted in windows that begin with a first call.

    `clock` tells the time in seconds since the epoch.
    """

    def __init__(self, key: str, per_minute: int | None = None, clock: Callable[[], float] = time.time) -> None:
        self._key = key.encode()
        self._per_minute = per_minute
        self._clock = clock
        self._window_ends = 0.0
        self._calls = 0

    async def __call__(self, request: Request) -> None:
        """Let the call pass, or raise `ApiError`: 401 for a wrong key, 429 above the limit."""
        await self.without_limit(request)
        if self._per_minute is not None:
            self._count(self._per_minute)

    async def without_limit(self, request: Request) -> None:
        """Let the call pass without counting it, or raise `ApiError` (401)."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        # Compared in a time that does not depend on where the first difference is.
        if not hmac.compare_digest(key.strip().encode("latin-1"), self._key) or scheme.lower() != "bearer":
            raise errors.invalid_key()

    def _count(self, limit: int) -> None:
        now = self._clock()
        if now >= self._window_ends:
            self._window_ends, self._calls = now + 60, 0
        self._calls += 1
        if self._calls > limit:
            wait = max(1, math.ceil(self._window_ends - now))
            raise errors.rate_limited(limit, math.ceil(self._window_ends), wait)
