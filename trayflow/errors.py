"""What can go wrong, as one tree.

    TrayflowError
    ├── SettingsError             a setting is wrong: the run does not start (exit code 2)
    ├── RunStoppedError           something that concerns every document: the run cannot go on (exit code 1)
    │   ├── AccessDeniedError     the service refuses our key (401) or our address answers with something else
    │   ├── ServiceUnreachableError  nothing answers at the service's address
    │   ├── ServiceFailingError   it answers, but fails one document after another
    │   ├── LedgerError           the ledger cannot be read or written
    │   ├── SourceError           the source cannot be listed or read
    │   └── DestinationError      the tables cannot be written
    ├── ClaimLostError            another run holds the document now: this one leaves it alone
    ├── DocumentError             this file is bad, whatever we do: quarantine, with a reason code
    │   └── ReplacedError         a newer version took its place before it was read: that one is taken
    ├── FetchError                its bytes cannot be had now, although the source says it is there
    └── ServiceError              one call to the service failed
        ├── RejectedError         permanent: the service refused this submission (4xx)
        ├── TransientError        not accepted, by the service's own word or for want of a connection: try again
        │   └── RateLimitedError  429: try again after `retry_after` seconds; never a failure of the document
        ├── PollsFailedError      one poll after another failed: what was submitted is as it was
        └── OutcomeUnknownError   a POST that may have been accepted: never repeated by a retry

Messages say what happened and what to do. They never hold a key or a document's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trayflow.reasons import Reason

if TYPE_CHECKING:
    from trayflow.progress import Summary


class TrayflowError(Exception):
    """Everything this project raises on purpose."""


class SettingsError(TrayflowError):
    """A setting, a flag or a file of settings is wrong. The message names it and says what would be right."""


class RunStoppedError(TrayflowError):
    """The run cannot go on. What was under way stays recorded; the same command carries on from there.

    `summary` tells what the run had done by then, once it had begun.
    """

    summary: Summary | None = None


class AccessDeniedError(RunStoppedError):
    """The service does not accept our key, the quota is spent, or its address belongs to something else."""


class ServiceUnreachableError(RunStoppedError):
    """Nobody answers at the service's address."""


class ServiceFailingError(RunStoppedError):
    """The service fails one document after another: it is not the documents."""


class LedgerError(RunStoppedError):
    """The ledger's database cannot be used."""


class SourceError(RunStoppedError):
    """The source cannot be listed or read: credentials, rights, network."""


class DestinationError(RunStoppedError):
    """Rows cannot be written where they should go."""


class ClaimLostError(TrayflowError):
    """Another run has taken the document over, since this one's lease had run out."""


class DocumentError(TrayflowError):
    """This document cannot be processed, now or later. `reason` is its code, the message a sentence for a person."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ReplacedError(DocumentError):
    """What lies under the document's key is another version by now. The document has not been read."""

    def __init__(self, message: str = "A newer version took its place before it was read: that one is taken.") -> None:
        super().__init__(Reason.REPLACED, message)


class FetchError(TrayflowError):
    """The bytes of a document cannot be had now: no connection, no right to read it. It stays under way."""


class ServiceError(TrayflowError):
    """A call to the service failed. `status` is the HTTP status where there was an answer, `code` the service's own."""

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class RejectedError(ServiceError):
    """The service refused this call for good (400, 403, 404, 413, 415 and other 4xx)."""


class TransientError(ServiceError):
    """Not accepted, and worth another try: no connection, 408, 503, a 500 in the service's own words, a failed GET."""


class RateLimitedError(TransientError):
    """429. `retry_after` is the wait in seconds that the service asked for."""

    def __init__(self, message: str, *, retry_after: float, status: int | None = 429, code: str | None = None) -> None:
        super().__init__(message, status=status, code=code)
        self.retry_after = retry_after


class PollsFailedError(ServiceError):
    """How a submission stands cannot be had now, however often one asks."""


class OutcomeUnknownError(ServiceError):
    """A POST whose end we did not see: it may have been accepted, and billed. Repeating it could pay twice."""
