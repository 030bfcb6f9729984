"""The `trayflow` command as a user starts it, and what can be seen of it from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRAYFLOW = str(Path(sys.executable).with_name("trayflow"))
PATIENCE = 180.0


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without anything that names a service or a server; proxies stay out of it too."""
    foreign = ("DOCUTRAY", "PREFECT", "TRAYFLOW", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    mine = {name: value for name, value in os.environ.items() if not name.upper().startswith(foreign)}
    return {**mine, "PREFECT_PROFILES_PATH": os.devnull, "TRAYFLOW_SOURCE__SETTLE": "0", **(extra or {})}


def trayflow(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [TRAYFLOW, *arguments],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def started(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs while the block does; what it writes goes to `out` and `err` in its folder."""
    with (cwd / "out").open("w") as out, (cwd / "err").open("w") as err:
        process = subprocess.Popen([TRAYFLOW, *arguments], cwd=cwd, env=environment(env), stdout=out, stderr=err)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
