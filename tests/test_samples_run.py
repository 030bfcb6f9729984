"""The main job as a newcomer runs it: the samples become tables, and the tables hold the truth, value by value."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TRUTH: dict[str, Any] = json.loads((ROOT / "tests" / "samples_truth.json").read_text(encoding="utf-8"))
TABLES = {entry["document_type"] for entry in TRUTH.values() if entry["outcome"] == "written"}


class Finished:
    """What a run left behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("DOCUTRAY", "PREFECT"))
        }
        trayflow = Path(sys.executable).with_name("trayflow")
        command = [str(trayflow), "run", "samples", "--to", "tables", "--json"]
        self.first = self._run(command, environment)
        self.second = self._run(command, environment)
        with sqlite3.connect(folder / ".trayflow" / "ledger.db") as ledger:
            rows = ledger.execute("SELECT key, outcome, reason, document_type FROM documents").fetchall()
        self.endings = {key: (outcome, reason, kind) for key, outcome, reason, kind in rows}

    def _run(self, command: list[str], environment: dict[str, str]) -> dict[str, Any]:
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def rows(self, table: str) -> list[dict[str, str]]:
        """A table's rows, each with the document's key in place of its address."""
        with (self.folder / "tables" / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            row["key"] = self.key_of[row["document_id"]]
        return rows

    @property
    def key_of(self) -> dict[str, str]:
        with sqlite3.connect(self.folder / ".trayflow" / "ledger.db") as ledger:
            return dict(ledger.execute("SELECT id, key FROM documents").fetchall())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The samples in a folder of their own, run twice."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(ROOT / "samples", folder / "samples")
    return Finished(folder)


def told_apart(key: str) -> str:
    """The name by which the truth knows a document: of two with the same bytes, either may come first."""
    return min(name for name in TRUTH if _digest(name) == _digest(key))


def _digest(name: str) -> str:
    return hashlib.sha256((ROOT / "samples" / name).read_bytes()).hexdigest()


def same(cell: str, value: Any) -> bool:
    """Whether a cell says what the truth says: numbers by value, everything else to the letter."""
    if value is None:
        return cell == ""
    if isinstance(value, (bool, str)):
        return cell == str(value)
    return cell != "" and float(cell) == float(value)


def test_every_document_reaches_its_outcome(finished: Finished) -> None:
    """Written, review, quarantined or duplicate, each with the reason that a person would give."""
    expected = {name: (entry["outcome"], entry["reason"]) for name, entry in TRUTH.items()}
    found = {name: ending[:2] for name, ending in finished.endings.items()}
    by_bytes: dict[str, list[str]] = {}
    for name in TRUTH:
        if (ROOT / "samples" / name).stat().st_size:
            by_bytes.setdefault(_digest(name), []).append(name)
    for twins in by_bytes.values():
        assert sorted(map(str, (expected.pop(name) for name in twins))) == sorted(
            map(str, (found.pop(name) for name in twins))
        ), twins
    assert found == expected


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_holds_the_truth(finished: Finished, table: str) -> None:
    """Every field of every document of this type, and no row too many."""
    expected = {
        name: entry["row"] for name, entry in TRUTH.items() if entry.get("row") and entry["document_type"] == table
    }
    rows = {told_apart(row["key"]): row for row in finished.rows(table)}
    assert sorted(rows) == sorted(map(told_apart, expected))
    wrong = [
        (name, field, value, rows[told_apart(name)][field])
        for name, fields in expected.items()
        for field, value in fields.items()
        if not same(rows[told_apart(name)][field], value)
    ]
    assert wrong == []


@pytest.mark.parametrize("table", sorted({child for entry in TRUTH.values() for child in entry.get("children", {})}))
def test_a_child_table_holds_the_truth(finished: Finished, table: str) -> None:
    """Every line of every document, in its order, and no line too many."""
    expected = {
        (told_apart(name), str(line["line"])): line
        for name, entry in TRUTH.items()
        for line in entry.get("children", {}).get(table, ())
    }
    rows = {(told_apart(row["key"]), row["line"]): row for row in finished.rows(table)}
    assert sorted(rows) == sorted(expected)
    wrong = [
        (place, field, value, rows[place][field])
        for place, line in expected.items()
        for field, value in line.items()
        if not same(rows[place][field], value)
    ]
    assert wrong == []


def test_the_summary_counts_what_happened(finished: Finished) -> None:
    """One object with exactly the documented keys, and figures that agree with the ledger."""
    summary = finished.first
    assert list(summary) == [
        "documents",
        "written",
        "review",
        "quarantined",
        "duplicate",
        "in_progress",
        "unchanged",
        "skipped",
        "tables",
        "submissions",
        "seconds",
    ]
    outcomes = [outcome for outcome, _, _ in finished.endings.values()]
    for outcome in ("written", "review", "quarantined", "duplicate"):
        assert summary[outcome] == outcomes.count(outcome)
    assert summary["documents"] == len(TRUTH)
    assert summary["submissions"]["execute"] >= summary["written"]


def test_the_second_run_submits_nothing(finished: Finished) -> None:
    """The same command again finds all of it done, and the tables as they were."""
    summary = finished.second
    assert summary["unchanged"] == summary["documents"] == len(TRUTH)
    assert summary["submissions"] == {"identify": 0, "execute": 0}
    assert summary["tables"] == finished.first["tables"]
