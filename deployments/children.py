"""Processes that live no longer than this one: the Prefect server, the engine, the worker."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from deployments.leash import GRACE, WINDOWS
from trayflow.errors import RunStoppedError

#: Seconds that a process gets to answer for the first time; a machine under load takes its time.
PATIENCE = 180.0

LOCALHOST = "127.0.0.1"

#: Our interpreter, without the working directory on the import path: a user's folder may hold a `flows` of its own.
PYTHON = (sys.executable, "-P")


class StartError(RunStoppedError):
    """A process that the run needs did not start, or ended."""


class Child:
    """A process on a leash: it ends when `stop` is called, and when this process ends in whatever way.

    What it writes goes to `log`, which begins anew. While it lives it holds the lock file, if one is given.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        lock: Path | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        locked = ["--lock", str(lock)] if lock else []
        with log.open("wb") as output:
            self._leash = subprocess.Popen(
                [*PYTHON, "-m", "deployments.leash", *locked, "--", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                # Ctrl-C in the terminal is for us alone: we end our children in order.
                start_new_session=not WINDOWS,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._leash.poll() is None

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self._leash.stdin and not self._leash.stdin.closed:
            self._leash.stdin.close()
        try:
            self._leash.wait(GRACE + 5)
        except subprocess.TimeoutExpired:
            self._leash.kill()
            self._leash.wait()

    def wait_until_answering(self, url: str, patience: float = PATIENCE) -> None:
        """Wait for its first good answer at `url`. Raises `StartError` when it ends before, or does not come up."""
        deadline = time.monotonic() + patience
        while not answers(url):
            if not self.is_alive() or time.monotonic() > deadline:
                raise StartError(f"The {self.name} did not start: see {self.log}.")
            time.sleep(0.05)


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether somebody on this machine answers `url` with success. Goes round any proxy."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or LOCALHOST, parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((LOCALHOST, 0))
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server of ours could listen on this port."""
    with socket.socket() as listener:
        if not WINDOWS:  # there it would allow two listeners
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOCALHOST, port))
        except OSError:
            return False
        return True


def is_locked(lock: Path) -> bool:
    """Whether a living process holds this lock file."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def make_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_urlsafe(24)
