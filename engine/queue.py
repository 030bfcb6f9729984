"""The jobs that were accepted, in one SQLite file: what is waiting, under way, and ended.

A job that was added survives the death of every process (WAL; a power cut may cost the last moments). The queue belongs
to one service at a time and is used on one thread: each call is a transaction of some tens of microseconds, so that it
needs neither locks nor threads of its own.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

#: Ended jobs are forgotten after these days, and the oldest of them beyond this number.
KEEP_DAYS = 7
KEEP_JOBS = 100_000

_VERSION = 1
_SCHEMA = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    candidates TEXT NOT NULL,
    content_type TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    filename TEXT,
    metadata TEXT,
    webhook_url TEXT,
    status TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    responded_at TEXT,
    result TEXT,
    error TEXT
);
CREATE INDEX jobs_open ON jobs (status, seq) WHERE responded_at IS NULL;
CREATE INDEX jobs_ended ON jobs (responded_at) WHERE responded_at IS NOT NULL;
"""
_CLAIM = (
    "UPDATE jobs SET status = 'PROCESSING' WHERE seq = ("
    " SELECT seq FROM jobs WHERE status = 'ENQUEUED' AND responded_at IS NULL ORDER BY seq LIMIT 1) RETURNING *"
)
_CLAIM_UNREAD = _CLAIM.replace(
    "ORDER BY",
    "AND sha256 NOT IN (SELECT sha256 FROM jobs WHERE status = 'PROCESSING' AND responded_at IS NULL) ORDER BY",
)


class Kind(StrEnum):
    IDENTIFY = "identify"
    STEP = "step"
    CONVERT = "convert"


class Status(StrEnum):
    ENQUEUED = "ENQUEUED"
    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Job:
    """One accepted submission.

    `target` is the step's id or the document type's code, empty for identifications, whose `candidates` are type codes.
    `result` holds `identification`, `data` and `validation` as far as they apply; `error` holds `step`, `code` and
    `message`. Times are ISO 8601 in UTC.
    """

    id: str
    kind: Kind
    target: str
    candidates: tuple[str, ...]
    content_type: str
    sha256: str
    filename: str | None = None
    metadata: dict[str, Any] | None = None
    webhook_url: str | None = None
    status: Status = Status.ENQUEUED
    requested_at: str = ""
    responded_at: str | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class Queue:
    """The queue in the file `path`, made where there is none."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            self._db.close()
            raise RuntimeError(f"{path} was made by another version of the engine; use another data folder")

    def close(self) -> None:
        self._db.close()

    def add(self, job: Job) -> None:
        """Accept a job; from here on it is not lost."""
        self._db.execute(
            "INSERT INTO jobs (id, kind, target, candidates, content_type, sha256, filename, metadata, webhook_url,"
            " status, requested_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.id,
                job.kind,
                job.target,
                json.dumps(job.candidates),
                job.content_type,
                job.sha256,
                job.filename,
                _dumped(job.metadata),
                job.webhook_url,
                Status.ENQUEUED,
                _now(),
            ),
        )

    def get(self, job_id: str) -> Job | None:
        row = self._db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else _job(row)

    def claim(self, *, one_reading: bool = True) -> Job | None:
        """The oldest waiting job, now under way.

        With `one_reading`, jobs whose bytes another job is being read for wait until that ends: they then find its
        reading.
        """
        row = self._db.execute(_CLAIM_UNREAD if one_reading else _CLAIM).fetchone()
        return None if row is None else _job(row)

    def succeed(self, job_id: str, result: dict[str, Any]) -> None:
        self._end(job_id, Status.SUCCESS, result, None)

    def fail(self, job_id: str, error: dict[str, Any]) -> None:
        self._end(job_id, Status.ERROR, None, error)

    def _end(self, job_id: str, status: Status, result: dict[str, Any] | None, error: dict[str, Any] | None) -> None:
        self._db.execute(
            "UPDATE jobs SET status = ?, result = ?, error = ?, responded_at = ? WHERE id = ? AND responded_at IS NULL",
            (status, _dumped(result), _dumped(error), _now(), job_id),
        )

    def requeue_interrupted(self) -> None:
        """Jobs that were under way when a service ended wait again, in their old places."""
        self._db.execute("UPDATE jobs SET status = 'ENQUEUED' WHERE status = 'PROCESSING' AND responded_at IS NULL")

    def open_ids(self) -> set[str]:
        """The jobs that have not ended: those whose files are still needed."""
        return {row["id"] for row in self._db.execute("SELECT id FROM jobs WHERE responded_at IS NULL")}

    def forget_old(self, *, days: float = KEEP_DAYS, most: int = KEEP_JOBS) -> None:
        """Delete ended jobs that ended more than `days` ago, and the oldest beyond `most` ended ones."""
        self._db.execute("DELETE FROM jobs WHERE responded_at < ?", (_now(timedelta(days=-days)),))
        self._db.execute(
            "DELETE FROM jobs WHERE responded_at <= ("
            " SELECT responded_at FROM jobs WHERE responded_at IS NOT NULL"
            " ORDER BY responded_at DESC LIMIT 1 OFFSET ?)",
            (most,),
        )


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        kind=Kind(row["kind"]),
        target=row["target"],
        candidates=tuple(json.loads(row["candidates"])),
        content_type=row["content_type"],
        sha256=row["sha256"],
        filename=row["filename"],
        metadata=_loaded(row["metadata"]),
        webhook_url=row["webhook_url"],
        status=Status(row["status"]),
        requested_at=row["requested_at"],
        responded_at=row["responded_at"],
        result=_loaded(row["result"]),
        error=_loaded(row["error"]),
    )


def _dumped(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)


def _loaded(text: str | None) -> dict[str, Any] | None:
    loaded: dict[str, Any] | None = None if text is None else json.loads(text)
    return loaded


def _now(offset: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + offset).isoformat(timespec="milliseconds").replace("+00:00", "Z")
