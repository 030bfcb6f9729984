"""One gate for all calls of a run: when the service asks one of them to wait, all of them wait."""

from __future__ import annotations

import asyncio
import time


class Gate:
    """Open, or closed until a moment. Nobody needs to open it."""

    def __init__(self) -> None:
        self._opens_at = 0.0

    def close(self, seconds: float) -> None:
        """Let nobody through for `seconds`. The longest wish wins."""
        self._opens_at = max(self._opens_at, time.monotonic() + seconds)

    async def wait(self) -> None:
        """Return once the gate is open."""
        while (left := self._opens_at - time.monotonic()) > 0:  # noqa: ASYNC110 - the moment may move while we sleep
            await asyncio.sleep(left)
