"""How `trayflow run` finds what `trayflow up` keeps running in the same folder."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from deployments import prefect_server
from deployments.children import answers, is_locked


class Up(BaseModel):
    """What runs: a Prefect server, and an engine unless there is a key."""

    model_config = ConfigDict(frozen=True)

    api_url: str
    ui_url: str
    engine_url: str | None = None
    engine_key: str | None = None

    def publish(self, home: Path) -> None:
        """Tell it to other processes of this user."""
        draft = _file(home).with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.model_dump_json())
        draft.replace(_file(home))


def find_up(home: Path) -> Up | None:
    """What runs in this folder now; a file left behind by a killed process does not count."""
    try:
        up = Up.model_validate_json(_file(home).read_bytes())
    except (OSError, ValidationError):
        return None
    return up if is_locked(prefect_server.lock_file(home)) and answers(f"{up.api_url}/health") else None


def withdraw(home: Path) -> None:
    """Nothing runs any more."""
    _file(home).unlink(missing_ok=True)


def _file(home: Path) -> Path:
    return home.absolute() / "up.json"
