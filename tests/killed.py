"""Runs of `kills`, as the tests start them: in two files, so that they run side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def nothing_lost_or_repeated(
    scenario: str, policy: str, kills: int, root: Path, *, postgres: bool = False
) -> dict[str, Any]:
    """Kill so many runs, hold what is left against the rules, and return the figures."""
    script = [sys.executable, "-m", "tests.kills", scenario, str(root), "--policy", policy, "--kills", str(kills)]
    script += ["--postgres"] if postgres else []
    done = subprocess.run(script, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["problems"] == []
    assert found["kills"] >= kills
    assert found["outcomes"]["written"] > 0
    return found
