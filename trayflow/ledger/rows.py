"""From the ledger's rows to the project's types."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, select

from trayflow.ledger import schema as s
from trayflow.ledger.submission import Submission, SubmissionState
from trayflow.models import Document, DocumentState, Extraction, Kind, Outcome

_SUBMISSION = select(s.submissions).where(s.submissions.c.id == bindparam("submission"))


def select_living(now: datetime | BindParameter[datetime]) -> Select[Any]:
    """The ids of the runs whose lease has not run out: what they hold is theirs."""
    return select(s.runs.c.id).where(s.runs.c.lease_until > now)


def select_documents() -> Select[Any]:
    """Documents, with the columns that `document` needs and those that `status` shows."""
    return select(s.documents)


def document(row: Row[Any]) -> Document:
    """A document from a row of `select_documents` or `select_extractions`."""
    return Document(
        id=row.id,
        source=row.source,
        key=row.key,
        version=row.version,
        size=row.size,
        sha256=row.sha256,
        content_type=row.content_type,
        state=DocumentState(row.state),
        outcome=Outcome(row.outcome) if row.outcome else None,
        reason=row.reason,
        document_type=row.document_type,
        confidence=row.confidence,
    )


def find_submission(connection: Connection, submission_id: str) -> Submission | None:
    """A submission by its id."""
    row = connection.execute(_SUBMISSION, {"submission": submission_id}).first()
    return None if row is None else submission(row)


def submission(row: Row[Any]) -> Submission:
    """A submission from a row of its table."""
    return Submission(
        id=row.id,
        document_id=row.document_id,
        kind=Kind(row.kind),
        step_id=row.step_id,
        state=SubmissionState(row.state),
        intended_at=row.intended_at,
        run_id=row.run_id,
        remote_id=row.remote_id,
        accepted_at=row.accepted_at,
        code=row.code,
        message=row.message,
    )


def select_extractions() -> Select[Any]:
    """Documents with the answer of the execution that succeeded."""
    u, r = s.submissions.c, s.results.c
    return (
        select(s.documents, u.step_id, u.remote_id, r.answer, r.received_at)
        .join(s.submissions, u.document_id == s.documents.c.id)
        .join(s.results, r.submission_id == u.id)
        .where(u.kind == Kind.EXECUTE, u.state == SubmissionState.SUCCEEDED)
    )


def extraction(row: Row[Any]) -> Extraction:
    """An extraction from a row of `select_extractions`."""
    return Extraction(
        document=document(row),
        document_type=row.document_type,
        confidence=row.confidence,
        step_id=row.step_id,
        execution_id=row.remote_id,
        processed_at=row.received_at,
        data=row.answer.get("data") or {},
    )
