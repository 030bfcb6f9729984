"""How long the service takes, and when to ask it. What is learnt is soon forgotten: services have slow days."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from trayflow.models import Document, Progress
from trayflow.settings import Polling

#: Executions from which the next one is guessed.
SAMPLE = 50

#: The vendor suggests longer intervals for large documents; a megabyte is where we call one large.
LARGE = 1_000_000

#: The first poll comes when this part of its like have ended, the next ones after this part of the usual time each, and
#: later, when it takes unusually long, each interval is this much longer than the one before.
EARLY, FINE, SLOWER = 0.3, 0.2, 1.5

#: The longest that a step can have taken, in seconds: what is beyond is a clock that was set.
A_DAY = 86_400.0


class Durations:
    """The last durations of one step, in seconds."""

    def __init__(self, known: Iterable[float] = ()) -> None:
        self._known = deque(islice(known, SAMPLE), maxlen=SAMPLE)

    def learn(self, seconds: float) -> None:
        """One more."""
        self._known.append(seconds)

    def polls(self, polling: Polling, document: Document) -> Polls:
        """When to ask for a document of this step."""
        return Polls(self, polling, polling.large_interval if document.size >= LARGE else polling.interval)

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def early(self) -> float:
        """Some have ended by then."""
        return sorted(self._known)[int(EARLY * len(self._known))]

    @property
    def usual(self) -> float:
        """Half of them have ended by then."""
        return statistics.median(self._known)

    @property
    def longest(self) -> float:
        """All of them have ended by then."""
        return max(self._known)


class Polls:
    """The delays before one document's polls: first when some of its like have ended, then in small steps while the
    others end, then ever larger ones. What is learnt while it waits counts: the first documents of a step know nothing.
    """

    def __init__(self, known: Durations, polling: Polling, interval: float) -> None:
        self._known = known
        self._polling = polling
        self._interval = interval
        self._slower = 1.0
        self._asked = False

    def next(self, waited: float) -> float:
        """Seconds before the next poll, `waited` seconds after the service took the document."""
        expected = self._known.early if self._known else self._interval
        if not self._asked or (self._known and waited < expected):
            self._asked = True
            return max(expected - waited, 0.0)
        if not self._known:
            return self._slowed(self._interval)
        step = max(FINE * self._known.usual, self._polling.minimum)
        return self._slowed(step) if waited > self._known.longest else step

    def _slowed(self, interval: float) -> float:
        delay = min(interval * self._slower, self._polling.maximum)
        self._slower *= SLOWER
        return delay


def service_seconds(progress: Progress) -> float | None:
    """How long the service took by its own clock; `None` where its answer does not tell."""
    began, ended = (_moment(progress.raw.get(name)) for name in ("request_timestamp", "response_timestamp"))
    if began is None or ended is None:
        return None
    seconds = (ended - began).total_seconds()
    return seconds if 0 <= seconds < A_DAY else None


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
