"""What is counted while a run works, and that it does not grow with the run."""

from __future__ import annotations

import pytest

from trayflow.models import Document, Ending, Outcome, Skipped
from trayflow.reasons import Reason
from trayflow.tally import LOOKED_AT, SKIPPED, SLOWEST, Part, Tally, Way

BAD = Ending(Outcome.QUARANTINED, "The file is empty.", Reason.EMPTY_FILE)


def a_way(tally: Tally, number: int, seconds: float = 0.0) -> Way:
    gone = tally.set_out(Document(id=f"{number}", source="s3://b", key=f"{number:05}.pdf", version="1", size=1))
    gone.began -= seconds
    return gone


def test_names_are_kept_up_to_a_point() -> None:
    """Ten thousand bad documents are counted; a hundred are named, and ten as the slowest."""
    tally = Tally()
    for number in range(10_000):
        tally.end(a_way(tally, number), BAD)
    assert tally.outcomes[Outcome.QUARANTINED] == tally.troubled == 10_000
    assert [trouble.label for trouble in tally.troubles] == [f"{number:05}.pdf" for number in range(LOOKED_AT)]
    assert len(tally.slowest) == SLOWEST
    tally.skip([Skipped(f"{number}", "still being written") for number in range(10_000)])
    assert tally.skipped == {"still being written": 10_000}
    assert tally.skipped_keys == {"still being written": [f"{number}" for number in range(SKIPPED)]}


def test_the_slowest_come_first() -> None:
    """Whenever they came."""
    tally = Tally()
    for number in range(50):
        tally.end(a_way(tally, number, seconds=(number * 37) % 50 + 100), Ending(Outcome.WRITTEN, "invoice"))
    seconds = [slow.seconds for slow in tally.slowest]
    assert [round(one) for one in seconds] == list(range(149, 139, -1))


def test_what_was_replaced_troubles_nobody() -> None:
    """Its newer version is on its way; what stays under way does."""
    tally = Tally()
    tally.end(a_way(tally, 1), Ending(Outcome.QUARANTINED, "A newer version.", Reason.REPLACED))
    tally.leave(a_way(tally, 2), "The service could not be asked.")
    assert [(trouble.label, trouble.outcome) for trouble in tally.troubles] == [("00002.pdf", None)]


def test_seconds_are_added_up_even_of_what_failed() -> None:
    """A poll that raises has taken its time."""
    tally = Tally()
    with pytest.raises(ValueError, match="x"), tally.timed(Part.POLL):
        raise ValueError("x")
    assert tally.seconds[Part.POLL] > 0
