"""The embedded engine as a process of ours: it serves the DocuTray API when the user has no key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployments.children import LOCALHOST, PYTHON, Child, free_port, make_key
from trayflow.settings import Settings

KEY_VARIABLE = "TRAYFLOW_ENGINE_KEY"


@dataclass(frozen=True, slots=True)
class Account:
    """Where a DocuTray API is and what opens it."""

    base_url: str
    key: str

    def env(self) -> dict[str, str]:
        """The environment of a process that uses it."""
        return {"DOCUTRAY_BASE_URL": self.base_url, "DOCUTRAY_API_KEY": self.key}


def lock_file(home: Path) -> Path:
    """Held as long as an engine works on this folder's queue."""
    return home.absolute() / "engine.lock"


def start(settings: Settings) -> tuple[Child, Account]:
    """Start an engine on this folder's queue, with a key that only this process and its children know."""
    home, port = settings.home.absolute(), free_port()
    account = Account(f"http://{LOCALHOST}:{port}", make_key())
    command = [*PYTHON, "-m", "engine", "--port", str(port), "--data", str(home / "engine")]
    if settings.engine.types:
        command += ["--types", str(settings.engine.types.absolute())]
    if settings.engine.workers:
        command += ["--workers", str(settings.engine.workers)]
    env = {KEY_VARIABLE: account.key}
    engine = Child("embedded engine", command, env=env, log=home / "logs" / "engine.log", lock=lock_file(home))
    return engine, account


def health_url(account: Account) -> str:
    """Answers as soon as the engine takes work."""
    return f"{account.base_url}/health"
