"""The documents in samples/ and the truth about them are what `python -m scripts.samples` makes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import filetype
import numpy as np
import pypdfium2
import pytest
from PIL import Image, UnidentifiedImageError
from stdnum import iban

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
TRUTH = ROOT / "tests" / "samples_truth.json"

# Other versions of the libraries that compress a picture change it by less than a person can see.
MEAN_DIFFERENCE = 3.0


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    """By file name what a run must end with."""
    expected: dict[str, Any] = json.loads(TRUTH.read_text(encoding="utf-8"))
    return expected


def test_the_script_makes_the_same_documents_again(tmp_path: Path) -> None:
    """Same names, and each file the same bytes or, with other versions of the libraries, the same text and pictures."""
    again, truth_again = tmp_path / "samples", tmp_path / "truth.json"
    command = [sys.executable, "-m", "scripts.samples", "--to", str(again), "--truth", str(truth_again)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)

    assert names(again) == names(SAMPLES)
    assert [name for name in names(SAMPLES) if not same(SAMPLES / name, again / name)] == []
    assert truth_again.read_text(encoding="utf-8") == TRUTH.read_text(encoding="utf-8")


def test_every_document_has_a_truth(truth: dict[str, Any]) -> None:
    """No file without an expected outcome, and no expectation without its file."""
    assert sorted(truth) == names(SAMPLES)


def test_every_accepted_format_and_every_type_is_there(truth: dict[str, Any]) -> None:
    """The samples show all six formats, the four types that ship, and every outcome."""
    readable = [SAMPLES / name for name, entry in truth.items() if entry["outcome"] == "written"]
    assert {str(filetype.guess_mime(path)) for path in readable} == {
        "application/pdf",
        *(f"image/{kind}" for kind in ("jpeg", "png", "gif", "bmp", "webp")),
    }
    assert {entry["document_type"] for entry in truth.values()} == {
        *(path.stem for path in (ROOT / "engine" / "types").glob("*.json")),
        "other",
        None,
    }
    assert {entry["outcome"] for entry in truth.values()} == {"written", "review", "quarantined", "duplicate"}


def test_the_amounts_of_the_truth_add_up(truth: dict[str, Any]) -> None:
    """Lines make the total, quantity times price makes the line, bookings lead from one balance to the other."""
    sums = [(name, made, stated) for name, entry in truth.items() for made, stated in calculations(entry)]
    assert len(sums) > len(truth)
    assert [name for name, made, stated in sums if made != stated] == []


def test_the_account_numbers_of_the_truth_are_valid(truth: dict[str, Any]) -> None:
    """An IBAN that fails its check digits would teach the engine to accept such."""
    accounts = [entry["row"]["iban"] for entry in truth.values() if entry.get("row", {}).get("iban")]
    assert accounts
    assert [account for account in accounts if not iban.is_valid(account)] == []


def names(folder: Path) -> list[str]:
    """The files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def same(one: Path, other: Path) -> bool:
    """Whether two files hold the same document."""
    if one.read_bytes() == other.read_bytes():
        return True
    if one.suffix == ".pdf":
        left_pages, right_pages = pages(one), pages(other)
        return [text for text, _ in left_pages] == [text for text, _ in right_pages] and all(
            alike(left, right) for (_, left), (_, right) in zip(left_pages, right_pages, strict=True)
        )
    try:
        with Image.open(one) as left, Image.open(other) as right:
            return alike(left.convert("L"), right.convert("L"))
    except (OSError, UnidentifiedImageError):
        return False


def alike(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures in greys have the same size and differ by no more than their compression."""
    if one.size != other.size:
        return False
    difference = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    return bool(np.abs(difference).mean() <= MEAN_DIFFERENCE)


def pages(path: Path) -> list[tuple[str, Image.Image]]:
    """Text and looks of a PDF's pages; of one that does not open, why."""
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        return [(str(error), Image.new("L", (1, 1)))]
    try:
        return [
            (page.get_textpage().get_text_range(), page.render(scale=1, grayscale=True).to_pil().convert("L"))
            for page in document
        ]
    finally:
        document.close()


def calculations(entry: dict[str, Any]) -> Iterator[tuple[Decimal, Decimal]]:
    """What the numbers of a document make by calculation, and what the document states."""
    row = {key: Decimal(str(value)) for key, value in entry.get("row", {}).items() if isinstance(value, int | float)}
    children: dict[str, Any] = entry.get("children", {})
    for table, lines in children.items():
        if table == "bank_statement_transactions":
            moved = sum((Decimal(str(line["amount"])) for line in lines), Decimal())
            yield row["opening_balance"] + moved, row["closing_balance"]
            continue
        totals = [Decimal(str(line["line_total"])) for line in lines]
        stated = next(row[key] for key in ("net_total", "subtotal", "total", "grand_total") if key in row)
        yield sum(totals, Decimal()), stated
        for line, total in zip(lines, totals, strict=True):
            if line["quantity"] is not None:
                yield Decimal(str(line["quantity"])) * Decimal(str(line["unit_price"])), total
    if "net_total" in row and "tax_total" in row:
        yield row["net_total"] + row["tax_total"], row["grand_total"]
    if "cash" in row:
        yield row["cash"] - row["change"], row["total"]
