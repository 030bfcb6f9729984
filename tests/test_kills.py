"""Nothing lost and nothing paid for twice, whatever is killed when: real runs, killed for real by `kills`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.killed import nothing_lost_or_repeated
from tests.kills import POINTS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the runs to be killed are forked")


def test_a_kill_at_each_named_point_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Sixty documents end where they should, each row is there once, and what is unknown is held."""
    found = nothing_lost_or_repeated("points", "hold", 2 * len(POINTS), tmp_path)
    assert found["points"].keys() == POINTS.keys()


def test_one_of_two_runs_is_killed(tmp_path: Path) -> None:
    """The one that lives takes over what the dead one held, and nothing of what a living one holds."""
    nothing_lost_or_repeated("two", "hold", 8, tmp_path)
