"""Runs of the flow in this process, and what they leave behind."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

from reportlab.pdfgen.canvas import Canvas

from flows.ingest import ingest
from trayflow.ledger import Ledger
from trayflow.progress import Summary


def put(inbox: Path, name: str, text: str | None = None) -> Path:
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.drawString(100, 700, text or name)
    canvas.save()
    (inbox / name).write_bytes(buffer.getvalue())
    return inbox / name


def run(inbox: Path, **options: Any) -> Summary:
    return asyncio.run(ingest(str(inbox), str(inbox.parent / "tables"), **options))


def rows(inbox: Path, table: str = "invoice") -> list[dict[str, str]]:
    with (inbox.parent / "tables" / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def endings(inbox: Path) -> dict[str, str | None]:
    """Each document's reason code, or its outcome where there is none, by key."""
    return {row.key: row.reason or row.outcome for row in _documents(inbox)}


def reasons(inbox: Path) -> list[tuple[str, str | None]]:
    """Each version's key and reason code."""
    return [(row.key, row.reason) for row in _documents(inbox)]


def _documents(inbox: Path) -> list[Any]:
    ledger = Ledger.open(f"sqlite:///{inbox.parent / '.trayflow' / 'ledger.db'}")
    with ledger._database.reading() as connection:
        found = list(connection.exec_driver_sql("SELECT key, outcome, reason FROM documents"))
    ledger.close()
    return found
