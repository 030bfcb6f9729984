"""Exactly once, whatever is killed when: real processes, killed for real by `csv_kills`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes to be killed are forked")


@pytest.mark.parametrize(
    ("scenario", "kills"),
    [
        ("first_append", 10),
        ("wider_append", 10),
        ("rebuild", 10),
        ("restore", 8),
        ("torn_write", 3),
        ("random_moments", 5),
        ("side_by_side", 1),
    ],
)
def test_no_kill_loses_or_doubles_a_row(scenario: str, kills: int, tmp_path: Path) -> None:
    """After each kill the tables are as before or as after, and the next try ends as if there had been no kill."""
    script = [sys.executable, "-m", "tests.csv_kills", scenario, str(tmp_path)]
    done = subprocess.run(script, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["problems"] == []
    assert found["kills"] >= kills
