"""prefect.yaml: what it deploys can be loaded, for real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from prefect.flows import Flow, load_flow_from_entrypoint

from tests.deployments.commands import ROOT, environment

DEPLOYMENT = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"][0]


def test_the_entrypoint_is_the_flow() -> None:
    """Not a placeholder, which Prefect takes in silence when the import fails; its parameters are the flow's."""
    flow: Flow[..., Any] = load_flow_from_entrypoint(DEPLOYMENT["entrypoint"], use_placeholder_flow=False)
    assert flow.name == "ingest"
    assert set(DEPLOYMENT["parameters"]) <= set(flow.parameters.properties)


def test_the_flow_loads_by_its_files_path_too(tmp_path: Path) -> None:
    """That puts flows/ first on the import path: a module there must not hide a package that the flow imports."""
    code = (
        "from prefect.flows import load_flow_from_entrypoint; "
        "print(load_flow_from_entrypoint('flows/ingest.py:ingest', use_placeholder_flow=False).name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "ingest", done.stderr


def test_the_schedule_waits_to_be_switched_on() -> None:
    """Nobody's documents are submitted because they typed `deploy`."""
    assert [schedule["active"] for schedule in DEPLOYMENT["schedules"]] == [False]
