"""Kills at moments that nobody chose, on both databases; see `test_kills.py`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.killed import nothing_lost_or_repeated

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the runs to be killed are forked")


@pytest.mark.parametrize(
    ("scenario", "policy", "kills", "postgres"),
    [("random", "resubmit", 16, False), ("random", "hold", 8, True), ("two", "resubmit", 4, True)],
)
def test_no_kill_loses_or_repeats_anything(
    scenario: str, policy: str, kills: int, postgres: bool, tmp_path: Path
) -> None:
    """Sixty documents end where they should, each row is there once, and only unknown submissions were repeated."""
    nothing_lost_or_repeated(scenario, policy, kills, tmp_path, postgres=postgres)
