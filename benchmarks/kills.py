"""Kills 300 runs and looks at what is left: the test of `tests/test_kills.py`, five times as long.

    uv run python benchmarks/kills.py [KILLS]

Runs of 60 documents on the twin and a real Prefect server are ended by SIGKILL: at each named point, at random moments,
and one of two that work side by side; with both policies for unknown submissions, on SQLite and on Postgres. Prints
what was lost, doubled or repeated. Exit code 1 when anything was.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: Scenario, policy, database, and the part of all kills.
PLAN = (
    ("points", "hold", "sqlite", 0.28),
    ("points", "resubmit", "sqlite", 0.14),
    ("random", "hold", "sqlite", 0.16),
    ("random", "resubmit", "sqlite", 0.16),
    ("two", "hold", "sqlite", 0.1),
    ("random", "resubmit", "postgres", 0.1),
    ("two", "hold", "postgres", 0.06),
)


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    total, problems, began = 0, [], time.monotonic()
    for number, (scenario, policy, database, part) in enumerate(PLAN):
        with tempfile.TemporaryDirectory() as root:
            script = [sys.executable, "-m", "tests.kills", scenario, root, "--policy", policy, "--seed", str(number)]
            script += ["--kills", str(round(kills * part)), *(["--postgres"] if database == "postgres" else [])]
            folder = Path(__file__).parents[1]
            done = subprocess.run(script, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        found = json.loads(done.stdout)
        total += found["kills"]
        problems += found["problems"]
        ends = ", ".join(f"{count} {end}" for end, count in sorted(found["outcomes"].items()))
        print(
            f"{scenario:<7} {policy:<9} {database:<9} {found['kills']:>4} kills, "
            f"{found['places']:>2} x 61 documents: {ends};"
            f" {found['submissions']} submissions arrived, {found['superseded']} unknown ones were made anew",
            flush=True,
        )
    print(f"{total} kills in {time.monotonic() - began:.0f} s; problems: {problems or 'none'}")
    return int(bool(problems) or total < kills)


if __name__ == "__main__":
    sys.exit(main())
