"""From an identification to a decision: a pure function of what the service said and what the user set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trayflow.models import Ending, Identification, Outcome
from trayflow.reasons import Reason
from trayflow.settings import Fallback, Routing

#: The service's words for "none of the candidates": English and Spanish accounts differ.
CATCH_ALL = frozenset({"other", "otro"})


@dataclass(frozen=True, slots=True)
class Route:
    """The step that fits the document."""

    step_id: str


def route(identification: Identification, routing: Routing, steps: Mapping[str, str]) -> Route | Ending:
    """Decide where a document goes.

    `steps` maps document type codes to step ids: the routing's own, or those found in the account when it states none.
    """
    code = identification.document_type.code
    confidence = identification.document_type.confidence
    if code in CATCH_ALL and code not in steps:
        return _fall_back(routing.on_other, Reason.OTHER_TYPE, "None of the candidate types fits.")
    stated = routing.types.get(code)
    minimum = routing.minimum_confidence
    if stated and stated.minimum_confidence is not None:
        minimum = stated.minimum_confidence
    if confidence < minimum:
        message = f"Identified as {code} with confidence {confidence:.2f}, below the minimum of {minimum:.2f}."
        return _fall_back(routing.on_low_confidence, Reason.LOW_CONFIDENCE, message)
    if code not in steps:
        return _fall_back(routing.on_unrouted, Reason.NO_ROUTE, f"No step is routed for documents of type {code}.")
    return Route(steps[code])


def _fall_back(choice: Fallback, reason: Reason, message: str) -> Route | Ending:
    if choice.startswith("step:"):
        return Route(choice.removeprefix("step:"))
    outcome = Outcome.QUARANTINED if choice == "quarantine" else Outcome.REVIEW
    return Ending(outcome, message, reason)
