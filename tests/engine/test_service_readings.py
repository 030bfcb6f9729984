"""Readings that are kept so that a document is read once, and what happens to a document in a worker."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from engine import processing, readings
from engine.catalog import load_catalog
from engine.documents import Page, Reading, UnreadableDocumentError, Word
from engine.readings import keep_reading, load_reading, prune_readings
from engine.work import WORK, Work, WorkRefusedError
from tests import papers

SHA = "ab" * 32
READING = Reading(
    (Page(595.0, 842.0, (Word("Größe", 1.0, 2.0, 3.5, 4.0, 0.75),), ((("a", ""), ("b", "c")),), "ocr"), Page(1, 1, ()))
)


def silent(*_: object) -> None:
    """Nobody is told of progress."""


@pytest.fixture
def invoice(tmp_path: Path) -> Work:
    path = tmp_path / "document"
    path.write_bytes(papers.pdf())
    types = load_catalog().types
    return Work(path, "application/pdf", SHA, candidates=(types["invoice"], types["receipt"]), extract=True)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    folder = tmp_path / "readings"
    folder.mkdir()
    return folder


def test_a_kept_reading_comes_back(kept: Path) -> None:
    """A reading is found again by the hash of its bytes, and equal to what was read."""
    assert load_reading(kept, SHA) is None
    keep_reading(kept, SHA, READING)
    assert load_reading(kept, SHA) == READING


def test_a_broken_file_is_no_reading(kept: Path) -> None:
    """A file that says something else is not used."""
    keep_reading(kept, SHA, READING)
    [file] = kept.iterdir()
    file.write_bytes(file.read_bytes()[:-10])
    assert load_reading(kept, SHA) is None


def test_a_changed_reader_reads_anew(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another version of the reader left is not used."""
    keep_reading(kept, SHA, READING)
    monkeypatch.setattr(readings, "_reader", lambda: "another")
    assert load_reading(kept, SHA) is None


def test_a_reading_that_cannot_be_kept(kept: Path) -> None:
    """A reading with text that is no Unicode is not kept, and nothing half-written either."""
    odd = dataclasses.replace(READING.pages[0], words=(Word("\ud800", 0, 0, 1, 1),))
    keep_reading(kept, SHA, Reading((odd,)))
    assert list(kept.iterdir()) == []


def test_the_space_is_bounded(kept: Path) -> None:
    """What was used longest ago goes first, and reading counts as use."""
    for age, name in enumerate(["new", "middle", "old"]):
        keep_reading(kept, name, READING)
        [file] = kept.glob(f"{name}.*")
        os.utime(file, (1_000_000 - age, 1_000_000 - age))
    size = file.stat().st_size
    assert load_reading(kept, "old") is not None
    prune_readings(kept, 2 * size)
    assert {file.name.partition(".")[0] for file in kept.iterdir()} == {"old", "new"}


def test_work_travels_as_text(invoice: Work) -> None:
    """What a worker is told is what the service meant, types included."""
    assert WORK.validate_json(WORK.dump_json(invoice)) == invoice


def test_all_stages_of_a_step(invoice: Work, kept: Path) -> None:
    """Read, identify, extract, validate: each is announced, and each leaves its result."""
    stages: list[tuple[int, int, str]] = []
    result = processing.process(invoice, kept, lambda *stage: stages.append(stage))
    assert stages == [(1, 4, "read"), (2, 4, "identify"), (3, 4, "extract"), (4, 4, "validate")]
    assert result["identification"]["document_type"]["code"] == "invoice"
    assert result["data"]["grand_total"] == 120
    assert set(result["validation"]) == {"errors", "warnings"}


def test_a_document_is_read_once(invoice: Work, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second job on the same bytes finds the reading of the first."""
    first = processing.process(invoice, kept, silent)
    monkeypatch.setattr(processing, "read", lambda *_: pytest.fail("read again"))
    assert processing.process(invoice, kept, silent) == first


def test_a_document_of_none_of_the_types(invoice: Work, kept: Path, tmp_path: Path) -> None:
    """Where identification finds no type, a step has nothing to extract by."""
    letter = [f"This is a friendly letter about the weather on day {day} of our holiday." for day in range(20)]
    (tmp_path / "document").write_bytes(papers.pdf(letter))
    with pytest.raises(WorkRefusedError) as caught:
        processing.process(invoice, kept, silent)
    assert (caught.value.error["step"], caught.value.error["code"]) == ("identify", "DOCUMENT_TYPE_UNKNOWN")


def test_a_document_that_cannot_be_read(invoice: Work, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader's verdict is the job's error."""

    def refuse(*_: object) -> Reading:
        raise UnreadableDocumentError("ENCRYPTED", "The document is protected by a password.")

    monkeypatch.setattr(processing, "read", refuse)
    with pytest.raises(WorkRefusedError) as caught:
        processing.process(invoice, kept, silent)
    message = "The document is protected by a password."
    assert caught.value.error == {"step": "read", "code": "ENCRYPTED", "message": message}
