"""A processing function for worker processes that does what the document tells it to, in its second line.

%PDF-1.4
exit-always
a number that makes the bytes unlike others
"""

from __future__ import annotations

import ctypes
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.work import Progress, Work, WorkRefusedError

RESULT = {
    "identification": {
        "document_type": {"code": "invoice", "name": "Invoice", "confidence": 0.9},
        "alternatives": [{"code": "invoice", "name": "Invoice", "confidence": 0.9}],
    },
    "data": {"number": "1"},
    "validation": {"errors": [], "warnings": []},
}


def order(command: str, number: int = 0) -> bytes:
    """A document that tells `process` what to do."""
    return f"%PDF-1.4\n{command}\n{number}".encode()


def attempts(data_dir: Path, job_id: str) -> list[int]:
    """The process ids of the workers that began a job, in order."""
    notes = data_dir / "readings" / f"{job_id}.attempts"
    return [int(pid) for pid in notes.read_text().split()] if notes.exists() else []


def process(work: Work, readings: Path, progress: Progress) -> dict[str, Any]:
    progress(1, 2, "obey")
    notes = readings / f"{work.path.name}.attempts"
    with notes.open("a") as lines:
        lines.write(f"{os.getpid()}\n")
    command, _, argument = work.path.read_bytes().split(b"\n")[1].decode().partition(" ")
    if command.endswith("-once") and len(notes.read_text().split()) > 1:
        return RESULT
    return COMMANDS[command](argument) or RESULT


def wait_for(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.01)


def touch_and_wait_for(paths: str) -> None:
    mine, other = paths.split()
    Path(mine).touch()
    wait_for(other)


def compute_until(path: str) -> None:
    while not Path(path).exists():
        sum(range(10_000))


def hold_the_lock(_: str) -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")  # hours, without a pause for other threads


def crash(_: str) -> None:
    ctypes.string_at(0)


def fail(_: str) -> None:
    raise ValueError("secret words of the document")


def refuse(_: str) -> None:
    raise WorkRefusedError("read", "ENCRYPTED", "The document is protected by a password.")


COMMANDS: dict[str, Callable[[str], dict[str, Any] | None]] = {
    "nothing": lambda _: None,
    "wait-once": lambda _: time.sleep(600),
    "wait-for": wait_for,
    "compute-until": compute_until,
    "hold-the-lock": hold_the_lock,
    "exit-always": lambda _: os._exit(0),
    "crash-once": crash,
    "raise-always": fail,
    "print": print,
    "refuse": refuse,
    "touch-and-wait-for": touch_and_wait_for,
    "long-answer": lambda length: RESULT | {"data": {"number": "x" * int(length)}},
    "environment": lambda _: RESULT | {"data": dict(os.environ)},
    "odd-text": lambda _: RESULT | {"data": {"number": "half a pair \ud800"}},
}
