"""A submission: one thing asked of the service for one document, and how far it got."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trayflow.models import Document, Kind


class SubmissionState(StrEnum):
    """Where a submission stands.

    intended ─┬─ accepted ─┬─ succeeded
       ↑      │     ↑      └─ failed      (the service said ERROR)
       │      ├─ rejected                 (4xx: for good, unless a person puts the document back)
       │      └─ unknown                  (may have been accepted: never repeated by a retry)
    refused ──┘ (not accepted by the service's own word, or for want of a connection: may be sent again)

    An unknown one (and a refused one, should that have been a mistake) becomes accepted when a webhook or a status
    shows it, refused when a person saw that it never arrived, and superseded when it is submitted anew all the same, by
    policy or by a person: the next attempt is a submission of its own.
    """

    INTENDED = "intended"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


#: Somebody may still be told how these end: a document has at most one of them for each kind of question.
OPEN = (SubmissionState.INTENDED, SubmissionState.UNKNOWN, SubmissionState.ACCEPTED)

#: What the service's own word settles. A refused one is among them: whoever said that it never arrived was mistaken.
UNSETTLED = (SubmissionState.INTENDED, SubmissionState.UNKNOWN, SubmissionState.REFUSED)

#: What the service has taken, and charges for.
TAKEN = (SubmissionState.ACCEPTED, SubmissionState.SUCCEEDED, SubmissionState.FAILED)


@dataclass(frozen=True, slots=True)
class Submission:
    """A row of the ledger. `id` is the intent that travels with the POST as `document_metadata.trayflow_intent`."""

    id: str
    document_id: str
    kind: Kind
    step_id: str
    state: SubmissionState
    intended_at: datetime
    run_id: str
    remote_id: str | None = None
    accepted_at: datetime | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A submission that may have been accepted, with what is known of it, and its document."""

    submission: Submission
    document: Document


def intent_id(document_id: str, kind: Kind, step_id: str, settings: str = "", attempt: int = 1) -> str:
    """The key of an intent: the same for the same question about the same bytes, whoever asks and whenever.

    `settings` holds what else shapes the answer (the candidate types of an identification).
    """
    parts = (document_id, kind.value, step_id, settings, str(attempt))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
