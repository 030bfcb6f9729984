"""Who works at the moment: runs with their leases, the documents they hold, and their parts of the account's limits.

A run holds documents as long as it renews its lease. With the lease it renews its part of what the account allows all
runs together: no call asks for leave, and the parts never add up to more than the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update

from trayflow.ledger import rows, statements
from trayflow.ledger import schema as s
from trayflow.ledger.database import Database
from trayflow.models import Outcome


@dataclass(frozen=True, slots=True)
class Share:
    """Of one account: requests a minute and submissions in flight; `None` where nobody stated a limit."""

    requests: int | None = None
    in_flight: int | None = None


class Runs:
    """The ledger's runs and claims; `Ledger.runs`. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, run_id: str, lease: float, account: str = "") -> None:
        """Begin to hold documents as `run_id`, for `lease` seconds at a time, with no part of any limit yet."""
        now = _now()
        values = {"id": run_id, "started_at": now, "lease_until": now + timedelta(seconds=lease), "account": account}
        with self._database.writing() as connection:
            statement = self._database.insert(s.runs).values(values)
            renewed = {"lease_until": values["lease_until"]}
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=renewed))

    def renew(
        self, run_id: str, lease: float, account: str = "", limit: Share | None = None, used: Share | None = None
    ) -> Share:
        """The heartbeat: whoever does not renew in time loses the documents that it holds.

        Returns this run's part of the account's `limit`: an equal one among the living runs, and no more than the
        others leave. What it has `used` beyond that it keeps until it lets go, and takes nothing more before: so a new
        run gets its part as the others hear of it, however busy they are.
        """
        limit, used, now, c = limit or Share(), used or Share(), _now(), s.runs.c
        with self._database.writing() as connection:
            self._database.one_at_a_time(connection, "limits")
            living = (c.account == account, c.lease_until > now, c.id != run_id)
            count, requests, in_flight = connection.execute(
                select(func.count(), func.sum(c.requests_part), func.sum(c.in_flight_part)).where(*living)
            ).one()
            part = Share(
                _part(limit.requests, int(requests or 0), count), _part(limit.in_flight, int(in_flight or 0), count)
            )
            mine = update(s.runs).where(c.id == run_id).values(lease_until=now + timedelta(seconds=lease))
            kept = {
                "requests_part": _kept(part.requests, used.requests),
                "in_flight_part": _kept(part.in_flight, used.in_flight),
            }
            connection.execute(mine.values(kept))
        return part

    def living(self) -> set[str]:
        """The runs whose lease has not run out."""
        with self._database.reading() as connection:
            return set(connection.execute(rows.select_living(_now())).scalars())

    def end(self, run_id: str) -> None:
        """Give back what the run still holds: whoever comes next may go on with it at once."""
        with self._database.writing() as connection:
            connection.execute(update(s.documents).where(s.documents.c.claimed_by == run_id).values(claimed_by=None))
            connection.execute(update(s.runs).where(s.runs.c.id == run_id).values(lease_until=_now()))

    def claim(self, document_id: str, run_id: str, outcome: Outcome | None = None) -> bool:
        """Take a document for this run, unless a living run holds it, or has ended it meanwhile.

        `outcome` is the one that the caller saw. At most one caller is told `True`.
        """
        wanted = {"document": document_id, "run": run_id, "seen": outcome, "now": _now()}
        with self._database.writing() as connection:
            return connection.execute(statements.CLAIM, wanted).rowcount == 1


def _part(limit: int | None, others: int, count: int) -> int | None:
    """One run's part of a limit, among `count` others that have `others` of it."""
    return None if limit is None else max(min(max(limit // (count + 1), 1), limit - others), 0)


def _kept(part: int | None, used: int | None) -> int | None:
    """What nobody else may have: the part, and what is in use beyond it."""
    return None if part is None else max(part, used or 0)


def _now() -> datetime:
    return datetime.now(UTC)
