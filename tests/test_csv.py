"""A folder of CSV files: what is in it, who may write it, and how it is put right."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock

from tests.filled import fill, invoice
from trayflow.destinations import CsvFolder, csv_files, destination_at, open_destination
from trayflow.destinations import csv as csv_folder
from trayflow.errors import DestinationError, SettingsError
from trayflow.ledger import Ledger
from trayflow.models import Outcome


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger as a newcomer has it; where the database matters, tests take `ledger` instead."""
    opened = Ledger.open(f"sqlite:///{tmp_path / 'own.db'}")
    yield opened
    opened.close()


@pytest.fixture
def tables(sqlite: Ledger, tmp_path: Path) -> CsvFolder:
    """An empty folder of tables."""
    return open_destination(str(tmp_path / "tables"), sqlite)


def invoices(count: int, start: int = 0, **more: Any) -> dict[str, dict[str, Any]]:
    return {f"{n}.pdf": invoice(n, **more) for n in range(start, start + count)}


def rows(folder: CsvFolder, table: str = "invoice") -> list[dict[str, str]]:
    """The table as Python's own reader sees it."""
    content = (folder.folder / f"{table}.csv").read_bytes().decode("utf-8")
    return list(csv.DictReader(io.StringIO(content, newline=""), strict=True))


def files(folder: CsvFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.folder.glob("*.csv")}


def test_rows_read_back_as_they_were(tables: CsvFolder, sqlite: Ledger) -> None:
    """Quotes, line breaks, leading zeros, cents and letters of all kinds come back through pandas and csv alike."""
    data = {
        "number": "007",
        "total": 2.75,
        "note": 'a, "b"\nc',
        "line_items": [{"text": "Ünïcode, 日本", "amount": 0.1}],
    }
    tables.append(fill(sqlite, {"a.pdf": data}))
    (row,), (line,) = rows(tables), rows(tables, "invoice_line_items")
    assert (row["number"], row["total"], row["note"]) == ("007", "2.75", 'a, "b"\nc')
    assert (line["text"], line["amount"], line["line"]) == ("Ünïcode, 日本", "0.1", "1")
    read = pd.read_csv(tables.folder / "invoice.csv", dtype=str)
    assert read.iloc[0].to_dict() == {
        name: cell or pytest.approx(float("nan"), nan_ok=True) for name, cell in row.items()
    }


def test_files_are_plain_utf8(tables: CsvFolder, sqlite: Ledger) -> None:
    """No byte order mark, `\\n` at each line's end and inside cells."""
    tables.append(fill(sqlite, {"a.pdf": {"note": "é\r\nx\ry"}}))
    content = files(tables)["invoice.csv"]
    assert content.startswith(b"document_id,")
    assert b"\r" not in content
    assert rows(tables)[0]["note"] == "é\nx\ny"


def test_an_append_ends_its_documents(ledger: Ledger, tmp_path: Path) -> None:
    """The commit that records the rows gives the documents their outcome; both databases keep both."""
    tables = open_destination(str(tmp_path / "tables"), ledger)
    extractions = fill(ledger, invoices(3))
    assert tables.append(extractions) == {"invoice": 3, "invoice_line_items": 3}
    assert {ledger.document(item.document.id).outcome for item in extractions} == {Outcome.WRITTEN}
    assert {name: state.rows for name, state in ledger.table_states(tables.uri).items()} == {
        "invoice": 3,
        "invoice_line_items": 3,
    }
    assert tables.rebuild() == {"invoice": 3, "invoice_line_items": 3}


def test_a_document_is_written_once(tables: CsvFolder, sqlite: Ledger) -> None:
    """Given again, twice in one call or in a later one, it adds nothing."""
    extractions = fill(sqlite, invoices(2))
    tables.append([*extractions, *extractions])
    before = files(tables)
    assert tables.append(extractions) == {}
    assert files(tables) == before
    assert len(rows(tables)) == 2


def test_a_table_without_lines_has_its_heading(tables: CsvFolder, sqlite: Ledger) -> None:
    """A child table that the schema promises is there with the first document."""
    assert tables.append(fill(sqlite, {"a.pdf": {"line_items": []}})) == {"invoice": 1}
    assert files(tables)["invoice_line_items.csv"].startswith(b"document_id,line,source_uri,")
    assert rows(tables, "invoice_line_items") == []


def test_a_new_column_comes_last(tables: CsvFolder, sqlite: Ledger) -> None:
    """Rows that were there before stay as they were, with an empty cell at their end."""
    tables.append(fill(sqlite, invoices(3)))
    before = rows(tables)
    tables.append(fill(sqlite, invoices(1, start=3, colour="red")))
    after = rows(tables)
    assert after[:3] == [{**row, "colour": ""} for row in before]
    assert list(after[3])[-1] == "colour"
    assert after[3]["colour"] == "red"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1+2", "'+1+2"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\n=1"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("-12.50", "-12.50"),
        ("+49", "+49"),
        ("-1.234,56", "-1.234,56"),
        ("a=b", "a=b"),
        ("007", "007"),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str, tables: CsvFolder, sqlite: Ledger) -> None:
    """Text that a spreadsheet would run gets an apostrophe; numbers and other text stay as they are."""
    tables.append(fill(sqlite, {"a.pdf": {"note": text, "unknown": text, "line_items": [{"text": text}]}}))
    assert rows(tables)[0]["note"] == cell
    assert rows(tables)[0]["unknown"] == cell
    assert rows(tables, "invoice_line_items")[0]["text"] == cell


