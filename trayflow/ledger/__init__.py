"""The ledger: every document seen, every submission made, every answer received, and where each document ended."""

from trayflow.ledger.ledger import Ledger, LedgerGrewError, Page, document_id
from trayflow.ledger.submission import Submission, SubmissionState, intent_id

__all__ = ["Ledger", "LedgerGrewError", "Page", "Submission", "SubmissionState", "document_id", "intent_id"]
