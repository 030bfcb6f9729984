"""What it takes to find what is new in a large bucket, against a bare boto3 listing of it.

    uv run python benchmarks/discovery.py [--objects 100000] [--new 100] [--rounds 3] [--known 1000000]

In one go on this machine, a SeaweedFS of its own filled with so many small objects in ten folders and so many new PDFs
among them, and on it, turn about, each time in a process of its own:

- boto3's own listing, counting;
- ours: the source's pages; the same with the ten folders listed at the same time; the pages compared with a ledger on
  SQLite, once where it knows everything and once where it does not know the new ones;
- the flow `ingest`, with a real Prefect server beside it as `trayflow run` starts it: once with nothing to do, once
  with the new documents, which the engine in simulation (0.2 s a job, fifty at once) identifies and extracts; and about
  these alone, by their keys, for what they take without any listing.

Then the same over a tenth of the objects, for what time and memory grow by; and the ledger alone: a page of 1,000 known
versions compared, among 1,000 and among --known. Exit code 1 when a figure is beyond what docs/performance.md promises.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reportlab.pdfgen.canvas import Canvas

from deployments import prefect_server
from deployments.children import LOCALHOST, PYTHON, Child, free_port
from tests.s3_servers import KEY, SECRET, client_of, serving_seaweed
from trayflow.ledger import Ledger, document_id
from trayflow.ledger import schema as s
from trayflow.models import Found
from trayflow.settings import SourceSettings
from trayflow.sources import open_source

BUCKET, FOLDERS, PAGE = "benchmark", 10, 1000
SOURCE = f"s3://{BUCKET}/in"
LATENCY, AT_ONCE = 0.2, 50
ENGINE_KEY = "benchmark-key"
TABLES = "file:///tables"

#: What docs/performance.md promises.
MOST = {
    "compared, nothing new ÷ bare": 1.1,
    "compared, with news ÷ bare": 1.1,
    "run, nothing to do ÷ bare": 1.1,
    "run with news ÷ bare": 1.1,
    "memory MB more for ten times the objects": 20.0,
    "a page among all known ÷ among 1,000": 2.0,
}


def pdf(text: str) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pageCompression=0)
    canvas.drawString(100, 700, text)
    canvas.save()
    return buffer.getvalue()


def fill(endpoint: str, objects: int, new: int) -> None:
    """Put the objects there, without signatures: they would take most of the time."""
    client_of(endpoint).create_bucket(Bucket=BUCKET)
    host = urlsplit(endpoint).netloc

    def put(some: range) -> None:
        line = http.client.HTTPConnection(host)
        for number in some:
            line.request(
                "PUT", f"/{BUCKET}/in/{number % FOLDERS}/document-{number // FOLDERS:07}.pdf", b"%08d" % number
            )
            answer = line.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
        line.close()

    with ThreadPoolExecutor(8) as threads:
        for _ in threads.map(put, (range(start, min(start + PAGE, objects)) for start in range(0, objects, PAGE))):
            pass
    for number, key in enumerate(new_keys(objects, new)):
        client_of(endpoint).put_object(Bucket=BUCKET, Key=f"in/{key}", Body=pdf(f"New document {number}"))


def new_keys(objects: int, new: int) -> list[str]:
    """The new ones lie among the others, evenly."""
    return [f"{n % FOLDERS}/document-{n * objects // new // FOLDERS:07}-new.pdf" for n in range(new)]


def enter(ledger: Ledger, source: str, found: Iterable[Found], destination: str) -> None:
    """Documents that were written, as far as a listing compares them."""
    now = datetime.now(UTC)
    documents = [
        {
            "id": document_id(source, item.key, item.version),
            "source": source,
            "key": item.key,
            "version": item.version,
            "size": item.size,
            "discovered_at": now,
            "state": "ended",
            "outcome": "written",
            "document_type": "invoice",
            "ended_at": now,
        }
        for item in found
    ]
    with ledger._database.writing() as connection:
        connection.execute(s.documents.insert(), documents)
        connection.execute(s.writes.insert(), [{"destination": destination, "document_id": d["id"]} for d in documents])


def ledgers(root: Path, source: str, destination: str) -> tuple[Path, Path]:
    """Two ledgers: one that knows all that is there, and one that does not know the new ones."""
    made = []
    opened = open_source(source, SourceSettings())
    for name in ("all", "old"):
        path = root / f"{name}-{opened.uri.rsplit('/', 1)[-1]}.db"
        ledger = Ledger.open(f"sqlite:///{path}")
        for page in opened.pages():
            enter(ledger, opened.uri, [f for f in page.found if name == "all" or "-new" not in f.key], destination)
        ledger.close()
        made.append(path)
    return made[0], made[1]


class Looks:
    """Runs `discovery_run.py`, and keeps what it said, by name."""

    def __init__(self, root: Path, env: dict[str, str]) -> None:
        self.figures: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._root = root
        self._env = env

    def __call__(self, name: str, kind: str, source: str, ledger: Path | None = None, *more: str) -> None:
        arguments = [kind, source]
        if ledger is not None:
            # A copy, since a run that finds something new leaves it known; and no tables of another ledger.
            copy = self._root / "ledger.db"
            shutil.copy(ledger, copy)
            shutil.rmtree(self._root / "tables", ignore_errors=True)
            arguments += [f"sqlite:///{copy}", *more]
        command = [sys.executable, "-m", "benchmarks.discovery_run", *arguments]
        done = subprocess.run(command, env=self._env, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, check=True)
        self.figures[name].append(json.loads(done.stdout))

    def best(self, name: str, figure: str = "seconds") -> float:
        return float(min(found[figure] for found in self.figures[name]))

    def median(self, name: str, figure: str = "seconds") -> float:
        return float(statistics.median(found[figure] for found in self.figures[name]))


def servers(stack: ExitStack, root: Path) -> dict[str, str]:
    """A Prefect server and an engine in simulation; the environment that leads to both."""
    port, home = free_port(), root / "server"
    server = prefect_server.start(home, port, lasting=False)
    stack.callback(server.stop)
    server.wait_until_answering(f"{prefect_server.api_url(port)}/health", patience=300)
    twin_port = free_port()
    command = [*PYTHON, "-m", "engine", "--port", str(twin_port), "--data", str(root / "twin")]
    command += ["--simulate", str(LATENCY), "--at-once", str(AT_ONCE)]
    twin = Child("twin", command, env={"TRAYFLOW_ENGINE_KEY": ENGINE_KEY}, log=root / "twin.log")
    stack.callback(twin.stop)
    twin.wait_until_answering(f"http://{LOCALHOST}:{twin_port}/health")
    return {
        "DOCUTRAY_API_KEY": ENGINE_KEY,
        "DOCUTRAY_BASE_URL": f"http://{LOCALHOST}:{twin_port}",
        "TRAYFLOW_HOME": str(root / "home"),
        "PREFECT_PROFILES_PATH": os.devnull,
        "TRAYFLOW_PREFECT__TASK_RUNS_PER_SECOND": str(prefect_server.TASK_RUNS_PER_SECOND),
        **prefect_server.QUIET,
        **prefect_server.client_env(prefect_server.api_url(port), home),
    }


def compare_pages(root: Path, known: int) -> tuple[float, float]:
    """Seconds for a page of known versions, among a thousand and among all of them."""
    opened: list[Ledger] = []
    counts = (PAGE, known)
    for count in counts:
        ledger = Ledger.open(f"sqlite:///{root / str(count)}.db")
        for start in range(0, count, 5000):
            enter(ledger, SOURCE, _versions(range(start, min(start + 5000, count))), TABLES)
        opened.append(ledger)
    seconds: dict[int, list[float]] = defaultdict(list)
    chance = random.Random(7)
    for _ in range(100):
        for count, ledger in zip(counts, opened, strict=True):
            start = chance.randrange(0, count - PAGE + 1)
            page = _versions(range(start, start + PAGE))
            began = time.perf_counter()
            assert ledger.discover(SOURCE, page, TABLES).unchanged == PAGE
            seconds[count].append(time.perf_counter() - began)
    for ledger in opened:
        ledger.close()
    return statistics.median(seconds[PAGE]), statistics.median(seconds[known])


def _versions(numbers: Sequence[int]) -> list[Found]:
    return [Found(f"{number % 10}/document-{number:07}.pdf", f"{number:032x}", 8) for number in numbers]


def look(given: argparse.Namespace, root: Path) -> tuple[Looks, dict[str, float]]:
    """All looks at one bucket, turn about."""
    anybody = {"name": "anonymous", "actions": [f"Write:{BUCKET}"]}
    with ExitStack() as stack:
        (root / "s3").mkdir()
        endpoint = stack.enter_context(serving_seaweed(root / "s3", anybody))
        aws = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        aws |= {"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
        os.environ.update(aws | {"NO_PROXY": LOCALHOST})
        began = time.perf_counter()
        fill(endpoint, given.objects, given.new)
        print(
            f"{given.objects:,} objects and {given.new:,} new ones put in {time.perf_counter() - began:.0f} s",
            flush=True,
        )
        tables = (root / "tables").as_uri()
        everything, old = ledgers(root, SOURCE, tables)
        tenth, _ = ledgers(root, f"{SOURCE}/0", tables)
        looks = Looks(root, {**os.environ, **servers(stack, root)})
        for number in range(given.rounds):
            looks("bare", "bare", SOURCE)
            looks("listed", "listing", SOURCE)
            looks("listed by ten prefixes", "parts", SOURCE)
            looks("compared, nothing new", "discovery", SOURCE, everything, tables)
            looks("run, nothing to do", "run", SOURCE, everything, tables)
            looks("compared, with news", "discovery", SOURCE, old, tables)
            looks("run with news", "run", SOURCE, old, tables)
            keys = json.dumps(new_keys(given.objects, given.new))
            looks("run, the new ones alone", "run", SOURCE, old, tables, keys)
            looks("bare, a tenth", "bare", f"{SOURCE}/0")
            looks("compared, a tenth", "discovery", f"{SOURCE}/0", tenth, tables)
            looks("run, a tenth", "run", f"{SOURCE}/0", tenth, tables)
            print(f"round {number + 1} of {given.rounds}", flush=True)
    bare = looks.median("bare")
    names = ("compared, nothing new", "compared, with news", "run, nothing to do", "run with news")
    figures = {f"{name} ÷ bare": looks.median(name) / bare for name in names}
    grown = [looks.median(a, "memory") - looks.median(b, "memory") for a, b in GROWN]
    return looks, figures | {"memory MB more for ten times the objects": max(grown)}


GROWN = (("compared, nothing new", "compared, a tenth"), ("run, nothing to do", "run, a tenth"))


def show(looks: Looks) -> None:
    print(
        f"{'median (best)':<26} {'objects':>8} {'new':>5} {'s':>7} {'(best)':>8} {'÷ bare':>7} {'CPU s':>7} {'MB':>6}"
    )
    for name, found in looks.figures.items():
        bare = looks.median("bare, a tenth" if "tenth" in name else "bare")
        first = f"   first page after {looks.median(name, 'first_page'):.1f} s" if "first_page" in found[0] else ""
        print(
            f"{name:<26} {found[0]['objects']:>8,} {found[0].get('new', 0):>5} {looks.median(name):>7.2f} "
            f"({looks.best(name):>6.2f}) {looks.median(name) / bare:>7.2f} {looks.median(name, 'cpu'):>7.2f} "
            f"{looks.median(name, 'memory'):>6.0f}{first}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100_000, help="known objects in the bucket")
    parser.add_argument("--new", type=int, default=100, help="new ones among them")
    parser.add_argument("--rounds", type=int, default=3, help="how often each look is taken")
    parser.add_argument("--known", type=int, default=1_000_000, help="versions in the ledger alone; 0: leave it out")
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # modules that are compiled anew each time are not what is measured
    with tempfile.TemporaryDirectory() as folder:
        looks, figures = look(given, Path(folder))
        show(looks)
        if given.known:
            few, many = compare_pages(Path(folder), given.known)
            print(f"a page of 1,000 known: {few * 1000:.1f} ms among 1,000, {many * 1000:.1f} ms among {given.known:,}")
            figures["a page among all known ÷ among 1,000"] = many / few
    print()
    for name, figure in figures.items():
        print(f"{name:<42} {figure:6.2f}   promised: at most {MOST[name]:g}")
    wrong = [name for name, figure in figures.items() if figure > MOST[name]]
    print("All as promised." if not wrong else f"Not as promised: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