def test_negative_numbers_are_no_formulas(tables: CsvFolder, sqlite: Ledger) -> None:
    """A column of numbers is left alone."""
    tables.append(fill(sqlite, {"a.pdf": {"total": -2.75}}))
    assert rows(tables)[0]["total"] == "-2.75"


@pytest.mark.parametrize("code", ["../x", "", "a/b", "con", "Invoice", "_trayflow", "=1"])
def test_no_type_leaves_the_folder_or_takes_another_ones_place(code: str, tables: CsvFolder, sqlite: Ledger) -> None:
    """A table's file is made of a harmless name; the type's code stands in its rows as it is."""
    tables.append(fill(sqlite, {"a.pdf": {"number": "1"}}))
    tables.append(fill(sqlite, {"b.pdf": {"number": "2"}}, code=code))
    names = set(files(tables)) - {"invoice.csv", "invoice_line_items.csv"}
    assert len({name.lower() for name in files(tables)}) == len(files(tables)) == 3
    row = rows(tables, names.pop().removesuffix(".csv"))[0]
    assert (row["number"], row["document_type"].removeprefix("'")) == ("2", code)
    assert sorted(path.name for path in tables.folder.parent.iterdir() if path.suffix == ".csv") == []


def test_threads_take_turns(tables: CsvFolder, sqlite: Ledger) -> None:
    """Appends at the same time from several threads all arrive, whole."""
    extractions = fill(sqlite, invoices(16))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: tables.append([item]), extractions))
    assert sorted(row["document_id"] for row in rows(tables)) == sorted(item.document.id for item in extractions)


