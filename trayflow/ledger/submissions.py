"""What was asked of the service: the intent before each POST, the id right after it, and the last word in the end.

Every method is one transaction. A submission belongs to whoever holds its document: only that run may make one, or say
that one is lost.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, text, update

from trayflow.errors import ClaimLostError
from trayflow.ledger import rows, statements
from trayflow.ledger import schema as s
from trayflow.ledger.database import Database
from trayflow.ledger.putting_back import under_way_again
from trayflow.ledger.submission import OPEN, UNSETTLED, InDoubt, Submission, SubmissionState, intent_id
from trayflow.models import Document, DocumentState, Kind, Outcome, Progress
from trayflow.reasons import Reason

#: Submissions asked for at once, below the limits of a statement's parameters.
AT_ONCE = 500

#: Ends that were for want of news of a submission: with news the document is under way again.
FOR_WANT_OF_NEWS = (Reason.SUBMISSION_UNKNOWN, Reason.NO_ANSWER)

#: In the words of the index, without which it would not be used.
_IN_DOUBT = text("submissions.state IN ('intended', 'unknown')")

_PROCESS_ENDED = "The process ended between the submission and its answer."


class Submissions:
    """The ledger's submissions; `Ledger.submissions`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keep_result = database.insert(s.results).on_conflict_do_nothing()

    def intend(
        self, document_id: str, kind: Kind, run_id: str, step_id: str = "", settings: str = ""
    ) -> tuple[Submission, bool]:
        """Commit the intent to submit. `True` says: it is yours, POST it now.

        `False` says that it is not to be sent: it was accepted or rejected before, or its outcome is unknown. While one
        submission of a kind is open, whatever was asked in it, no other is made. An intent that nobody followed up (its
        process died between intent and answer) becomes unknown here. Raises `ClaimLostError` when another run holds the
        document.
        """
        c = s.submissions.c
        with self._database.writing() as connection:
            self._hold(connection, document_id, run_id)
            asked = connection.execute(statements.ASKED, {"document": document_id, "kind": kind})
            known = {row.id: rows.submission(row) for row in asked}
            for submission in known.values():
                if submission.state is SubmissionState.INTENDED:
                    return self._doubt(connection, submission), False
                if submission.state in OPEN:
                    return submission, False
            attempt, id_ = 1, intent_id(document_id, kind, step_id, settings)
            while (found := known.get(id_)) and found.state is SubmissionState.SUPERSEDED:
                attempt += 1
                id_ = intent_id(document_id, kind, step_id, settings, attempt)
            if found and found.state is not SubmissionState.REFUSED:
                return found, False
            new = Submission(id_, document_id, kind, step_id, SubmissionState.INTENDED, _now(), run_id)
            values = {name: getattr(new, name) for name in ("state", "intended_at", "run_id", "code", "message")}
            if found:
                connection.execute(update(s.submissions).where(c.id == id_).values(values))
            else:
                values |= {"id": id_, "document_id": document_id, "kind": kind, "step_id": step_id}
                connection.execute(s.submissions.insert(), values)
            return new, True

    def accept(self, submission: Submission, remote_id: str) -> Submission:
        """The service took it, under this id: committed before anything else happens. Returns it as it now stands.

        One that was superseded meanwhile keeps its id for the record, and stays superseded. A document that another run
        has ended for want of this id is under way again.
        """
        c, now = s.submissions.c, _now()
        taken = {"submission": submission.id, "remote": remote_id, "now": now}
        with self._database.writing() as connection:
            if connection.execute(statements.ACCEPT, taken).rowcount == 0:
                unnamed = update(s.submissions).where(c.id == submission.id, c.remote_id.is_(None))
                connection.execute(unnamed.values(remote_id=remote_id))
                return _there(rows.find_submission(connection, submission.id))
            identifying = submission.kind is Kind.IDENTIFY
            state = DocumentState.IDENTIFYING if identifying else DocumentState.EXECUTING
            so_far = {"document": submission.document_id, "reached": state}
            if connection.execute(statements.REACHED, so_far).rowcount == 0:
                _reopen(connection, submission.document_id)
        return replace(submission, state=SubmissionState.ACCEPTED, remote_id=remote_id, accepted_at=now)

    def turn_down(
        self, submission_id: str, state: SubmissionState, *, code: str | None = None, message: str | None = None
    ) -> Submission:
        """The POST did not end with an id: `REFUSED` (may be sent again), `REJECTED` or `UNKNOWN`.

        Returns it as it now stands: a webhook may have been faster.
        """
        c = s.submissions.c
        with self._database.writing() as connection:
            statement = update(s.submissions).where(c.id == submission_id, c.state == SubmissionState.INTENDED)
            connection.execute(statement.values(state=state, code=code, message=message))
            return _there(rows.find_submission(connection, submission_id))

    def supersede(self, submission_id: str) -> bool:
        """Give an unknown submission up, so that the next attempt can be made. `False` when its outcome is known."""
        c = s.submissions.c
        with self._database.writing() as connection:
            statement = update(s.submissions).where(c.id == submission_id, c.state == SubmissionState.UNKNOWN)
            return connection.execute(statement.values(state=SubmissionState.SUPERSEDED)).rowcount == 1

    def superseded(self, document_id: str, kind: Kind) -> int:
        """How many submissions of this kind were given up for this document."""
        c = s.submissions.c
        statement = select(c.id).where(
            c.document_id == document_id, c.kind == kind, c.state == SubmissionState.SUPERSEDED
        )
        with self._database.reading() as connection:
            return len(connection.execute(statement).all())

    def finish(self, submission_id: str, progress: Progress, seconds: float | None = None) -> None:
        """Keep the final answer, and what it says of the document's type. `seconds` is how long the service took.

        The first final answer stands. Raises `ClaimLostError` for a submission that was superseded while this run did
        not hold its document: the answer is kept, and not to be used.
        """
        state = SubmissionState.SUCCEEDED if progress.failure is None else SubmissionState.FAILED
        failure, now = progress.failure, _now()
        with self._database.writing() as connection:
            result = {"submission_id": submission_id, "answer": progress.raw, "received_at": now}
            connection.execute(self._keep_result, result)
            last = {"submission": submission_id, "end": state, "now": now, "took": seconds}
            last |= {"why": failure and failure.code, "said": failure and failure.message}
            ended = connection.execute(statements.FINISH, last).rowcount == 1
            submission = _there(rows.find_submission(connection, submission_id))
            if ended:
                identifying = submission.kind is Kind.IDENTIFY
                reached = DocumentState.IDENTIFIED if identifying else DocumentState.EXECUTED
                so_far: dict[str, Any] = {"document": submission.document_id, "reached": reached}
                if progress.identification is None:
                    connection.execute(statements.REACHED, so_far)
                else:
                    found = progress.identification.document_type
                    so_far |= {"type": found.code, "sure": found.confidence}
                    connection.execute(statements.IDENTIFIED, so_far)
        if submission.state is SubmissionState.SUPERSEDED:
            raise ClaimLostError

    def get(self, submission_id: str) -> Submission | None:
        """A submission by its intent."""
        with self._database.reading() as connection:
            return rows.find_submission(connection, submission_id)

    def execution(self, document_id: str) -> Submission | None:
        """The execution of this document that the service has accepted, whoever submitted it."""
        with self._database.reading() as connection:
            row = connection.execute(statements.EXECUTION, {"document": document_id}).first()
            return rows.submission(row) if row else None

    def answer(self, submission_id: str) -> dict[str, Any] | None:
        """The final answer as it came, if it came."""
        with self._database.reading() as connection:
            statement = select(s.results.c.answer).where(s.results.c.submission_id == submission_id)
            return connection.execute(statement).scalar_one_or_none()

    def durations(self, kind: Kind, step_id: str, sample: int = 50) -> list[float]:
        """How many seconds the service took for this step lately, the last first."""
        c = s.submissions.c
        statement = (
            select(c.seconds)
            .where(c.kind == kind, c.step_id == step_id, c.seconds.is_not(None), c.ended_at.is_not(None))
            .order_by(c.ended_at.desc())
            .limit(sample)
        )
        with self._database.reading() as connection:
            return list(connection.execute(statement).scalars())

    # --- news ------------------------------------------------------------------------------------------------------

    def named(self, intent: str | None, remote_id: str) -> Submission | None:
        """The submission that somebody speaks of: by its intent, else by the service's id for it."""
        c = s.submissions.c
        with self._database.reading() as connection:
            if intent is not None and (found := rows.find_submission(connection, intent)):
                return found
            row = connection.execute(select(s.submissions).where(c.remote_id == remote_id).limit(1)).first()
            return rows.submission(row) if row else None

    def hear(self, submission_id: str, remote_id: str, *, ended: bool) -> Submission:
        """The service speaks of a submission under this id, and may say that it has `ended`: nothing it says twice, or
        late, changes anything.

        An unknown one is thereby known to be accepted, and so is one that seemed refused: it is not sent again. A
        document that had ended for want of news is under way again. A submission known under another id is left alone.
        Returns the submission as it now stands.
        """
        c = s.submissions.c
        with self._database.writing() as connection:
            _lock_document(connection, submission_id)
            here = update(s.submissions).where(c.id == submission_id)
            connection.execute(here.where(c.remote_id.is_(None)).values(remote_id=remote_id))
            here = here.where(c.remote_id == remote_id)
            known = {"state": SubmissionState.ACCEPTED, "accepted_at": c.intended_at, "code": None, "message": None}
            connection.execute(here.where(c.state.in_(UNSETTLED)).values(known))
            if ended:
                waiting = and_(c.state == SubmissionState.ACCEPTED, c.told_at.is_(None))
                connection.execute(here.where(waiting).values(told_at=_now()))
            submission = _there(rows.find_submission(connection, submission_id))
            if submission.state is SubmissionState.ACCEPTED and submission.remote_id == remote_id:
                _reopen(connection, submission.document_id)
            return submission

    def told(self, submission_ids: Collection[str]) -> set[str]:
        """Which of these the service is known to have ended."""
        c, ids = s.submissions.c, list(submission_ids)
        found: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(ids), AT_ONCE):
                some = c.id.in_(ids[start : start + AT_ONCE])
                found.update(connection.execute(select(c.id).where(some, c.told_at.is_not(None))).scalars())
        return found

    def in_doubt(self) -> list[InDoubt]:
        """The submissions whose outcome nobody knows, the oldest first; those under way in a living run are none."""
        c, d = s.submissions.c, s.documents.c
        with self._database.reading() as connection:
            asked = select(s.submissions).where(_IN_DOUBT, _lost()).order_by(c.intended_at)
            found = [rows.submission(row) for row in connection.execute(asked)]
            documents: dict[str, Document] = {}
            for start in range(0, len(found), AT_ONCE):
                ids = [submission.document_id for submission in found[start : start + AT_ONCE]]
                listed = connection.execute(rows.select_documents().where(d.id.in_(ids)))
                documents |= {row.id: rows.document(row) for row in listed}
        told = (replace(submission, message=submission.message or _PROCESS_ENDED) for submission in found)
        return [InDoubt(submission, documents[submission.document_id]) for submission in told]

    def never_arrived(self, submission_id: str) -> bool:
        """A person saw that the service never got it: it may be sent again.

        `False` when it is not in doubt, or when a living run holds its document and may be deciding the same.
        """
        c, d = s.submissions.c, s.documents.c
        with self._database.writing() as connection:
            _lock_document(connection, submission_id)
            living = rows.select_living(_now())
            held = select(d.id).where(d.claimed_by.in_(living))
            here = update(s.submissions).where(c.id == submission_id, _lost(), c.document_id.not_in(held))
            if connection.execute(here.values(state=SubmissionState.REFUSED)).rowcount == 0:
                return False
            owner = select(c.document_id).where(c.id == submission_id)
            _reopen(connection, connection.execute(owner).scalar_one())
            return True

    def _hold(self, connection: Connection, document_id: str, run_id: str) -> None:
        """See that this run still holds the document, until the end of the transaction."""
        if connection.execute(statements.HOLDER, {"document": document_id}).scalar_one() != run_id:
            raise ClaimLostError

    def _doubt(self, connection: Connection, submission: Submission) -> Submission:
        doubtful = {"state": SubmissionState.UNKNOWN, "message": _PROCESS_ENDED}
        connection.execute(update(s.submissions).where(s.submissions.c.id == submission.id).values(doubtful))
        return replace(submission, state=SubmissionState.UNKNOWN, message=_PROCESS_ENDED)


def _lost() -> ColumnElement[bool]:
    """Unknown, or left behind by a run that is dead."""
    c, living = s.submissions.c, rows.select_living(_now())
    left = and_(c.state == SubmissionState.INTENDED, c.run_id.not_in(living))
    return or_(c.state == SubmissionState.UNKNOWN, left)


def _reopen(connection: Connection, document_id: str) -> None:
    d = s.documents.c
    ended = and_(d.outcome == Outcome.REVIEW, d.reason.in_(FOR_WANT_OF_NEWS))
    connection.execute(update(s.documents).where(d.id == document_id, ended).values(under_way_again()))


def _lock_document(connection: Connection, submission_id: str) -> None:
    """A document is locked before its submissions, by everybody: nobody can then wait in a circle."""
    c, d = s.submissions.c, s.documents.c
    owner = select(c.document_id).where(c.id == submission_id).scalar_subquery()
    connection.execute(select(d.id).where(d.id == owner).with_for_update())


def _there(submission: Submission | None) -> Submission:
    assert submission is not None  # noqa: S101 - submissions are never deleted
    return submission


def _now() -> datetime:
    return datetime.now(UTC)
