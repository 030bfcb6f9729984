"""The ledger: the one place that knows what was found, submitted, answered and written.

Every method is one transaction. Methods block: the tasks call them off the event loop. Claims and state changes are
conditional updates, so that two runs over one ledger cannot both believe a document to be theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, literal, or_, select, update

from trayflow.ledger import rows
from trayflow.ledger import schema as s
from trayflow.ledger.database import Database
from trayflow.ledger.submission import Submission, SubmissionState, intent_id
from trayflow.models import (
    Document,
    DocumentState,
    Ending,
    Extraction,
    Found,
    Kind,
    Outcome,
    Progress,
    Spooled,
    TableState,
    TypeSchema,
)


def document_id(source: str, key: str, version: str) -> str:
    """The id of a document version: the same on every machine, so that rebuilt tables keep their ids."""
    return hashlib.sha256("\0".join((source, key, version)).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Page:
    """What the ledger makes of a page of a source: the documents that need work, and how many had ended before."""

    documents: tuple[Document, ...]
    unchanged: int


class LedgerGrewError(Exception):
    """What was read of the ledger is not all of it any more."""


class Ledger:
    """An open ledger; `Ledger.open(url)` makes its tables where they are missing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.id = database.id

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Open the ledger at a SQLAlchemy URL. Raises `SettingsError` when nothing usable is there."""
        return cls(Database.open(url))

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    # --- runs and claims ---------------------------------------------------------------------------------------

    def start_run(self, run_id: str, lease: float) -> None:
        """Begin to hold documents as `run_id`, for `lease` seconds at a time."""
        now = _now()
        with self._database.writing() as connection:
            values = {"id": run_id, "started_at": now, "lease_until": now + timedelta(seconds=lease)}
            statement = self._database.insert(s.runs).values(values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["id"], set_={"lease_until": values["lease_until"]})
            )

    def renew_lease(self, run_id: str, lease: float) -> None:
        """The heartbeat: whoever does not renew in time loses the documents that it holds."""
        with self._database.writing() as connection:
            until = _now() + timedelta(seconds=lease)
            connection.execute(update(s.runs).where(s.runs.c.id == run_id).values(lease_until=until))

    def end_run(self, run_id: str) -> None:
        """Give back what the run still holds: whoever comes next may go on with it at once."""
        with self._database.writing() as connection:
            connection.execute(update(s.documents).where(s.documents.c.claimed_by == run_id).values(claimed_by=None))
            connection.execute(update(s.runs).where(s.runs.c.id == run_id).values(lease_until=_now()))

    def claim(self, document_id: str, run_id: str, outcome: Outcome | None = None) -> bool:
        """Take a document for this run, unless a living run holds it, or has ended it meanwhile.

        `outcome` is the one that the caller saw. At most one caller is told `True`.
        """
        d = s.documents.c
        living = select(s.runs.c.id).where(s.runs.c.lease_until > _now())
        free = or_(d.claimed_by.is_(None), d.claimed_by == run_id, d.claimed_by.not_in(living))
        as_seen = d.outcome.is_(None) if outcome is None else d.outcome == outcome
        statement = update(s.documents).where(d.id == document_id, as_seen, free)
        with self._database.writing() as connection:
            return connection.execute(statement.values(claimed_by=run_id)).rowcount == 1

    def release(self, document_id: str) -> None:
        """Let go of a document without an outcome: a later run takes it up where it stands."""
        with self._database.writing() as connection:
            connection.execute(update(s.documents).where(s.documents.c.id == document_id).values(claimed_by=None))

    # --- documents ---------------------------------------------------------------------------------------------

    def discover(self, source: str, found: Sequence[Found], destination: str) -> Page:
        """Enter a page of a source, and say which of its documents need work.

        Those are the ones without an outcome, and the written ones whose rows this destination does not have yet.
        """
        d, now = s.documents.c, _now()
        ids = {document_id(source, item.key, item.version): item for item in found}
        missing = ~exists().where(s.writes.c.document_id == d.id, s.writes.c.destination == destination)
        needs_work = or_(d.outcome.is_(None), and_(d.outcome == Outcome.WRITTEN, missing))
        with self._database.reading() as connection:
            listed = connection.execute(select(d.id, needs_work.label("wanted")).where(d.id.in_(ids)))
            known: dict[str, bool] = {row.id: bool(row.wanted) for row in listed}
        new = [
            {
                "id": id_,
                "source": source,
                "key": item.key,
                "version": item.version,
                "size": item.size,
                "discovered_at": now,
                "state": DocumentState.DISCOVERED,
            }
            for id_, item in ids.items()
            if id_ not in known
        ]
        if new:
            with self._database.writing() as connection:
                connection.execute(self._database.insert(s.documents).on_conflict_do_nothing(), new)
        wanted = [id_ for id_ in ids if known.get(id_, True)]
        with self._database.reading() as connection:
            listed = connection.execute(rows.select_documents().where(d.id.in_(wanted)))
            documents = {row.id: rows.document(row) for row in listed}
        return Page(tuple(documents[id_] for id_ in wanted), unchanged=len(ids) - len(wanted))

    def document(self, document_id: str) -> Document:
        """The document as it stands now."""
        with self._database.reading() as connection:
            return rows.document(
                connection.execute(rows.select_documents().where(s.documents.c.id == document_id)).one()
            )

    def enter_bytes(self, document_id: str, spooled: Spooled) -> str | None:
        """Record what a document's bytes are. Returns the id of the document that had them first, if there is one."""
        with self._database.writing() as connection:
            claim = self._database.insert(s.contents).values(sha256=spooled.sha256, document_id=document_id)
            connection.execute(claim.on_conflict_do_nothing())
            owned = select(s.contents.c.document_id).where(s.contents.c.sha256 == spooled.sha256)
            owner = connection.execute(owned).scalar_one()
            connection.execute(
                update(s.documents)
                .where(s.documents.c.id == document_id)
                .values(sha256=spooled.sha256, content_type=spooled.content_type)
            )
            fresh = s.documents.c.state == DocumentState.DISCOVERED
            connection.execute(
                update(s.documents).where(s.documents.c.id == document_id, fresh).values(state=DocumentState.FETCHED)
            )
            return None if owner == document_id else owner

    def end(self, document_id: str, ending: Ending) -> bool:
        """Give a document its outcome. `False` when it has one already: the first stands."""
        values = {"reason": ending.reason, "message": ending.message, "duplicate_of": ending.duplicate_of}
        with self._database.writing() as connection:
            return _end(connection, document_id, ending.outcome, values)

    def counts(self) -> dict[str, int]:
        """How many documents ended where; those without an outcome count as `in_progress`."""
        with self._database.reading() as connection:
            counted = connection.execute(select(s.documents.c.outcome, func.count()).group_by(s.documents.c.outcome))
            return {outcome or "in_progress": count for outcome, count in counted}

    def oldest_under_way(self) -> tuple[Document, datetime] | None:
        """The document that waits longest for its outcome, and when it was discovered."""
        d = s.documents.c
        with self._database.reading() as connection:
            statement = rows.select_documents().where(d.outcome.is_(None)).order_by(d.discovered_at).limit(1)
            row = connection.execute(statement).first()
            return (rows.document(row), row.discovered_at) if row else None

    # --- submissions -------------------------------------------------------------------------------------------

    def submission(self, document_id: str, kind: Kind, step_id: str = "", settings: str = "") -> Submission | None:
        """What was asked before about this document, in the same words."""
        with self._database.reading() as connection:
            return rows.find_submission(connection, intent_id(document_id, kind, step_id, settings))

    def execution(self, document_id: str) -> Submission | None:
        """The execution of this document that the service has accepted, whoever submitted it."""
        u = s.submissions.c
        paid = (SubmissionState.ACCEPTED, SubmissionState.SUCCEEDED, SubmissionState.FAILED)
        statement = (
            select(u.id)
            .where(u.document_id == document_id, u.kind == Kind.EXECUTE, u.state.in_(paid))
            .order_by(u.intended_at.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            id_ = connection.execute(statement).scalar_one_or_none()
            return rows.find_submission(connection, id_) if id_ else None

    def intend(
        self, document_id: str, kind: Kind, run_id: str, step_id: str = "", settings: str = ""
    ) -> tuple[Submission, bool]:
        """Commit the intent to submit. `True` says: it is yours, POST it now.

        `False` says that it is not to be sent: it was accepted or rejected before, or its outcome is unknown. An intent
        that nobody followed up (its process died between intent and answer) becomes unknown here.
        """
        id_ = intent_id(document_id, kind, step_id, settings)
        now, c = _now(), s.submissions.c
        values = {
            "id": id_,
            "document_id": document_id,
            "kind": kind,
            "step_id": step_id,
            "state": SubmissionState.INTENDED,
            "intended_at": now,
            "run_id": run_id,
        }
        with self._database.writing() as connection:
            add = self._database.insert(s.submissions).values(values).on_conflict_do_nothing().returning(c.id)
            again = update(s.submissions).where(c.id == id_, c.state == SubmissionState.REFUSED).values(values)
            mine = connection.execute(add).first() is not None or connection.execute(again).rowcount == 1
            if not mine:
                left = update(s.submissions).where(c.id == id_, c.state == SubmissionState.INTENDED)
                message = "The process ended between the submission and its answer."
                connection.execute(left.values(state=SubmissionState.UNKNOWN, message=message))
            submission = rows.find_submission(connection, id_)
            assert submission is not None  # noqa: S101 - inserted above
            return submission, mine

    def accept(self, submission: Submission, remote_id: str) -> Submission:
        """The service took it, under this id: committed before anything else happens."""
        c, now = s.submissions.c, _now()
        open_states = (SubmissionState.INTENDED, SubmissionState.UNKNOWN)
        with self._database.writing() as connection:
            statement = update(s.submissions).where(c.id == submission.id, c.state.in_(open_states))
            connection.execute(
                statement.values(state=SubmissionState.ACCEPTED, remote_id=remote_id, accepted_at=now, message=None)
            )
            identifying = submission.kind is Kind.IDENTIFY
            state = DocumentState.IDENTIFYING if identifying else DocumentState.EXECUTING
            connection.execute(
                update(s.documents).where(s.documents.c.id == submission.document_id).values(state=state)
            )
        return replace(submission, state=SubmissionState.ACCEPTED, remote_id=remote_id, accepted_at=now)

    def turn_down(
        self, submission_id: str, state: SubmissionState, *, code: str | None = None, message: str | None = None
    ) -> None:
        """The POST did not end with an id: `REFUSED` (may be sent again), `REJECTED` or `UNKNOWN`."""
        c = s.submissions.c
        with self._database.writing() as connection:
            statement = update(s.submissions).where(c.id == submission_id, c.state == SubmissionState.INTENDED)
            connection.execute(statement.values(state=state, code=code, message=message))

    def finish(self, submission_id: str, progress: Progress) -> None:
        """Keep the final answer, and what it says of the document's type."""
        state = SubmissionState.SUCCEEDED if progress.failure is None else SubmissionState.FAILED
        failure, now = progress.failure, _now()
        with self._database.writing() as connection:
            result = {"submission_id": submission_id, "answer": progress.raw, "received_at": now}
            connection.execute(self._database.insert(s.results).values(result).on_conflict_do_nothing())
            change = {"state": state, "ended_at": now, "code": failure and failure.code}
            change["message"] = failure and failure.message
            connection.execute(update(s.submissions).where(s.submissions.c.id == submission_id).values(change))
            owner = select(s.submissions.c.document_id).where(s.submissions.c.id == submission_id).scalar_subquery()
            if progress.identification is not None:
                found = progress.identification.document_type
                values = {
                    "document_type": found.code,
                    "confidence": found.confidence,
                    "state": DocumentState.IDENTIFIED,
                }
            else:
                values = {"state": DocumentState.EXECUTED}
            connection.execute(update(s.documents).where(s.documents.c.id == owner).values(values))

    def answer(self, submission_id: str) -> dict[str, Any] | None:
        """The final answer as it came, if it came."""
        with self._database.reading() as connection:
            statement = select(s.results.c.answer).where(s.results.c.submission_id == submission_id)
            return connection.execute(statement).scalar_one_or_none()

    def usual_seconds(self, kind: Kind, step_id: str, sample: int = 20) -> float | None:
        """How long this step took lately, from acceptance to the answer: the median of the last `sample`."""
        c = s.submissions.c
        statement = (
            select(c.accepted_at, c.ended_at)
            .where(c.kind == kind, c.step_id == step_id, c.ended_at.is_not(None), c.accepted_at.is_not(None))
            .order_by(c.ended_at.desc())
            .limit(sample)
        )
        with self._database.reading() as connection:
            seconds = sorted((end - start).total_seconds() for start, end in connection.execute(statement))
        return seconds[len(seconds) // 2] if seconds else None

    # --- types, results and destinations -------------------------------------------------------------------------

    def keep_schemas(self, schemas: Iterable[TypeSchema]) -> None:
        """Remember the types' schemas, so that tables can be rebuilt without the service."""
        with self._database.writing() as connection:
            for schema in schemas:
                values = {"name": schema.name, "json_schema": schema.json_schema}
                statement = self._database.insert(s.schemas).values(code=schema.code, **values)
                connection.execute(statement.on_conflict_do_update(index_elements=["code"], set_=values))

    def schemas(self) -> dict[str, TypeSchema]:
        """The remembered types by code."""
        with self._database.reading() as connection:
            known = connection.execute(select(s.schemas))
            return {row.code: TypeSchema(code=row.code, name=row.name, json_schema=row.json_schema) for row in known}

    def extraction(self, execution: Submission) -> Extraction:
        """The fields that an execution extracted. Raises `NoResultFound` when it did not succeed."""
        with self._database.reading() as connection:
            wanted = rows.select_extractions().where(s.submissions.c.id == execution.id)
            return rows.extraction(connection.execute(wanted).one())

    def extractions(self, before: datetime) -> Iterator[Extraction]:
        """The fields of every document written by `before`, in the order they were written, a few at a time."""
        d = s.documents.c
        statement = rows.select_extractions().where(d.outcome == Outcome.WRITTEN, d.ended_at <= before)
        with self._database.reading() as connection:
            streamed = connection.execution_options(yield_per=200)
            for row in streamed.execute(statement.order_by(d.ended_at, d.id)):
                yield rows.extraction(row)

    def table_states(self, destination: str) -> dict[str, TableState]:
        """The destination's tables as of its last commit."""
        t = s.destination_tables.c
        with self._database.reading() as connection:
            known = connection.execute(select(s.destination_tables).where(t.destination == destination))
            return {row.name: TableState(row.name, tuple(row.columns), row.length, row.rows) for row in known}

    def append_is_open(self, destination: str) -> bool:
        """Whether an append was begun and never committed: what is beyond the recorded lengths is to be cut off."""
        statement = select(s.destinations.c.append_open).where(s.destinations.c.uri == destination)
        with self._database.reading() as connection:
            return bool(connection.execute(statement).scalar_one_or_none())

    def open_append(self, destination: str) -> None:
        """Committed before the first byte of an append."""
        with self._database.writing() as connection:
            statement = self._database.insert(s.destinations).values(uri=destination, append_open=True)
            connection.execute(statement.on_conflict_do_update(index_elements=["uri"], set_={"append_open": True}))

    def close_append(self, destination: str, states: Iterable[TableState], written: Iterable[str]) -> None:
        """Commit an append: the tables' new states, and the ids of the documents whose rows are there now."""
        with self._database.writing() as connection:
            self._keep_states(connection, destination, states)
            for id_ in written:
                row = {"destination": destination, "document_id": id_}
                connection.execute(self._database.insert(s.writes).values(row).on_conflict_do_nothing())
                _end(connection, id_, Outcome.WRITTEN, {"reason": None, "message": None})

    def replace_tables(self, destination: str, states: Iterable[TableState], before: datetime, documents: int) -> None:
        """Commit a rebuild from `extractions(before)`, which yielded so many documents: they are all there is.

        Raises `LedgerGrewError`, and changes nothing, when another run has ended one more by then: the rebuild lacks
        its rows.
        """
        d, t, w = s.documents.c, s.destination_tables.c, s.writes.c
        written = select(literal(destination), d.id).where(d.outcome == Outcome.WRITTEN, d.ended_at <= before)
        with self._database.writing() as connection:
            connection.execute(delete(s.writes).where(w.destination == destination))
            connection.execute(s.writes.insert().from_select(["destination", "document_id"], written))
            marked = select(func.count()).select_from(s.writes).where(w.destination == destination)
            if connection.execute(marked).scalar_one() != documents:
                raise LedgerGrewError
            connection.execute(delete(s.destination_tables).where(t.destination == destination))
            self._keep_states(connection, destination, states)

    def is_written(self, destination: str, document_id: str) -> bool:
        """Whether this destination holds the document's rows."""
        w = s.writes.c
        statement = select(w.document_id).where(w.destination == destination, w.document_id == document_id)
        with self._database.reading() as connection:
            return connection.execute(statement).first() is not None

    def _keep_states(self, connection: Connection, destination: str, states: Iterable[TableState]) -> None:
        for state in states:
            values = {"columns": list(state.columns), "length": state.length, "rows": state.rows}
            statement = self._database.insert(s.destination_tables).values(
                destination=destination, name=state.name, **values
            )
            connection.execute(statement.on_conflict_do_update(index_elements=["destination", "name"], set_=values))
        statement = self._database.insert(s.destinations).values(uri=destination, append_open=False)
        connection.execute(statement.on_conflict_do_update(index_elements=["uri"], set_={"append_open": False}))


def _end(connection: Connection, document_id: str, outcome: Outcome, values: Mapping[str, Any]) -> bool:
    statement = update(s.documents).where(s.documents.c.id == document_id, s.documents.c.outcome.is_(None))
    change = {"outcome": outcome, "state": DocumentState.ENDED, "ended_at": _now(), "claimed_by": None, **values}
    return connection.execute(statement.values(change)).rowcount == 1


def _now() -> datetime:
    return datetime.now(UTC)
