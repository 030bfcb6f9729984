"""Where an identification leads."""

from __future__ import annotations

import pytest

from trayflow.models import Candidate, Ending, Identification, Outcome
from trayflow.reasons import Reason
from trayflow.routing import Route, route
from trayflow.settings import Routing, TypeRoute

STEPS = {"invoice": "step-i", "receipt": "step-r"}


def identified(code: str, confidence: float) -> Identification:
    return Identification(document_type=Candidate(code=code, confidence=confidence))


def test_a_sure_identification_goes_to_its_step() -> None:
    """The confidence that is just enough is enough."""
    assert route(identified("invoice", 0.7), Routing(), STEPS) == Route("step-i")


def test_low_confidence_goes_to_review() -> None:
    """Below the minimum somebody has to look, and is told the figures."""
    ending = route(identified("invoice", 0.69), Routing(), STEPS)
    assert isinstance(ending, Ending)
    assert (ending.outcome, ending.reason) == (Outcome.REVIEW, Reason.LOW_CONFIDENCE)
    assert "0.69" in ending.message


def test_a_type_may_have_a_minimum_of_its_own() -> None:
    """It goes before the general one, in both directions."""
    types = {
        "invoice": TypeRoute(step="step-i", minimum_confidence=0.95),
        "receipt": TypeRoute(step="step-r", minimum_confidence=0.2),
    }
    routing = Routing(types=types)
    assert isinstance(route(identified("invoice", 0.9), routing, STEPS), Ending)
    assert route(identified("receipt", 0.3), routing, STEPS) == Route("step-r")


@pytest.mark.parametrize("code", ["other", "otro"])
def test_none_of_the_candidates_goes_to_review(code: str) -> None:
    """Both words of the service are understood, however sure it is."""
    ending = route(identified(code, 0.99), Routing(), STEPS)
    assert isinstance(ending, Ending)
    assert ending.reason is Reason.OTHER_TYPE


def test_a_type_without_a_step_goes_to_review() -> None:
    """A candidate may be told apart without being executed."""
    ending = route(identified("contract", 0.99), Routing(), STEPS)
    assert isinstance(ending, Ending)
    assert ending.reason is Reason.NO_ROUTE


def test_the_user_decides_what_happens_instead() -> None:
    """Each fallback may be quarantine, or a step that takes what is left over."""
    routing = Routing(on_other="quarantine", on_low_confidence="step:by-hand", on_unrouted="step:rest")
    other = route(identified("other", 0.9), routing, STEPS)
    assert isinstance(other, Ending)
    assert other.outcome is Outcome.QUARANTINED
    assert route(identified("invoice", 0.1), routing, STEPS) == Route("by-hand")
    assert route(identified("contract", 0.9), routing, STEPS) == Route("rest")
