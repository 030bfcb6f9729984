"""The statements of a document's way, built once: to build one anew takes twice as long as to execute it."""

from __future__ import annotations

from sqlalchemy import Select, TableValuedAlias, bindparam, case, exists, or_, select, update

from trayflow.ledger import schema as s
from trayflow.ledger.rows import select_extractions, select_living
from trayflow.ledger.submission import TAKEN, UNSETTLED, SubmissionState
from trayflow.models import DocumentState, Kind, Outcome

_d, _u = s.documents.c, s.submissions.c

#: Parameters: `document`, `run`, `seen` (the outcome that the caller saw), `now`.
CLAIM = (
    update(s.documents)
    .where(
        _d.id == bindparam("document"),
        _d.outcome.is_not_distinct_from(bindparam("seen")),
        or_(
            _d.claimed_by.is_(None),
            _d.claimed_by == bindparam("run"),
            _d.claimed_by.not_in(select_living(bindparam("now"))),
        ),
    )
    .values(claimed_by=bindparam("run"))
)

#: Parameter: `document`. Nobody else changes it until the end of the transaction.
HOLDER = select(_d.claimed_by).where(_d.id == bindparam("document")).with_for_update()

#: Parameters: `document`, `kind`.
ASKED = select(s.submissions).where(_u.document_id == bindparam("document"), _u.kind == bindparam("kind"))

#: Parameter: `document`.
EXECUTION = (
    select(s.submissions)
    .where(_u.document_id == bindparam("document"), _u.kind == Kind.EXECUTE, _u.state.in_(TAKEN))
    .order_by(_u.intended_at.desc())
    .limit(1)
)

#: Parameters: `submission`, `remote`, `now`.
ACCEPT = (
    update(s.submissions)
    .where(_u.id == bindparam("submission"), _u.state.in_(UNSETTLED))
    .values(state=SubmissionState.ACCEPTED, remote_id=bindparam("remote"), accepted_at=bindparam("now"), message=None)
)

#: Parameters: `submission`, `end`, `now`, `took`, `why`, `said`.
FINISH = (
    update(s.submissions)
    .where(_u.id == bindparam("submission"), _u.state == SubmissionState.ACCEPTED)
    .values(
        state=bindparam("end"),
        ended_at=bindparam("now"),
        seconds=bindparam("took"),
        code=bindparam("why"),
        message=bindparam("said"),
    )
)

#: Parameters: `document`, `reached`: a document without an outcome has come so far.
REACHED = (
    update(s.documents).where(_d.id == bindparam("document"), _d.outcome.is_(None)).values(state=bindparam("reached"))
)

#: The same, with what it was identified as: `type`, `sure`.
IDENTIFIED = REACHED.values(document_type=bindparam("type"), confidence=bindparam("sure"))

#: Parameters: `document`, `hash`, `content`.
BYTES = (
    update(s.documents)
    .where(_d.id == bindparam("document"))
    .values(
        sha256=bindparam("hash"),
        content_type=bindparam("content"),
        state=case((_d.state == DocumentState.DISCOVERED, DocumentState.FETCHED), else_=_d.state),
    )
)

#: Parameter: `hash`.
OWNER = select(s.contents.c.document_id).where(s.contents.c.sha256 == bindparam("hash"))

#: Parameter: `document`.
EXTRACTION = select_extractions().where(_u.document_id == bindparam("document"))

#: Parameters: `place`, `document`.
WRITTEN = select(s.writes.c.document_id).where(
    s.writes.c.destination == bindparam("place"), s.writes.c.document_id == bindparam("document")
)


def to_do(ids: TableValuedAlias) -> Select[tuple[str, bool]]:
    """Which of these documents need work, and whether each is `known`; parameter: `destination`.

    Those are the ones that are not known, that have no outcome, and the written ones whose rows this destination does
    not have yet. What needs none gives no row, and is looked up once: what a destination has is written, and remains
    so. A page of a large source is mostly that.
    """
    has = exists().where(s.writes.c.destination == bindparam("destination"), s.writes.c.document_id == ids.c.value)
    needs_work = or_(_d.id.is_(None), _d.outcome.is_(None), _d.outcome == Outcome.WRITTEN)
    return (
        select(ids.c.value.label("id"), _d.id.is_not(None).label("known"))
        .select_from(ids.outerjoin(s.documents, _d.id == ids.c.value))
        .where(~has, needs_work)
    )
