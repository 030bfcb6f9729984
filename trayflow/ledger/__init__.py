"""The ledger: every document seen, every submission made, every answer received, and where each document ended."""

from trayflow.ledger.ledger import Ledger, Page, document_id
from trayflow.ledger.submission import Submission, SubmissionState, intent_id

__all__ = ["Ledger", "Page", "Submission", "SubmissionState", "document_id", "intent_id"]
