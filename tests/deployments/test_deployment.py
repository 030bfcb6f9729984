"""prefect.yaml: what it deploys can be loaded, for real."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml
from prefect.flows import Flow, load_flow_from_entrypoint

from tasks.events import DOCUMENT_ARRIVED
from tests.deployments.commands import ROOT, environment

DEPLOYMENTS = {each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}
FLOWS = {"ingest-scheduled": "ingest", "watch": "watch", "ingest-on-event": "ingest on event"}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_entrypoint_is_the_flow(name: str) -> None:
    """Not a placeholder, which Prefect takes in silence when the import fails; its parameters are the flow's."""
    deployment = DEPLOYMENTS[name]
    flow: Flow[..., Any] = load_flow_from_entrypoint(deployment["entrypoint"], use_placeholder_flow=False)
    assert flow.name == FLOWS[name]
    handed = set(deployment["parameters"])
    handed.update(*(trigger["parameters"] for trigger in deployment.get("triggers", [])))
    assert handed <= set(flow.parameters.properties)
    assert handed >= set(flow.parameters.required)


@pytest.mark.parametrize("name", ["ingest", "watch", "on_event:ingest_on_event"])
def test_the_flow_loads_by_its_files_path_too(name: str) -> None:
    """That puts flows/ first on the import path: a module there must not hide a package that the flow imports."""
    module, _, function = name.partition(":")
    entrypoint = f"flows/{module}.py:{function or module}"
    code = (
        "from prefect.flows import load_flow_from_entrypoint; "
        f"print(load_flow_from_entrypoint('{entrypoint}', use_placeholder_flow=False).fn.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == (function or module), done.stderr


def test_the_schedule_waits_to_be_switched_on() -> None:
    """Nobody's documents are submitted because they typed `deploy`."""
    assert [schedule["active"] for schedule in DEPLOYMENTS["ingest-scheduled"]["schedules"]] == [False]


def test_the_trigger_and_the_flow_agree_on_the_time() -> None:
    """A run has to wait for as long as its trigger stays quiet, or events of that time are nobody's."""
    deployment = DEPLOYMENTS["ingest-on-event"]
    (trigger,) = deployment["triggers"]
    assert trigger["expect"] == [DOCUMENT_ARRIVED]
    assert trigger["within"] == deployment["parameters"]["gather"]
