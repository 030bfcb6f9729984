"""Documents that ended in review or in quarantine, put back under way by a person who has mended something.

What was paid for stays paid for: without `again` a document comes back with the answers that the ledger has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, exists, or_, select, update

from trayflow.ledger import rows
from trayflow.ledger import schema as s
from trayflow.ledger.database import Database
from trayflow.ledger.submission import OPEN, TAKEN, SubmissionState
from trayflow.models import DocumentState, Kind, Outcome
from trayflow.reasons import Reason

#: Documents of one transaction: a run that wants to write never waits long.
AT_ONCE = 500

#: Where documents end that may be put back.
ENDED = (Outcome.REVIEW, Outcome.QUARANTINED)

#: Ends that say nothing against an answer of the service.
FOR_THE_FILE = frozenset(
    {
        Reason.EMPTY_FILE,
        Reason.TOO_LARGE,
        Reason.UNSUPPORTED_TYPE,
        Reason.ENCRYPTED,
        Reason.UNREADABLE,
        Reason.VANISHED,
    }
)

#: Paid for, or perhaps.
_PAID = frozenset({*OPEN, *TAKEN})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents are meant: those that ended by `before` and fit all that is given. `key` is a glob."""

    before: datetime
    reasons: frozenset[Reason] = frozenset()
    types: frozenset[str] = frozenset()
    key: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """All but the key: neither database has Python's globs."""
        d = s.documents.c
        living = rows.select_living(_now())
        conditions = [
            d.outcome.in_(ENDED),
            d.ended_at <= self.before,
            or_(d.claimed_by.is_(None), d.claimed_by.not_in(living)),
        ]
        if self.reasons:
            conditions.append(d.reason.in_(self.reasons))
        if self.types:
            conditions.append(d.document_type.in_(self.types))
        return conditions


@dataclass(slots=True)
class PutBack:
    """What was put back, or would be, and what the next run submits for it.

    `anew` are submissions made again although they were paid for, or may have been; `first` are the most that there may
    be of others, for want of an answer or because an earlier one leads to them.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    anew: Counter[Kind] = field(default_factory=Counter)
    first: Counter[Kind] = field(default_factory=Counter)

    @property
    def documents(self) -> int:
        """How many."""
        return self.reasons.total()


class PuttingBack:
    """`Ledger.putting_back`. It goes through the ledger a chunk at a time, each of them one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, wanted: Wanted, *, again: bool = False) -> PutBack:
        """What `put_back` would do."""
        back = PutBack()
        for ids in self._chunks(wanted):
            with self._database.reading() as connection:
                found = connection.execute(_meant(wanted, ids)).all()
                _look(connection, found, again, back)
        return back

    def put_back(self, wanted: Wanted, *, again: bool = False) -> PutBack:
        """Let the documents be under way again, with the answers there are; what was rejected may be sent again.

        With `again` the last submission of each is given up, if it was paid for or may have been: the next run makes
        that one anew, and no other.
        """
        back = PutBack()
        for ids in self._chunks(wanted):
            with self._database.writing() as connection:
                # The document before its submissions, as everywhere: nobody can then wait in a circle.
                found = connection.execute(_meant(wanted, ids).order_by(s.documents.c.id).with_for_update()).all()
                _put_back(connection, found, _look(connection, found, again, back))
        return back

    def _chunks(self, wanted: Wanted) -> Iterator[list[str]]:
        """The ids of what is meant, as it stood when the first of them was read."""
        statement = select(s.documents.c.id, s.documents.c.key).where(*wanted.conditions())
        with self._database.reading() as connection:
            rows = connection.execution_options(yield_per=AT_ONCE).execute(statement)
            ids = (row.id for row in rows if wanted.key is None or fnmatchcase(row.key, wanted.key))
            while some := list(islice(ids, AT_ONCE)):
                yield some


def under_way_again() -> dict[str, Any]:
    """For an UPDATE of documents: no outcome, and the state that their submissions say."""
    d, u = s.documents.c, s.submissions.c
    ended = (SubmissionState.SUCCEEDED, SubmissionState.FAILED)

    def has(kind: Kind, *states: SubmissionState) -> ColumnElement[bool]:
        return exists().where(u.document_id == d.id, u.kind == kind, u.state.in_(states)).correlate(s.documents)

    state = case(
        (has(Kind.EXECUTE, SubmissionState.ACCEPTED), DocumentState.EXECUTING),
        (has(Kind.EXECUTE, *ended), DocumentState.EXECUTED),
        (has(Kind.IDENTIFY, SubmissionState.ACCEPTED), DocumentState.IDENTIFYING),
        (has(Kind.IDENTIFY, *ended), DocumentState.IDENTIFIED),
        (d.sha256.is_not(None), DocumentState.FETCHED),
        else_=DocumentState.DISCOVERED,
    )
    return {"outcome": None, "reason": None, "message": None, "ended_at": None, "claimed_by": None, "state": state}


def _meant(wanted: Wanted, ids: Sequence[str]) -> Any:
    d = s.documents.c
    return select(d.id, d.reason).where(d.id.in_(ids), *wanted.conditions())


def _look(connection: Connection, found: Sequence[Row[Any]], again: bool, back: PutBack) -> list[Row[Any]]:
    """Count documents, and return the submissions to be given up."""
    u = s.submissions.c
    asked: Select[Any] = (
        select(u.id, u.document_id, u.kind, u.state)
        .where(u.document_id.in_([row.id for row in found]), u.state != SubmissionState.SUPERSEDED)
        .order_by(u.intended_at, u.kind.desc())
    )
    made: dict[str, list[Row[Any]]] = {row.id: [] for row in found}
    for row in connection.execute(asked):
        made[row.document_id].append(row)
    given_up = []
    for document in found:
        back.reasons[document.reason or "none"] += 1
        submissions = made[document.id]
        last = submissions[-1] if submissions else None
        if again and last and last.state in _PAID and document.reason not in FOR_THE_FILE:
            back.anew[Kind(last.kind)] += 1
            given_up.append(submissions.pop())
        else:
            last = None
        back.first.update(_first(submissions, last and Kind(last.kind)))
    return given_up


def _first(kept: Iterable[Row[Any]], anew: Kind | None) -> list[Kind]:
    """What the next run may submit for a document with these submissions, besides the one that it makes anew."""
    there = {Kind(row.kind) for row in kept if row.state in _PAID}
    if Kind.EXECUTE in there:
        return []
    return [kind for kind in Kind if kind not in there and kind is not anew]


def _put_back(connection: Connection, found: Sequence[Row[Any]], given_up: Sequence[Row[Any]]) -> None:
    d, u, ids = s.documents.c, s.submissions.c, [row.id for row in found]
    rejected = update(s.submissions).where(u.document_id.in_(ids), u.state == SubmissionState.REJECTED)
    connection.execute(rejected.values(state=SubmissionState.REFUSED))
    mine = update(s.submissions).where(u.id.in_([row.id for row in given_up]), u.state.in_(_PAID))
    connection.execute(mine.values(state=SubmissionState.SUPERSEDED))
    unidentified = [row.document_id for row in given_up if row.kind == Kind.IDENTIFY]
    connection.execute(update(s.documents).where(d.id.in_(unidentified)).values(document_type=None, confidence=None))
    connection.execute(update(s.documents).where(d.id.in_(ids)).values(under_way_again()))


def _now() -> datetime:
    return datetime.now(UTC)
