"""How often the embedded engine is right, over a folder of documents with the truth beside them.

    uv run benchmarks/accuracy.py DIR [--cache DIR] [--end-to-end] [--only TYPE] [--limit N] [--misses] [--json]

DIR holds `truth.jsonl`, one object a line with `id`, `file`, `type`, `fields`, and optionally `class_only` (only the
type is known) and `not_visible` (fields that are not on the page, and not scored).

What is counted
- Types: every document, against the engine's own types; a true type that the engine does not know counts as `other`.
- Fields: documents whose type the engine knows and whose fields are known. The true type is given to extraction, unless
  `--end-to-end`, where the identified type is used and all fields of a wrongly identified document count as missed.
- `right` is the share of the values that are on the document and were extracted right; a null is wrong there.
  `precise` is the share right of the values that were given at all. `made up` counts values given where the truth says
  that there is none.

When a value is right
- money and quantities: equal as numbers to half a cent; dates: equal as ISO dates; currencies: equal;
- numbers of documents, VAT ids, IBANs: equal in letters and digits, case aside;
- names and addresses: `rapidfuzz.fuzz.ratio` of at least 0.9 after case, accents and punctuation are folded away;
- line items: F1 of rows. A row is found when its line total is right and its name resembles the true one
  (`max(ratio, partial_ratio) >= 0.85`, folded as above); each row counts once. Documents without true
  rows are left out.

Seconds are those of the first reading when it comes from the cache. The cache does not know that the reader changed:
give `--refresh` then.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import pickle
import re
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz
from rich.console import Console
from rich.table import Table

CONTENT_TYPES = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
}

Compare = Callable[[Any, Any], bool]


@dataclass
class Outcome:
    """What came of one document: plain data, so that it can come from a worker process."""

    id: str
    type: str
    identified: str = ""
    confidence: float = 0.0
    read_cpu: float = 0.0
    read_wall: float = 0.0
    understand_cpu: float = 0.0
    fields: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, int] | None = None
    checks: str = ""
    error: str = ""


# ---------------------------------------------------------------- comparing


def folded(text: Any) -> str:
    plain = unicodedata.normalize("NFKD", str(text)).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain.lower()).split())


def same_number(truth: Any, value: Any) -> bool:
    try:
        return abs(float(truth) - float(value)) < 0.005
    except (TypeError, ValueError):
        return False


def same_text(truth: Any, value: Any) -> bool:
    return fuzz.ratio(folded(truth), folded(value)) >= 90


def same_id(truth: Any, value: Any) -> bool:
    return re.sub(r"[\W_]", "", str(truth)).upper() == re.sub(r"[\W_]", "", str(value)).upper()


def same(truth: Any, value: Any) -> bool:
    return str(truth).strip() == str(value).strip()


# Field of the truth -> the paths that it may have in our schema, and what counts as equal.
FIELDS: dict[str, tuple[tuple[str, ...], Compare]] = {
    "number": (("number",), same_id),
    "issue_date": (("issue_date", "date"), same),
    "due_date": (("due_date",), same),
    "seller_name": (("seller.name", "supplier.name"), same_text),
    "buyer_name": (("buyer.name", "customer.name"), same_text),
    "seller_vat_id": (("seller.vat_id", "seller.tax_id", "supplier.vat_id"), same_id),
    "iban": (("iban", "payment.iban", "seller.iban"), same_id),
    "currency": (("currency",), same),
    "net_total": (("net_total", "subtotal"), same_number),
    "tax_total": (("tax_total",), same_number),
    "grand_total": (("grand_total", "total"), same_number),
    "amount_due": (("amount_due",), same_number),
    "company": (("merchant.name", "merchant_name"), same_text),
    "address": (("merchant.address", "merchant_address"), same_text),
    "date_iso": (("date",), same),
    "total_value": (("total",), same_number),
}


def at(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data


def in_schema(schema: Any, path: str) -> bool:
    for part in path.split("."):
        schema = (schema.get("properties") or {}).get(part)
        if schema is None:
            return False
    return True


def same_row(truth: dict[str, Any], row: dict[str, Any]) -> bool:
    name, given = folded(truth.get("name") or ""), folded(row.get("description") or row.get("name") or "")
    alike = not name or max(fuzz.ratio(name, given), fuzz.partial_ratio(name, given) if len(given) > 3 else 0) >= 85
    total = truth.get("line_total")
    return alike and (total is None or same_number(total, row.get("line_total", row.get("total"))))


def compare_rows(truth: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """True, given and found rows, and how many of the found ones have the right quantity and unit price."""
    counts = Counter({"true": len(truth), "given": len(rows)})
    left = list(rows)
    for wanted in truth:
        found = next((row for row in left if same_row(wanted, row)), None)
        if found is None:
            continue
        left.remove(found)
        counts["found"] += 1
        for name in ("quantity", "unit_price"):
            if wanted.get(name) is not None:
                counts[f"{name}_true"] += 1
                counts[f"{name}_right"] += same_number(wanted[name], found.get(name))
    return dict(counts)


# ---------------------------------------------------------------- one document


@cache
def types() -> dict[str, Any]:
    from engine.catalog import load_catalog

    return dict(load_catalog().types)


def cached_reading(path: Path, cache_dir: Path | None, refresh: bool) -> tuple[Any, float, float]:
    from engine.reading import read

    kept = cache_dir / f"{path.name}.pickle" if cache_dir else None
    if kept and kept.exists() and not refresh:
        loaded: tuple[Any, float, float] = pickle.loads(kept.read_bytes())  # noqa: S301 - our own cache
        return loaded
    wall, cpu = time.perf_counter(), time.process_time()
    reading = read(path, CONTENT_TYPES[path.suffix.lower()])
    result = (reading, time.process_time() - cpu, time.perf_counter() - wall)
    if kept:
        unfinished = kept.with_suffix(".tmp")
        unfinished.write_bytes(pickle.dumps(result))
        unfinished.replace(kept)
    return result


def score(truth: dict[str, Any], data: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, (paths, right) in FIELDS.items():
        if name not in truth["fields"] or name in truth.get("not_visible", ()):
            continue
        path = next((path for path in paths if in_schema(schema, path)), None)
        if path is None:
            continue
        wanted, given = truth["fields"][name], at(data, path)
        yield {
            "field": name,
            "truth": wanted,
            "given": given,
            "right": wanted is not None and given is not None and right(wanted, given),
        }


def examine(truth: dict[str, Any], folder: Path, options: argparse.Namespace) -> Outcome:
    from engine.identify import identify

    known = types()
    outcome = Outcome(truth["id"], truth["type"] if truth["type"] in known else "other")
    try:
        reading, outcome.read_cpu, outcome.read_wall = cached_reading(
            folder / truth["file"], options.cache, options.refresh
        )
        cpu = time.process_time()
        identification = identify(reading, list(known.values()))
        outcome.identified = identification.document_type.code
        outcome.confidence = identification.document_type.confidence
        if outcome.type != "other" and not truth.get("class_only"):
            extract_and_score(truth, reading, outcome, options.end_to_end)
        outcome.understand_cpu = time.process_time() - cpu
    except Exception as error:  # a document that fails is counted as missed, and the others go on
        outcome.error = f"{type(error).__name__}: {error}"
    return outcome


def extract_and_score(truth: dict[str, Any], reading: Any, outcome: Outcome, end_to_end: bool) -> None:
    from engine.extract import extract
    from engine.validate import validate

    schema = types()[outcome.type].json_schema
    data: dict[str, Any] = {}
    if not end_to_end or outcome.identified == outcome.type:
        data = extract(reading, types()[outcome.type])
        validation = validate(data, types()[outcome.type])
        outcome.checks = "errors" if validation.errors else "warnings" if validation.warnings else "fine"
    outcome.fields = list(score(truth, data, schema))
    if truth["fields"].get("line_items"):
        outcome.rows = compare_rows(truth["fields"]["line_items"], data.get("line_items") or [])


# ---------------------------------------------------------------- summing up


def share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    confusion: dict[str, Counter[str]] = defaultdict(Counter)
    bands: dict[str, Counter[str]] = {"0.9 and more": Counter(), "0.7 to 0.9": Counter(), "less": Counter()}
    for outcome in outcomes:
        confusion[outcome.type][outcome.identified or "failed"] += 1
        band = "0.9 and more" if outcome.confidence >= 0.9 else "0.7 to 0.9" if outcome.confidence >= 0.7 else "less"
        bands[band]["all"] += 1
        bands[band]["right"] += outcome.identified == outcome.type
    return {
        "documents": len(outcomes),
        "failed": sum(bool(outcome.error) for outcome in outcomes),
        "type_right": share(sum(o.identified == o.type for o in outcomes), len(outcomes)),
        "confusion": {kind: dict(counts) for kind, counts in sorted(confusion.items())},
        "confidence": {
            band: {**counts, "share": share(counts["right"], counts["all"])} for band, counts in bands.items()
        },
        "fields": field_figures(outcomes),
        "line_items": row_figures(outcomes),
        "checks": {
            kind: dict(Counter(o.checks for o in outcomes if o.type == kind and o.checks))
            for kind in sorted({o.type for o in outcomes if o.checks})
        },
        "seconds_a_document": {
            name: share(sum(getattr(o, name) for o in outcomes), len(outcomes))
            for name in ("read_cpu", "read_wall", "understand_cpu")
        },
    }


def field_figures(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    figures: dict[str, dict[str, Any]] = {}
    for kind in sorted({o.type for o in outcomes if o.fields}):
        scored = [entry for o in outcomes if o.type == kind for entry in o.fields]
        figures[kind] = {}
        for name in dict.fromkeys(entry["field"] for entry in scored):
            present = [e for e in scored if e["field"] == name and e["truth"] is not None]
            absent = [e for e in scored if e["field"] == name and e["truth"] is None]
            right = sum(e["right"] for e in present)
            figures[kind][name] = {
                "n": len(present),
                "right": share(right, len(present)),
                "precise": share(right, sum(e["given"] is not None for e in present)),
                "made_up": sum(e["given"] is not None for e in absent),
                "absent": len(absent),
            }
    return figures


def row_figures(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    figures = {}
    for kind in sorted({o.type for o in outcomes if o.rows}):
        total: Counter[str] = Counter()
        for outcome in outcomes:
            if outcome.type == kind and outcome.rows:
                total.update(outcome.rows)
        figures[kind] = {
            "documents": sum(o.type == kind and bool(o.rows) for o in outcomes),
            "rows": total["true"],
            "recall": share(total["found"], total["true"]),
            "precision": share(total["found"], total["given"]),
            "f1": share(2 * total["found"], total["true"] + total["given"]),
            "quantity_right": share(total["quantity_right"], total["quantity_true"]),
            "unit_price_right": share(total["unit_price_right"], total["unit_price_true"]),
        }
    return figures


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    drawn = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        drawn.add_column(column, justify="right" if index else "left")
    for row in rows:
        drawn.add_row(
            *("" if cell is None else f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row)
        )
    return drawn


def show(figures: dict[str, Any], outcomes: Sequence[Outcome], misses: bool) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    given = sorted({name for counts in figures["confusion"].values() for name in counts})
    rows = [(kind, *(counts.get(name) for name in given)) for kind, counts in figures["confusion"].items()]
    title = f"Types: {figures['type_right']:.3f} of {figures['documents']} right (rows true, columns identified)"
    console.print(table(title, ["", *given], rows))
    rows = [(band, c["all"], c["share"]) for band, c in figures["confidence"].items()]
    console.print(table("Confidence", ["", "documents", "type right"], rows))
    for kind, fields in figures["fields"].items():
        rows = [(n, f["n"], f["right"], f["precise"], f"{f['made_up']} of {f['absent']}") for n, f in fields.items()]
        console.print(table(f"Fields of {kind}", ["", "n", "right", "precise", "made up"], rows))
    for kind, found in figures["line_items"].items():
        console.print(table(f"Line items of {kind}", list(found), [list(found.values())]))
    console.print("Checks:", figures["checks"], " Seconds a document:", figures["seconds_a_document"])
    for outcome in outcomes:
        if outcome.error:
            console.print(f"FAILED {outcome.id}: {outcome.error}", markup=False)
    if misses:
        show_misses(console, outcomes)


def show_misses(console: Console, outcomes: Sequence[Outcome]) -> None:
    for o in outcomes:
        if o.identified != o.type:
            console.print(f"TYPE {o.id}: {o.type} taken for {o.identified} ({o.confidence:.2f})", markup=False)
        for entry in o.fields:
            if not entry["right"] and not (entry["truth"] is None and entry["given"] is None):
                console.print(f"{o.id} {entry['field']}: {entry['truth']!r} got {entry['given']!r}", markup=False)
        if o.rows and not o.rows["true"] == o.rows["given"] == o.rows.get("found"):
            console.print(f"{o.id} line_items: {o.rows}", markup=False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of the embedded engine over a folder with known truth.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--cache", type=Path, help="folder that keeps the readings, so that OCR runs once")
    parser.add_argument("--refresh", action="store_true", help="read anew what the cache holds")
    parser.add_argument("--end-to-end", action="store_true", help="extract with the identified type, not the true one")
    parser.add_argument("--only", metavar="TYPE", help="only documents whose true type, or id, starts with this")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N documents")
    parser.add_argument("--misses", action="store_true", help="list what was wrong (prints values of the documents)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, with every document's outcome")
    options = parser.parse_args()
    with (options.folder / "truth.jsonl").open(encoding="utf-8") as lines:
        truths = [json.loads(line) for line in lines if line.strip()]
    if options.only:
        truths = [t for t in truths if t["type"].startswith(options.only) or t["id"].startswith(options.only)]
    truths = truths[: options.limit]
    if options.cache:
        options.cache.mkdir(parents=True, exist_ok=True)
    # Two processes of one thread each, as the service runs; started anew, since OCR does not survive a fork.
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as workers:
        jobs = [workers.submit(examine, truth, options.folder, options) for truth in truths]
        outcomes = [job.result() for job in jobs]
    figures = summary(outcomes)
    if options.json:
        print(json.dumps({**figures, "outcomes": [asdict(o) for o in outcomes]}, indent=2, ensure_ascii=False))
    else:
        show(figures, outcomes, options.misses)


if __name__ == "__main__":
    main()
