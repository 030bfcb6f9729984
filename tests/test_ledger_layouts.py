"""Ledgers that an older trayflow made."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, inspect, text

from trayflow.errors import SettingsError
from trayflow.ledger import Ledger
from trayflow.models import Found


def change(ledger_url: str, *statements: str) -> None:
    Ledger.open(ledger_url).close()
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_a_ledger_of_an_older_layout_is_grown(ledger_url: str) -> None:
    """The columns and indexes that it lacks are added when it is opened, and it works."""
    change(
        ledger_url,
        "DROP INDEX documents_by_claim",
        "ALTER TABLE submissions DROP COLUMN told_at",
        "ALTER TABLE runs DROP COLUMN account",
        "UPDATE trayflow_ledger SET layout = 1",
    )
    ledger = Ledger.open(ledger_url)
    ledger.runs.start("run", lease=60, account="mine")
    assert ledger.submissions.told(["none"]) == set()
    ledger.close()
    engine = create_engine(ledger_url)
    assert "documents_by_claim" in {index["name"] for index in inspect(engine).get_indexes("documents")}
    engine.dispose()


def test_long_keys_fit(ledger_url: str) -> None:
    """A path may have 4,096 bytes; older layouts had an index on Postgres that could not hold them."""
    if ledger_url.startswith("postgresql"):
        constraint = "CONSTRAINT documents_source_key_version_key UNIQUE (source, key, version)"
        change(ledger_url, f"ALTER TABLE documents ADD {constraint}", "UPDATE trayflow_ledger SET layout = 2")
    ledger = Ledger.open(ledger_url)
    # No two neighbours alike: Postgres would compress the key otherwise.
    key = "".join(chr(33 + (n * n * 7919) % 9973 % 90) for n in range(4096))
    (document,) = ledger.discover("file:///inbox", [Found(key, "v1", 1)], "nowhere").documents
    assert ledger.document(document.id).key == key
    ledger.close()


def test_a_ledger_of_a_newer_layout_is_left_alone(ledger_url: str) -> None:
    """What this version cannot read, it does not write to either."""
    change(ledger_url, "UPDATE trayflow_ledger SET layout = 99")
    with pytest.raises(SettingsError, match="another version of trayflow"):
        Ledger.open(ledger_url)
