"""The ledger: every document seen, every submission made, every answer received, and where each document ended."""

from trayflow.ledger.ledger import MOST_COUNTED, Ledger, LedgerGrewError, LeftBehind, NeedsPerson, Page, document_id
from trayflow.ledger.putting_back import PutBack, Wanted
from trayflow.ledger.runs import Share
from trayflow.ledger.submission import InDoubt, Submission, SubmissionState, intent_id

__all__ = [
    "MOST_COUNTED",
    "InDoubt",
    "Ledger",
    "LedgerGrewError",
    "LeftBehind",
    "NeedsPerson",
    "Page",
    "PutBack",
    "Share",
    "Submission",
    "SubmissionState",
    "Wanted",
    "document_id",
    "intent_id",
]
