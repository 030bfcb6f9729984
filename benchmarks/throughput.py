"""How close a run comes to the limit that the service sets, against a script on the vendor's own SDK.

    uv run python benchmarks/throughput.py [--documents 500] [--more 2000] [--window 120] [--in-flight 70] [--only ours]

In one go on this machine: the embedded engine in simulation (`--simulate 2 --at-once 50`: two seconds a job, a fifth
more or less, fifty at once), and on it, one after another,

- the limit, computed: documents x 2 stages x latency ÷ jobs at once;
- an asyncio script on the vendor's SDK with its defaults, as many documents at once as ours;
- ours: the flow `ingest` with a real Prefect server beside it, as `trayflow run` starts it, ledger and CSV tables
  included; once with --documents, once with --more, for what memory grows by.

Exit code 1 when a figure is beyond what docs/performance.md promises.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from reportlab.pdfgen.canvas import Canvas

from deployments import prefect_server
from deployments.children import LOCALHOST, PYTHON, Child, free_port

LATENCY, AT_ONCE, STAGES = 2.0, 50, 2
KEY = "benchmark-key"

#: What docs/performance.md promises.
MOST = {
    "makespan ÷ limit": 1.10,
    "polls per execution": 2.5,
    "p95 lateness ÷ latency": 0.30,
    "flow CPU ms a document": 30.0,
    "memory MB per 1,000 documents": 20.0,
}


def fill(inbox: Path, count: int) -> None:
    """Small PDFs, all different."""
    inbox.mkdir(parents=True)
    for number in range(count):
        canvas = Canvas(str(inbox / f"{number:05}.pdf"), pageCompression=0)
        canvas.drawString(100, 700, f"Document {number}")
        canvas.save()


def cpu_seconds(pattern: str) -> float:
    """CPU seconds that the processes with these words in their command line have used so far."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            command = stat.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode()
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if pattern in command and "deployments.leash" not in command:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def start_twin(root: Path) -> tuple[Child, str]:
    port = free_port()
    command = [*PYTHON, "-m", "engine", "--port", str(port), "--data", str(root / "twin")]
    command += ["--simulate", str(LATENCY), "--at-once", str(AT_ONCE)]
    twin = Child("twin", command, env={"TRAYFLOW_ENGINE_KEY": KEY}, log=root / "twin.log")
    twin.wait_until_answering(f"http://{LOCALHOST}:{port}/health")
    return twin, f"http://{LOCALHOST}:{port}"


def measure(who: str, root: Path, count: int, window: int, in_flight: int) -> dict[str, Any]:
    """One client over so many documents: its own figures, the twin's, and the servers' CPU."""
    with ExitStack() as stack:
        fill(root / "inbox", count)
        twin, url = start_twin(root)
        stack.callback(twin.stop)
        env = {**os.environ, "DOCUTRAY_API_KEY": KEY, "DOCUTRAY_BASE_URL": url, **prefect_server.QUIET}
        env |= {"TRAYFLOW_HOME": str(root / "home"), "PREFECT_PROFILES_PATH": os.devnull, "NO_PROXY": LOCALHOST}
        if who == "ours":
            home, port = root / "server", free_port()
            server = prefect_server.start(home, port, lasting=False)
            stack.callback(server.stop)
            server.wait_until_answering(f"{prefect_server.api_url(port)}/health", patience=300)
            env |= prefect_server.client_env(prefect_server.api_url(port), home)
            env |= {"TRAYFLOW_LIMITS__WINDOW": str(window), "TRAYFLOW_LIMITS__MAX_IN_FLIGHT": str(in_flight)}
            env |= {"TRAYFLOW_PREFECT__TASK_RUNS_PER_SECOND": str(prefect_server.TASK_RUNS_PER_SECOND)}

        def client(kind: str) -> dict[str, Any]:
            command = [sys.executable, "-m", "benchmarks.throughput_run", kind, str(root / "inbox"), str(window)]
            command = [*os.environ.get("PROFILE", "").split(), *command]
            done = subprocess.run(command, env=env, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, check=True)
            found: dict[str, Any] = json.loads(done.stdout)
            return found

        before = client("empty") if who == "ours" else {}
        server_before = cpu_seconds("prefect server start")
        figures = before | client(who)
        figures["server_cpu"] = cpu_seconds("prefect server start") - server_before
        figures["twin_cpu"] = cpu_seconds("-m engine --port")
        headers = {"Authorization": f"Bearer {KEY}"}
        figures["stats"] = httpx.get(f"{url}/__stats", headers=headers, trust_env=False).json()
        return figures


