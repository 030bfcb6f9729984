"""A leash ends a process when nobody holds it any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.children import is_locked
from tests.deployments.commands import eventually

#: Says its process id in the file named first, then does nothing for a long time.
SLEEPER = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(300)"

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER

#: A process that starts another one and does not care for it.
PARENT = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]]); time.sleep(300)"
)

#: Whoever holds a leash and is killed.
HOLDER = "import subprocess, sys, time; leash = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE); time.sleep(300)"


def leash(*command: str, options: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, "-P", "-m", "deployments.leash", *options, "--", sys.executable, "-c", *command]


@contextmanager
def held(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def pid_in(file: Path) -> int:
    eventually(lambda: file.is_file() and file.read_text(), 20)
    return int(file.read_text())


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A zombie whose parent has not looked yet has ended too.
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text() if Path("/proc/self").exists() else False


def test_letting_go_ends_the_command(tmp_path: Path) -> None:
    """Closing the holder's end of the pipe is enough, and the leash ends with its command."""
    with held(leash(SLEEPER, str(tmp_path / "pid"))) as process:
        pid = pid_in(tmp_path / "pid")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) != 0
        assert is_gone(pid)


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    """SIGKILL leaves the holder no time for anything; the command ends all the same."""
    with held([sys.executable, "-c", HOLDER, *leash(SLEEPER, str(tmp_path / "pid"))]) as holder:
        pid = pid_in(tmp_path / "pid")
        holder.send_signal(signal.SIGKILL)
        eventually(lambda: is_gone(pid), 20)


def test_a_command_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """After the grace there is SIGKILL."""
    with held(leash(STUBBORN, str(tmp_path / "pid"), options=("--grace", "0.3"))) as process:
        pid = pid_in(tmp_path / "pid")
        assert process.stdin is not None
        process.stdin.close()
        eventually(lambda: is_gone(pid), 20)


def test_what_the_command_started_ends_with_it(tmp_path: Path) -> None:
    """A process that the command left running does not outlive the leash."""
    with held(leash(PARENT, SLEEPER, str(tmp_path / "pid"))) as process:
        pid = pid_in(tmp_path / "pid")
        assert process.stdin is not None
        process.stdin.close()
        eventually(lambda: is_gone(pid), 20)


def test_the_lock_lasts_as_long_as_the_command(tmp_path: Path) -> None:
    """A second command with the same lock starts only when the first has ended."""
    lock = tmp_path / "lock"
    options = ("--lock", str(lock))
    with held(leash(SLEEPER, str(tmp_path / "first"), options=options)) as first:
        pid = pid_in(tmp_path / "first")
        assert is_locked(lock)
        with held(leash(SLEEPER, str(tmp_path / "second"), options=options)) as second:
            assert first.stdin is not None
            first.stdin.close()
            pid_in(tmp_path / "second")
            assert is_gone(pid)
            assert second.stdin is not None
            second.stdin.close()
            second.wait(20)
    assert not is_locked(lock)


def test_the_exit_code_is_the_commands(tmp_path: Path) -> None:
    """Whoever looks at the leash learns how its command ended."""
    with held(leash("raise SystemExit(7)")) as process:
        assert process.wait(20) == 7
