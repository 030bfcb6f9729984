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

#: Between polls goes by this part of the usual time (a result is then known after 1.15 of it at most), and later, when
#: it takes unusually long, each interval is this much longer than the one before.
FINE, SLOWER = 0.15, 1.5

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
        """When to ask for a document of this step, by what is known now."""
        if self._known:
            usual = statistics.median(self._known)
            return Polls(usual, max(FINE * usual, polling.minimum), max(self._known), polling.maximum)
        interval = polling.large_interval if document.size >= LARGE else polling.interval
        return Polls(interval, interval, 0.0, polling.maximum)


class Polls:
    """The delays before one document's polls: first when half of its like have ended, then in small steps while the
    others end, then ever larger ones.
    """

    def __init__(self, first: float, interval: float, until: float, most: float) -> None:
        self._first = first
        self._interval = interval
        self._until = until
        self._most = most
        self._asked = False

    def next(self, waited: float) -> float:
        """Seconds before the next poll, `waited` seconds after the service took the document."""
        if not self._asked:
            self._asked = True
            return max(self._first - waited, 0.0)
        delay = min(self._interval, self._most)
        if waited > self._until:
            self._interval *= SLOWER
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
