"""Real engines in processes of their own, to be used and to be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
KEY = "made-up-key"
SERVE = """
import json, sys
from pathlib import Path
from engine.serve import serve
options = json.loads(sys.argv[1])
serve(0, options.pop("key"), data_dir=Path(options.pop("data_dir")), **{
    name: Path(value) if name in ("types_dir", "faults") else value for name, value in options.items()
})
"""


@dataclass(frozen=True)
class RunningEngine:
    """An engine that answers at `base_url`. `log` is what it wrote on standard output and standard error."""

    base_url: str
    key: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def client(self, **options: Any) -> httpx.Client:
        """A client with the engine's address and key."""
        return httpx.Client(base_url=self.base_url, headers=self.headers, timeout=30, trust_env=False, **options)

    def submit(self, document: bytes, path: str = "/api/identify-async", **fields: Any) -> str:
        """Submit a document and return the id of the job."""
        fields.setdefault("document_type_code_options", ["invoice", "receipt"])
        form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        with self.client() as client:
            answer = client.post(path, files={"image": ("document.pdf", document, "application/pdf")}, data=form)
        assert answer.status_code == 202, answer.text
        accepted = answer.json()
        return str(accepted.get("id") or accepted["conversion_id"])

    def end_of(self, job_id: str, path: str = "/api/identify-async", seconds: float = 60) -> dict[str, Any]:
        """The status of a job once it has ended."""

        def ended() -> dict[str, Any] | None:
            status: dict[str, Any] = client.get(f"{path}/status/{job_id}").json()
            return status if status["status"] in ("SUCCESS", "ERROR") else None

        with self.client() as client:
            return eventually(ended, seconds)

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill(self) -> None:
        """SIGKILL: nothing is ended in good order."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def start_engine(data_dir: Path, **options: Any) -> Iterator[RunningEngine]:
    """An engine on a free port, ready to answer; `options` as of `engine.serve.serve`. Ended when the block ends."""
    data_dir.mkdir(parents=True, exist_ok=True)
    given = {"key": KEY, "workers": 1, **options, "data_dir": str(data_dir)}
    address = data_dir / "address"
    address.unlink(missing_ok=True)  # a killed engine leaves it behind
    log = data_dir / "log"
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, json.dumps(given, default=str)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )

    def base_url() -> str | None:
        assert process.poll() is None, log.read_text()
        return address.read_text() if address.exists() else None

    def ready() -> bool:
        return httpx.get(f"{url}/health", timeout=30, trust_env=False).status_code == 200

    try:
        url = eventually(base_url)
        eventually(ready)
        yield RunningEngine(url, given["key"], data_dir, process, log)
    finally:
        process.kill()
        process.wait()


def eventually(look: Callable[[], T | None], seconds: float = 60) -> T:
    """What `look` returns as soon as that is something true."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
    return found
