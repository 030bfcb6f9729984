"""What a person can do about a document that ended in review or in quarantine, and what may be said of it.

The service's own words may quote the document, so they are not repeated where many people read: there the reason
speaks, in words of ours.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from trayflow.reasons import Reason

#: Reasons whose messages repeat what the service said, and what is said of them instead.
_SERVICE_SAID: Mapping[str, str] = {
    Reason.REJECTED: "The service refused it for good.",
    Reason.IDENTIFICATION_FAILED: "The service gave up on finding out what it is.",
    Reason.EXECUTION_FAILED: "The service gave up on extracting its fields.",
    Reason.NO_ANSWER: "The service took it, and never gave an answer.",
    Reason.SUBMISSION_UNKNOWN: "It may have been accepted, but nobody saw the answer.",
}

_PUT_BACK, _ANEW, _RECONCILE = "trayflow retry --key={key}", "trayflow retry --again --key={key}", "trayflow reconcile"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do, in words, and the command for it, where there is one."""

    advice: str
    command: str = ""


_REMEDIES: Mapping[str, Remedy] = {
    Reason.EMPTY_FILE: Remedy("Put the whole file in its place: the next run takes it."),
    Reason.TOO_LARGE: Remedy("Split it, or raise limits.max_bytes and put it back.", _PUT_BACK),
    Reason.UNSUPPORTED_TYPE: Remedy("Save it as PDF, JPEG or PNG: the next run takes it. Or exclude its kind."),
    Reason.ENCRYPTED: Remedy("Save it without a password in its place: the next run takes it."),
    Reason.UNREADABLE: Remedy("Put a sound copy in its place, or mend its permissions and put it back.", _PUT_BACK),
    Reason.VANISHED: Remedy("Nothing, if it was meant to go. Is it there again, put it back.", _PUT_BACK),
    Reason.ARCHIVED: Remedy("Restore it in the bucket, then put it back.", _PUT_BACK),
    Reason.REJECTED: Remedy("Read the service's words in the run's log, mend it, and put it back.", _PUT_BACK),
    Reason.IDENTIFICATION_FAILED: Remedy("Read the service's words in the run's log; anew costs again.", _ANEW),
    Reason.EXECUTION_FAILED: Remedy("Read the service's words in the run's log; anew costs again.", _ANEW),
    Reason.NO_ANSWER: Remedy("Ask for its answer again: costs nothing.", _PUT_BACK),
    Reason.SUBMISSION_UNKNOWN: Remedy("Look whether the account has it, and say so.", _RECONCILE),
    Reason.OTHER_TYPE: Remedy("Leave it, if it is none of yours; else route its type and put it back.", _PUT_BACK),
    Reason.LOW_CONFIDENCE: Remedy("Look at it. Is the type right, lower its minimum and put it back.", _PUT_BACK),
    Reason.NO_ROUTE: Remedy("Name a step for its type in [routing.types] and put it back.", _PUT_BACK),
    Reason.FAILED_CHECKS: Remedy("Compare its fields with the document; extracting it anew costs again.", _ANEW),
}


def sentence(reason: str | None, message: str | None) -> str:
    """What happened, without a word that the service may have taken from the document."""
    return (_SERVICE_SAID.get(reason) if reason else None) or message or ""


def remedy(reason: str | None, key: str) -> Remedy:
    """What to do about a document that ended for this reason code; a command is ready for a POSIX shell."""
    known = _REMEDIES.get(reason or "", Remedy("See the run's log."))
    return Remedy(known.advice, known.command.format(key=shlex.quote(_literally(key))))


def _literally(key: str) -> str:
    """The glob that means this key alone."""
    return re.sub(r"[*?[]", r"[\g<0>]", key)
