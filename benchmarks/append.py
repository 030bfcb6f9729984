"""What an append to a folder of CSV files costs, by the rows that are there already.

    uv run python benchmarks/append.py [DOCUMENTS]

Appends documents one at a time, and 50 at a time, to an empty folder and to one with DOCUMENTS documents of four rows
each (25,000 by default, so 100,000 rows), commits to the ledger included, and prints the ratio: near 1 when the cost
does not grow.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from trayflow.destinations import CsvFolder, open_destination
from trayflow.ledger import Ledger
from trayflow.models import Extraction, Found, TypeSchema

SCHEMA = TypeSchema(
    code="invoice",
    json_schema={
        "type": "object",
        "properties": {
            **{name: {"type": "string"} for name in ("number", "seller", "buyer", "iban", "note")},
            **{name: {"type": "number"} for name in ("net", "tax", "total")},
            "line_items": {
                "type": "array",
                "items": {"type": "object", "properties": {"text": {"type": "string"}, "amount": {"type": "number"}}},
            },
        },
    },
)


def extractions(ledger: Ledger, count: int, prefix: str) -> Iterator[Extraction]:
    """Documents that the ledger knows, each a row with three lines."""
    for start in range(0, count, 500):
        found = [Found(f"{prefix}/{n}.pdf", "v1", 1) for n in range(start, min(start + 500, count))]
        for document in ledger.discover("file:///inbox", found, "nowhere").documents:
            data = {
                "number": "000123",
                "seller": "Example Ltd, 12 Long Street",
                "net": 100.25,
                "tax": 19.05,
                "total": 119.3,
                "line_items": [{"text": f"item {n}", "amount": 33.42} for n in range(3)],
            }
            yield Extraction(document, "invoice", 0.97, "extract-invoice", "e", datetime.now(UTC), data)


def batches(items: list[Extraction], size: int) -> Iterator[list[Extraction]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def seconds(folder: CsvFolder, items: list[Extraction], size: int) -> float:
    """The median append of `size` documents."""
    taken = []
    for batch in batches(items, size):
        started = time.perf_counter()
        folder.append(batch)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def measure(root: Path, documents: int) -> dict[int, float]:
    ledger = Ledger.open(f"sqlite:///{root / f'ledger-{documents}.db'}")
    ledger.keep_schemas([SCHEMA])
    folder = open_destination(str(root / f"tables-{documents}"), ledger)
    for batch in batches(list(extractions(ledger, documents, "there")), 2000):
        folder.append(batch)
    taken = {
        1: seconds(folder, list(extractions(ledger, 100, "ones")), 1),
        50: seconds(folder, list(extractions(ledger, 1000, "fifties")), 50),
    }
    there = {name: state.rows for name, state in ledger.table_states(folder.uri).items()}
    ledger.close()
    print(
        f"{4 * documents:>9,} rows there before: " + ", ".join(f"{s * 1000:6.1f} ms for {n}" for n, s in taken.items()),
        there,
    )
    return taken


def main() -> None:
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 25_000
    with tempfile.TemporaryDirectory() as root:
        empty, full = measure(Path(root), 0), measure(Path(root), documents)
    for size in empty:
        print(f"append of {size} document(s): ratio {full[size] / empty[size]:.2f}")


if __name__ == "__main__":
    main()
