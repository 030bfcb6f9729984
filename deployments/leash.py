"""A leash: `python -m deployments.leash [--lock FILE] -- COMMAND…` keeps a process only as long as somebody holds it.

The holder is whoever has the other end of this process's standard input. When that end closes, be it in good order or
because the holder was killed, the command is told to end, and killed if it does not: nothing is left behind. With
`--lock`, the file is locked before the command starts and free when it has ended. `--grace` is the time to end in, in
seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

#: Seconds that the command gets to end in good order.
GRACE = 8.0

WINDOWS = sys.platform == "win32"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command until it ends or the leash is let go. Returns the command's exit code."""
    parser = argparse.ArgumentParser(prog="python -m deployments.leash")
    parser.add_argument("--lock", type=Path)
    parser.add_argument("--grace", type=float, default=GRACE)
    parser.add_argument("command", nargs="+")
    given = parser.parse_args(arguments)

    let_go = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: let_go.set())
    threading.Thread(target=_watch_holder, args=(let_go.set,), daemon=True).start()
    lock = FileLock(given.lock) if given.lock else None
    if lock and not _acquired(lock, let_go):
        return 0
    try:
        return _run(given.command, let_go, given.grace)
    finally:
        if lock:
            lock.release()


def _watch_holder(let_go: Callable[[], Any]) -> None:
    while os.read(0, 1024):
        pass
    let_go()


def _acquired(lock: FileLock, let_go: threading.Event) -> bool:
    while not let_go.is_set():
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            continue
        return True
    return False


def _run(command: Sequence[str], let_go: threading.Event, grace: float) -> int:
    # A group of its own: on Windows so that Ctrl-Break reaches it alone, elsewhere so that it can be killed as a whole.
    group: dict[str, Any] = (
        {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)} if WINDOWS else {"process_group": 0}
    )
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **group)
    ended = threading.Event()

    def watch_child() -> None:
        child.wait()
        ended.set()
        let_go.set()

    threading.Thread(target=watch_child, daemon=True).start()
    let_go.wait()
    if not ended.is_set():
        _tell_to_end(child)
        ended.wait(grace)
    _kill_what_is_left(child)
    ended.wait()
    return child.returncode


def _tell_to_end(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))


def _kill_what_is_left(child: subprocess.Popen[bytes]) -> None:
    """The command, if it did not listen, and processes that it started and did not end."""
    if WINDOWS:
        if child.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(child.pid)], check=False, capture_output=True)  # noqa: S607 - a part of Windows
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
