"""What can be set about an engine."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

#: The variable that holds the secret that webhooks are signed with.
WEBHOOK_SECRET = "DOCUTRAY_WEBHOOK_SECRET"  # noqa: S105 - a name

_POSITIVE = ("workers", "rate_limit_per_minute", "most_bytes", "job_seconds", "download_seconds", "at_once")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """One engine. `data_dir` is its own: it holds the queue, the documents under way and kept readings.

    `processing` is the import path of an `engine.work.Process`; `most_bytes` the size of the largest document, the
    vendor's 100 MB; `job_seconds` the longest processing, the vendor's 60 minutes; `download_seconds` the longest
    download of a document submitted by URL, the vendor's 30 s.

    With `simulate`, nothing is read: jobs take about so many seconds, `at_once` of them at most, and answers are made
    up. `faults` is a file of faults that it is to do on purpose (see engine.faults).

    `webhook_url` is told about all work that names no receiver of its own; `webhook_secret` signs what is sent.

    Raises `ValueError` for values that make no sense.
    """

    key: str = field(repr=False)
    data_dir: Path
    types_dir: Path | None = None
    workers: int = field(default_factory=lambda: min(2, os.cpu_count() or 1))
    rate_limit_per_minute: int | None = None
    most_bytes: int = 100 * 2**20
    job_seconds: float = 3600.0
    download_seconds: float = 30.0
    processing: str = "engine.processing:process"
    simulate: float | None = None
    at_once: int = 50
    faults: Path | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.key.strip():
            raise ValueError("the engine needs a key")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be greater than 0")
        if self.simulate is not None and not 0 <= self.simulate < math.inf:
            raise ValueError("simulate must be a number of seconds, 0 or more")
        if self.webhook_url is not None:
            if not self.webhook_url.startswith(("http://", "https://")):
                raise ValueError("webhook_url must be an http or https address")
            if not self.webhook_secret:
                raise ValueError(f"webhook_url needs a secret to sign with, in {WEBHOOK_SECRET}")