def show(who: str, count: int, figures: dict[str, Any], limit: float) -> None:
    stats = figures["stats"]
    lateness = stats["lateness"]
    print(f"{who}, {count:,} documents")
    print(
        f"  makespan                     {figures['makespan']:8.1f} s   {figures['makespan'] / limit:5.2f} x the limit"
    )
    print(f"  polls per execution          {stats['polls_per_execution']:8.2f}")
    print(
        f"  results read late by         {lateness['p50']:8.2f} s   p95 {lateness['p95']:.2f} s, "
        f"{lateness['p95'] / LATENCY:.0%} of the latency"
    )
    print(f"  CPU of the client            {figures['cpu'] / count * 1000:8.1f} ms a document")
    print(f"  CPU of the twin              {figures['twin_cpu'] / count * 1000:8.1f} ms a document")
    if who == "ours":
        recorded = ", ".join(f"{number:,} {state.lower()}" for state, number in figures["recorded"].items() if number)
        empty, took = figures["empty_task_run"], figures["cpu"] / count
        print(
            f"  a task run that does nothing {empty * 1000:8.1f} ms of it   "
            f"so a document takes the CPU of {took / empty:.1f} of them"
        )
        print(f"  CPU of the Prefect server    {figures['server_cpu'] / count * 1000:8.1f} ms a document")
        print(f"  task runs                    {figures['task_runs']:8,}     recorded: {recorded}")
        print(
            f"  recorded after the last end  {figures['lag']:8.1f} s   "
            f"the flow run began to work after {figures['start']:.1f} s"
        )
        print(f"  submitted again              {stats['same_bytes_again']:8}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--more", type=int, default=2000, help="documents of the second run of ours; 0: none")
    parser.add_argument("--window", type=int, default=120, help="documents under way at once")
    parser.add_argument("--in-flight", type=int, default=70, help="of ours, submissions at the service at once")
    parser.add_argument("--only", choices=("ours", "sdk"))
    given = parser.parse_args()
    found: dict[tuple[str, int], dict[str, Any]] = {}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # modules that are compiled anew each time are not what is measured
    runs = [("sdk", given.documents), ("ours", given.documents), ("ours", given.more)]
    with tempfile.TemporaryDirectory() as folder:
        for who, count in runs:
            if count and given.only in (None, who):
                limit = count * STAGES * LATENCY / AT_ONCE
                print(f"limit for {count:,} documents: {limit:.1f} s", flush=True)
                found[who, count] = measure(who, Path(folder) / f"{who}-{count}", count, given.window, given.in_flight)
                show(who, count, found[who, count], limit)
    return judge(given.documents, given.more, found)


def judge(count: int, more: int, found: dict[tuple[str, int], dict[str, Any]]) -> int:
    """Hold the figures against what is promised."""
    ours = found.get(("ours", count))
    if ours is None:
        return 0
    limit = count * STAGES * LATENCY / AT_ONCE
    figures = {
        "makespan ÷ limit": ours["makespan"] / limit,
        "polls per execution": ours["stats"]["polls_per_execution"],
        "p95 lateness ÷ latency": ours["stats"]["lateness"]["p95"] / LATENCY,
        "flow CPU ms a document": ours["cpu"] / count * 1000,
    }
    if larger := found.get(("ours", more)):
        grown = larger["memory"][-1] - larger["memory"][count // 100 - 1]
        figures["memory MB per 1,000 documents"] = grown / (more - count) * 1000
    missing = {runs: f["task_runs"] - f["recorded"]["COMPLETED"] for runs, f in found.items() if "task_runs" in f}
    wrong = [name for name, figure in figures.items() if figure > MOST[name]]
    wrong += [f"{number} task runs of {runs} are not recorded" for runs, number in missing.items() if number]
    print()
    for name, figure in figures.items():
        print(f"{name:<32} {figure:6.2f}   promised: at most {MOST[name]:g}")
    if sdk := found.get(("sdk", count)):
        ratio = ours["makespan"] / sdk["makespan"]
        print(f"{'makespan ÷ the SDK script':<32} {ratio:6.2f}   promised: below 1")
        wrong += ["slower than the SDK's script"] if ratio >= 1 else []
    print(f"{'task runs not recorded':<32} {sum(missing.values()):6}   promised: 0")
    print("All as promised." if not wrong else f"Not as promised: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
