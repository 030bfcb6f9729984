"""A submission: one thing asked of the service for one document, and how far it got."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trayflow.models import Kind


class SubmissionState(StrEnum):
    """Where a submission stands.

    intended ─┬─ accepted ─┬─ succeeded
       ↑      │            └─ failed      (the service said ERROR)
       │      ├─ rejected                 (4xx: for good)
       │      └─ unknown                  (may have been accepted: never repeated by a retry)
    refused ──┘ (not accepted by the service's own word, or for want of a connection: may be sent again)
    """

    INTENDED = "intended"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Submission:
    """A row of the ledger. `id` is the intent that travels with the POST as `document_metadata.trayflow_intent`."""

    id: str
    document_id: str
    kind: Kind
    step_id: str
    state: SubmissionState
    remote_id: str | None = None
    accepted_at: datetime | None = None
    code: str | None = None
    message: str | None = None


def intent_id(document_id: str, kind: Kind, step_id: str, settings: str = "", attempt: int = 1) -> str:
    """The key of an intent: the same for the same question about the same bytes, whoever asks and whenever.

    `settings` holds what else shapes the answer (the candidate types of an identification).
    """
    parts = (document_id, kind.value, step_id, settings, str(attempt))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
