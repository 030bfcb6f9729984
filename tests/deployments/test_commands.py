"""The commands that need neither Prefect nor a service, and what every command has in common."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deployments.commands import trayflow


def test_help_loads_nothing_heavy() -> None:
    """`--help` answers before Prefect, pandas or SQLAlchemy would have been imported."""
    code = (
        "import sys; from deployments.cli import main; main(['--help']); "
        "print(sorted({'prefect', 'pandas', 'sqlalchemy', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run"],
        ["status"],
        ["engine"],
        ["up"],
        ["doctor"],
        ["tables", "rebuild"],
        ["reconcile"],
        ["retry"],
        ["webhooks"],
    ],
)
def test_help_has_examples(command: list[str], tmp_path: Path) -> None:
    """Each command shows how it is called."""
    done = trayflow(*command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"  {' '.join(['trayflow', *command])}" in done.stdout.split("Example")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "inbox"],
        ["run", "inbox", "--to", "tables", "--nonsense"],
        ["nonsense"],
        ["engine", "--port", "x"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    """What cannot be understood is said on standard error."""
    done = trayflow(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["status"], "[limits]\nwindw = 3\n", "Did you mean `window`?"),
        (["status", "--ledger", "nonsense"], "", "sqlite:///PATH"),
        (["status", "--config", "missing.toml"], "", "missing.toml"),
        (["engine", "--port", "0"], "", "TRAYFLOW_ENGINE_KEY"),
        (["run", "inbox", "--to", "tables"], "[service]\nbase_url = 'http://127.0.0.1:9'\n", "DOCUTRAY_API_KEY"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    arguments: list[str], settings: str, said: str, tmp_path: Path
) -> None:
    """The line names what is wrong; there is no traceback."""
    (tmp_path / "trayflow.toml").write_text(settings)
    done = trayflow(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_status_of_an_empty_ledger(tmp_path: Path) -> None:
    """Before the first run there is nothing to count."""
    done = trayflow("status", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "The ledger knows no documents yet.\n")


def test_doctor_without_a_key_is_content(tmp_path: Path) -> None:
    """The embedded engine's parts are there, and a Prefect server could be started."""
    done = trayflow("doctor", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 0, found
    assert found["ok"] is True
    assert [check["name"] for check in found["checks"]] == ["settings", "ledger", "service", "steps", "prefect"]


def test_doctor_says_what_to_do(tmp_path: Path) -> None:
    """Nobody at the service's address, and nobody at Prefect's: exit code 1, with a hint for each."""
    nobody = {
        "DOCUTRAY_BASE_URL": "http://127.0.0.1:9",
        "DOCUTRAY_API_KEY": "k",
        "PREFECT_API_URL": "http://127.0.0.1:9",
    }
    done = trayflow("doctor", cwd=tmp_path, env=nobody)
    assert done.returncode == 1
    assert "PROBLEM  service   http://127.0.0.1:9 cannot be reached" in done.stdout
    assert "→ Check DOCUTRAY_BASE_URL" in done.stdout
    assert "PROBLEM  prefect" in done.stdout
