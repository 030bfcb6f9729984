"""What the engine was sent since it started, in memory: how a rehearsal tells whether anything was paid for twice."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.queue import Job, Kind
from engine.remembered import count, remember

# Times that percentiles are taken of: the latest ones. And the intents that are named as repeated.
_MOST_TIMES, _MOST_REPEATED = 100_000, 1000

_SUBMIT = ("/api/identify", "/api/convert", "/api/steps-async/")


class Stats:
    """Counts, and times in seconds. `clock` tells seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forget everything; jobs that are under way count no more, apart from their polls."""
        self._posts = self._read = self._same_bytes_again = self._intents_again = 0
        self._submissions: Counter[str] = Counter()
        self._polls: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._webhooks: Counter[str] = Counter()
        self._bytes: dict[int, int] = {}
        self._intents: dict[str, int] = {}
        self._repeated: dict[str, None] = {}
        self._accepted_at: dict[str, float] = {}
        self._ended_at: dict[str, float] = {}
        self._latency, self._lateness = _Times(), _Times()

    def posted(self) -> None:
        """A submission was sent, whatever becomes of it."""
        self._posts += 1

    def accepted(self, job: Job) -> None:
        self._submissions[job.kind] += 1
        remember(self._accepted_at, job.id, self._clock())
        # A hash of the hash: what is kept for each document is small.
        if count(self._bytes, hash((job.kind, job.target, job.sha256))) > 1:
            self._same_bytes_again += 1
        intent = (job.metadata or {}).get("trayflow_intent")
        if isinstance(intent, str) and count(self._intents, intent) > 1:
            self._intents_again += 1
            if len(self._repeated) < _MOST_REPEATED:
                self._repeated[intent] = None

    def polled(self, kind: Kind) -> None:
        self._polls[kind] += 1

    def ended(self, job_id: str) -> None:
        now = self._clock()
        if (accepted := self._accepted_at.pop(job_id, None)) is not None:
            self._latency.add(now - accepted)
            remember(self._ended_at, job_id, now)

    def shown(self, job_id: str) -> None:
        """An answer told the end of a job; the first one counts."""
        if (ended := self._ended_at.pop(job_id, None)) is not None:
            self._lateness.add(self._clock() - ended)
            self._read += 1

    def answered(self, how: str) -> None:
        """An answer went out: its HTTP status, or the name of what was done to it on purpose."""
        self._answers[how] += 1

    def fault(self, name: str) -> None:
        """A fault was done on purpose."""
        self._faults[name] += 1

    def webhook(self, outcome: str) -> None:
        self._webhooks[outcome] += 1

    def snapshot(self, *, intents: bool = False) -> dict[str, Any]:
        """All of it, for JSON; with `intents` also how often each one was accepted."""
        accepted = self._submissions.total()
        return {
            "submissions": _all(self._submissions, Kind),
            "posts": self._posts,
            "same_bytes_again": self._same_bytes_again,
            "intents_again": self._intents_again,
            "repeated_intents": list(self._repeated),
            "polls": _all(self._polls, Kind),
            "polls_per_execution": round(self._polls.total() / accepted, 3) if accepted else None,
            "read": self._read,
            "lateness": self._lateness.summary(),
            "latency": self._latency.summary(),
            "answers": dict(sorted(self._answers.items())),
            "faults": dict(sorted(self._faults.items())),
            "webhooks": _all(self._webhooks, ("sent", "failed", "lost", "doubled", "reordered")),
            **({"intents": self._intents} if intents else {}),
        }


class CountCalls:
    """Counts the answers of the API, and the submissions that were sent, refused ones among them."""

    def __init__(self, app: ASGIApp, stats: Stats) -> None:
        self._app = app
        self._stats = stats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            return await self._app(scope, receive, send)
        if scope["method"] == "POST" and scope["path"].startswith(_SUBMIT):
            self._stats.posted()

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._stats.answered(str(message["status"]))
            await send(message)

        return await self._app(scope, receive, send_and_count)


class _Times:
    """The latest times, and the longest of all."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=_MOST_TIMES)
        self._max: float | None = None

    def add(self, seconds: float) -> None:
        self._latest.append(seconds)
        self._max = max(seconds, self._max or 0.0)

    def summary(self) -> dict[str, float | None]:
        """Percentiles by nearest rank; None where there is no time yet."""
        ordered = sorted(self._latest)
        ranks = {"p50": 0.5, "p95": 0.95}
        found = {name: ordered[math.ceil(rank * len(ordered)) - 1] if ordered else None for name, rank in ranks.items()}
        return {name: None if time is None else round(time, 4) for name, time in (found | {"max": self._max}).items()}


def _all(counts: Counter[str], names: Iterable[str]) -> dict[str, int]:
    return {str(name): counts[name] for name in names}
