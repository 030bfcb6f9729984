"""A Prefect server of our own, when the user has none: where its files are, how it is tuned, how it starts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deployments.children import LOCALHOST, PYTHON, Child, StartError, is_free

#: What our server records in a second, with a margin (measured: 100 task runs on two cores that also run the flow).
TASK_RUNS_PER_SECOND = 80

#: As shipped, the server writes task runs down one by one. In batches it records three times as many.
TUNED: Mapping[str, str] = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
}

#: A server that lives for one run has nobody to show a UI to, and no business with schedules and work pools.
FOR_ONE_RUN: Mapping[str, str] = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    # A feed of events that nobody reads costs as much as the record of the task runs itself.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}

#: Prefect tells nobody about us.
QUIET: Mapping[str, str] = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


def lock_file(home: Path) -> Path:
    """Held as long as a Prefect server works on this folder's database."""
    return home.absolute() / "prefect-server.lock"


def api_url(port: int) -> str:
    """The address of our server's API."""
    return f"http://{LOCALHOST}:{port}/api"


def client_env(url: str, home: Path) -> dict[str, str]:
    """What a process needs to use our server at `url`. Prefect's own files go into our folder."""
    return {"PREFECT_API_URL": url, "PREFECT_HOME": str(home.absolute() / "prefect"), **QUIET}


def start(home: Path, port: int, *, lasting: bool) -> Child:
    """Start a server on this folder's database; a `lasting` one with UI and schedules. It does not answer yet.

    Raises `StartError` when the port is taken.
    """
    if not is_free(port):
        raise StartError(f"Port {port} is taken. Choose another one with --port.")
    database = home.absolute() / "prefect.db"
    env = {
        **client_env(api_url(port), home),
        **TUNED,
        **({"PREFECT_SERVER_UI_API_URL": api_url(port)} if lasting else FOR_ONE_RUN),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database.as_posix()}",
    }
    command = [*PYTHON, "-m", "prefect", "server", "start", "--host", LOCALHOST, "--port", str(port)]
    log = home / "logs" / "prefect-server.log"
    return Child("Prefect server", command, env=env, log=log, lock=lock_file(home))


def configured_url() -> str | None:
    """The API that the user's environment or active Prefect profile names; `None` when there is none.

    Prefect knows, but takes seconds to say so: it is asked only where a file may hold the answer.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    hints = {
        profiles: "PREFECT_API_URL",
        Path(".env"): "PREFECT_API_URL",
        Path("prefect.toml"): "api",
        Path("pyproject.toml"): "[tool.prefect",
    }
    if not any(path.is_file() and hint in path.read_text(errors="replace") for path, hint in hints.items()):
        return None
    question = "from prefect.settings import get_current_settings as s; print(s().api.url or '')"
    answer = subprocess.run([*PYTHON, "-c", question], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise StartError("Prefect cannot read its own settings: `prefect config view` says why.")
    return answer.stdout.strip().splitlines()[-1] or None if answer.stdout.strip() else None
