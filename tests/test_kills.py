"""Nothing lost and nothing paid for twice, whatever is killed when: real runs, killed for real by `kills`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kills import POINTS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the runs to be killed are forked")


@pytest.mark.parametrize(
    ("scenario", "policy", "kills", "database"),
    [
        ("points", "hold", 2 * len(POINTS), "sqlite"),
        ("random", "resubmit", 16, "sqlite"),
        ("two", "hold", 8, "sqlite"),
        ("random", "hold", 8, "postgres"),
        ("two", "resubmit", 4, "postgres"),
    ],
)
def test_no_kill_loses_or_repeats_anything(
    scenario: str, policy: str, kills: int, database: str, tmp_path: Path
) -> None:
    """Sixty documents end where they should, each row is there once, and only unknown submissions were repeated."""
    script = [sys.executable, "-m", "tests.kills", scenario, str(tmp_path), "--policy", policy, "--kills", str(kills)]
    script += ["--postgres"] if database == "postgres" else []
    done = subprocess.run(script, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["problems"] == []
    assert found["kills"] >= kills
    assert found["outcomes"]["written"] > 0
    if scenario == "points":
        assert found["points"].keys() == POINTS.keys()
