"""`trayflow status`: what the ledger says."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel

from trayflow.ledger import Ledger
from trayflow.models import Outcome
from trayflow.settings import Settings


class UnderWay(BaseModel):
    """The document that waits longest for its outcome."""

    document: str
    since: datetime


class Status(BaseModel):
    """How many documents ended where. `documents` is their sum."""

    documents: int = 0
    written: int = 0
    review: int = 0
    quarantined: int = 0
    duplicate: int = 0
    in_progress: int = 0
    oldest: UnderWay | None = None


def read_status(settings: Settings) -> Status:
    """Ask the ledger. Raises `SettingsError` when it cannot be opened."""
    ledger = Ledger.open(settings.ledger_url)
    try:
        counts = ledger.counts()
        waiting = ledger.oldest_under_way()
    finally:
        ledger.close()
    oldest = None
    if waiting:
        document, since = waiting
        oldest = UnderWay(document=document.uri, since=since)
    return Status(documents=sum(counts.values()), **counts, oldest=oldest)


def status_lines(status: Status) -> list[str]:
    """The same for a person."""
    if not status.documents:
        return ["The ledger knows no documents yet."]
    counts = {name: getattr(status, name) for name in (*Outcome, "in_progress")}
    lines = [f"{name.replace('_', ' '):<12}{count:>8,}" for name, count in counts.items()]
    if status.oldest:
        minutes = (datetime.now(UTC) - status.oldest.since).total_seconds() / 60
        lines.append(f"Oldest under way: {status.oldest.document}, for {minutes:,.0f} minutes")
    return lines