def test_a_busy_folder_is_not_waited_for_without_end(
    tables: CsvFolder, sqlite: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who holds the lock for long makes this run stop with a reason."""
    monkeypatch.setattr(csv_folder, "PATIENCE", 0.05)
    with FileLock(tables.folder / "_trayflow.lock"), pytest.raises(DestinationError, match="Another process"):
        tables.append(fill(sqlite, invoices(1)))


def test_another_ledgers_folder_is_left_alone(tables: CsvFolder, sqlite: Ledger, tmp_path: Path) -> None:
    """Its tables stay until somebody says that they may go; the rebuild that the message names does it."""
    tables.append(fill(sqlite, invoices(2)))
    before = files(tables)
    other = Ledger.open(f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(DestinationError, match=r"another ledger.*trayflow tables rebuild --to"):
        open_destination(str(tables.folder), other)
    assert files(tables) == before
    theirs = destination_at(str(tables.folder), other)
    theirs.rebuild()
    theirs.append(fill(other, invoices(1, colour="red"), code="slip"))
    assert [row["colour"] for row in rows(theirs, "slip")] == ["red"]
    with pytest.raises(DestinationError, match="another ledger"):
        tables.append(fill(sqlite, invoices(1, start=5)))
    other.close()


def test_a_strangers_file_is_never_overwritten(tables: CsvFolder, sqlite: Ledger) -> None:
    """Not by an append, and not by a rebuild either; the documents are still to be written."""
    (tables.folder / "invoice.csv").write_text("my,own\n1,2\n")
    extractions = fill(sqlite, invoices(1))
    with pytest.raises(DestinationError, match="not a table of ours"):
        tables.append(extractions)
    open_destination(str(tables.folder.parent / "elsewhere"), sqlite).append(extractions)
    with pytest.raises(DestinationError, match="not a table of ours"):
        tables.rebuild()
    assert (tables.folder / "invoice.csv").read_text() == "my,own\n1,2\n"
    assert not sqlite.is_written(tables.uri, extractions[0].document.id)


def test_a_copied_folder_is_taken_over_by_a_rebuild_only(tables: CsvFolder, sqlite: Ledger) -> None:
    """Rows that the ledger did not write at this place are not appended to."""
    tables.append(fill(sqlite, invoices(2)))
    copy = tables.folder.parent / "copy"
    shutil.copytree(tables.folder, copy)
    copied = open_destination(str(copy), sqlite)
    extractions = fill(sqlite, invoices(1, start=5))
    with pytest.raises(DestinationError, match=r"did not write there.*rebuild --to"):
        copied.append(extractions)
    copied.rebuild()
    copied.append(extractions)
    assert len(rows(copied)) == 3


def test_a_changed_table_is_not_appended_to(tables: CsvFolder, sqlite: Ledger) -> None:
    """What another program saved stays until a rebuild is asked for, which brings the rows back."""
    tables.append(fill(sqlite, invoices(2)))
    before = files(tables)
    with (tables.folder / "invoice.csv").open("a") as file:
        file.write("added by hand\n")
    with pytest.raises(DestinationError, match=r"invoice\.csv.*changed by another program.*rebuild --to"):
        tables.append(fill(sqlite, invoices(1, start=5)))
    tables.rebuild()
    assert files(tables) == before


@pytest.mark.parametrize("lost", ["a table", "the folder"])
def test_lost_tables_come_back(lost: str, tables: CsvFolder, sqlite: Ledger) -> None:
    """From the ledger's results, byte for byte, and without the documents of another destination."""
    tables.append(fill(sqlite, invoices(3, colour="red")))
    open_destination(str(tables.folder.parent / "elsewhere"), sqlite).append(fill(sqlite, invoices(2, start=5)))
    before = files(tables)
    if lost == "a table":
        (tables.folder / "invoice_line_items.csv").unlink()
    else:
        shutil.rmtree(tables.folder)
    tables.open()
    assert files(tables) == before


def test_a_rebuild_holds_every_written_document(tables: CsvFolder, sqlite: Ledger) -> None:
    """Wherever it was written first, in that order, and once; later appends go on from there."""
    first, second = fill(sqlite, invoices(2)), fill(sqlite, invoices(2, start=5))
    open_destination(str(tables.folder.parent / "elsewhere"), sqlite).append(second)
    tables.append(first)
    fill(sqlite, invoices(1, start=9))  # extracted, but never written: it has no outcome yet
    assert tables.rebuild()["invoice"] == 4
    assert [row["document_id"] for row in rows(tables)] == [item.document.id for item in (*second, *first)]
    assert tables.append(second) == {}


def test_a_rebuild_goes_in_batches(tables: CsvFolder, sqlite: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns and tables that appear late in a long rebuild are there for all its rows."""
    monkeypatch.setattr(csv_folder, "BATCH", 2)
    for n in range(5):
        tables.append(fill(sqlite, invoices(1, start=n, **{f"late_{n}": f"=x{n}"})))
    tables.append(fill(sqlite, {"z.pdf": {}}, code="slip"))
    before = files(tables)
    assert tables.rebuild() == {"invoice": 5, "invoice_line_items": 4, "slip": 1}
    assert files(tables) == before


def test_tables_that_are_not_made_any_more_go(
    tables: CsvFolder, sqlite: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of the last build that this one does not have would go stale."""
    tables.append(fill(sqlite, {"a.pdf": {"parts": [{"n": 1}]}}))
    sqlite.keep_schemas([sqlite.schemas()["invoice"].model_copy(update={"json_schema": {"properties": {"parts": {}}}})])
    assert tables.rebuild() == {"invoice": 1}
    assert set(files(tables)) == {"invoice.csv"}
    assert json.loads(rows(tables)[0]["parts"]) == [{"n": 1}]


def test_a_full_disk_leaves_whole_rows(tables: CsvFolder, sqlite: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was half written is taken back at once, and written once there is room."""
    tables.append(fill(sqlite, invoices(2)))
    before, extractions = files(tables), fill(sqlite, invoices(2, start=5))
    fsync, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(csv_files.os, "fsync", full)
    with pytest.raises(DestinationError, match="No space left on device"):
        tables.append(extractions)
    assert files(tables) == before
    assert tables.append(extractions)["invoice"] == 2
    assert len(rows(tables)) == 4


def test_unfinished_drafts_are_swept_away(tables: CsvFolder) -> None:
    """A killed process leaves nothing behind for good."""
    (tables.folder / "_trayflow-invoice.tmp").write_text("half")
    tables.open()
    assert sorted(path.name for path in tables.folder.iterdir()) == ["_trayflow.json", "_trayflow.lock"]


def test_a_damaged_marker_is_nobodys(tables: CsvFolder) -> None:
    """Whose tables these are cannot be told: nothing is touched."""
    (tables.folder / "_trayflow.json").write_text("{")
    with pytest.raises(DestinationError, match="another ledger"):
        tables.open()


def test_a_file_is_no_folder(sqlite: Ledger, tmp_path: Path) -> None:
    """Where nothing can be written the run stops, and says why."""
    (tmp_path / "tables").write_text("")
    with pytest.raises(DestinationError, match="cannot be written"):
        open_destination(str(tmp_path / "tables" / "below"), sqlite)


def test_addresses(sqlite: Ledger, tmp_path: Path) -> None:
    """A path and its `file://` URI are the same place; other addresses are no destination."""
    folder = tmp_path / "my tables"
    assert destination_at(str(folder), sqlite).uri == destination_at(folder.as_uri(), sqlite).uri == folder.as_uri()
    for address in ("s3://bucket/x", ""):
        with pytest.raises(SettingsError, match="folder"):
            destination_at(address, sqlite)
    assert not folder.exists()
