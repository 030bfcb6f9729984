"""One gate for all calls of a run: it keeps the account's limits, and closes when the service asks for a pause."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from trayflow.ledger import Share
from trayflow.progress import Paused, tell

#: Seconds for which a request counts: the limit's minute, and one more, since calls take different times to arrive.
MINUTE = 61.0

#: Seconds after which a part that was nothing may have become something.
LOOK_AGAIN = 0.5

#: Seconds between looks while the part is being renewed.
A_MOMENT = 0.01


class Gate:
    """Requests pass it one by one, submissions are in flight behind it until they land.

    `part` is what this run may use of the account's limits; `Ledger.runs` deals it out. A limit that nobody stated is
    none: then only the service's own word, 429, closes the gate.
    """

    def __init__(self, part: Share) -> None:
        self.part = part
        self._opens_at = 0.0
        self._passed: deque[float] = deque()
        self._passing = asyncio.Lock()
        self._in_flight: set[str] = set()
        self._landed = asyncio.Condition()
        self._beginners = 0  # first submissions that wait
        self._dealing = False

    def close(self, seconds: float) -> None:
        """Let nobody through for `seconds`. The longest wish wins."""
        self._opens_at = max(self._opens_at, time.monotonic() + seconds)
        tell(Paused(seconds))

    async def enter(self) -> None:
        """Return once one more request may be made; first come, first served."""
        async with self._passing:
            while (left := self._to_wait()) > 0:  # noqa: ASYNC110 - the moment may move while we sleep
                await asyncio.sleep(left)
            if self.part.requests is not None:
                self._passed.append(time.monotonic())

    async def take_off(self, document_id: str, *, first: bool = False) -> None:
        """Return once one more submission may be in flight; from then on this document's is.

        A document's `first` submission goes before others' second ones: a document that begins late would be all that
        is left in the end, with two submissions one after the other and nothing beside them.
        """
        async with self._landed:
            self._beginners += first
            try:
                while not self._has_room(document_id, first=first):
                    await self._landed.wait()
            finally:
                self._beginners -= first
                if first and not self._beginners:
                    self._landed.notify_all()
            self._in_flight.add(document_id)

    def adopt(self, document_id: str) -> None:
        """A submission that an earlier run made is in flight, whether there is room or not."""
        self._in_flight.add(document_id)

    async def land(self, document_id: str) -> None:
        """The document's submission, if it has one, is in flight no more."""
        async with self._landed:
            self._in_flight.discard(document_id)
            self._landed.notify_all()

    async def deal(self, renew: Callable[[Share], Awaitable[Share]]) -> None:
        """Have this run's part renewed: `renew` is told what is in use, and nothing more is taken until it answers."""
        self._dealing = True
        try:
            self.part = await renew(self.used)
        finally:
            self._dealing = False
            async with self._landed:
                self._landed.notify_all()

    @property
    def used(self) -> Share:
        """What is in use: requests of the last minute, submissions in flight."""
        self._forget(time.monotonic())
        return Share(len(self._passed), len(self._in_flight))

    def _has_room(self, document_id: str, *, first: bool) -> bool:
        most = self.part.in_flight
        if most is None or document_id in self._in_flight:
            return True
        if self._dealing or (self._beginners and not first):
            return False
        return len(self._in_flight) < most

    def _to_wait(self) -> float:
        now = time.monotonic()
        if self._opens_at > now or self.part.requests is None:
            return self._opens_at - now
        if self._dealing:
            return A_MOMENT
        self._forget(now)
        passed, most = len(self._passed), self.part.requests
        if passed >= most:
            return min(MINUTE - (now - self._passed[0]), LOOK_AGAIN) if passed else LOOK_AGAIN
        # A burst may use half of a minute's requests; the rest is spread, so that no answer waits for a whole minute.
        return self._passed[-1] + MINUTE / most - now if 2 * passed >= most else 0.0

    def _forget(self, now: float) -> None:
        while self._passed and now - self._passed[0] >= MINUTE:
            self._passed.popleft()
