"""One look at a bucket, in a process of its own: started by `discovery.py`, prints what it took as JSON.

    python benchmarks/discovery_run.py bare|listing|parts|discovery|run SOURCE [LEDGER TABLES [KEYS]]

`bare` is what one would write with boto3: its paginator of `list_objects_v2`, counting. `listing` are the source's
pages, `parts` the same with the ten folders of the benchmark's bucket listed at the same time, `discovery` the pages
compared with the ledger, `run` the flow on the Prefect server that PREFECT_API_URL names, about all or about some
KEYS (a JSON list). SOURCE ends without a slash.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

#: Folders of the benchmark's bucket.
PARTS = tuple(f"{number}/" for number in range(10))


def peak_mb() -> float:
    """The most memory that this process had so far, in MB. (What `getrusage` tells begins with its parent's.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def bare(source: str) -> dict[str, Any]:
    import boto3

    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    began = time.perf_counter()
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    count = sum(len(page["Contents"]) for page in pages)
    return {"seconds": time.perf_counter() - began, "objects": count}


def listing(source: str, prefixes: tuple[str, ...] = ()) -> dict[str, Any]:
    from trayflow.settings import SourceSettings
    from trayflow.sources import open_source

    began = time.perf_counter()
    count = sum(len(page.found) for page in open_source(source, SourceSettings(prefixes=prefixes)).pages())
    return {"seconds": time.perf_counter() - began, "objects": count}


def parts(source: str) -> dict[str, Any]:
    return listing(source, PARTS)


def discovery(source: str, ledger_url: str, tables: str) -> dict[str, Any]:
    from trayflow.ledger import Ledger
    from trayflow.settings import SourceSettings
    from trayflow.sources import open_source

    began = time.perf_counter()
    ledger, found = Ledger.open(ledger_url), open_source(source, SourceSettings())
    new = unchanged = 0
    for page in found.pages():
        compared = ledger.discover(found.uri, page.found, tables)
        new, unchanged = new + len(compared.documents), unchanged + compared.unchanged
    ledger.close()
    return {"seconds": time.perf_counter() - began, "objects": new + unchanged, "new": new}


def run(source: str, ledger_url: str, tables: str, keys: str = "null") -> dict[str, Any]:
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

    from flows.ingest import ingest
    from trayflow.progress import Discovered, Event, listener

    begun: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, Discovered) and not begun:
            begun.append(time.perf_counter())

    token = listener.set(hear)
    began = time.perf_counter()
    summary = asyncio.run(ingest(source, tables, ledger=ledger_url, keys=json.loads(keys)))
    seconds = time.perf_counter() - began
    listener.reset(token)
    assert summary.in_progress == 0
    return {
        "seconds": seconds,
        "first_page": begun[0] - began,
        "objects": summary.documents,
        "new": summary.documents - summary.unchanged,
        "written": summary.written,
    }


def main() -> None:
    kinds = {"bare": bare, "listing": listing, "parts": parts, "discovery": discovery, "run": run}
    cpu = time.process_time()
    figures = kinds[sys.argv[1]](*sys.argv[2:])
    figures["cpu"] = time.process_time() - cpu
    figures["memory"] = peak_mb()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
