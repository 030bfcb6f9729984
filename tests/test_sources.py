"""A folder as a source of documents."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from trayflow.errors import DocumentError, ReplacedError, SettingsError
from trayflow.models import Document, Found, Skipped
from trayflow.reasons import Reason
from trayflow.settings import SourceSettings
from trayflow.sources import Folder, open_source
from trayflow.sources import folder as folder_module
from trayflow.sources.folder import UNFINISHED
from trayflow.sources.patterns import Patterns


def at(key: str, version: str = "") -> Document:
    return Document(id="1", source="file:///inbox", key=key, version=version, size=1)


def listed(folder: Folder) -> dict[str, Found]:
    return {found.key: found for page in folder.pages() for found in page.found}


def test_files_are_found_below_the_root(tmp_path: Path) -> None:
    """Recursively, with keys relative to the root and their sizes."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.pdf").write_bytes(b"123")
    (tmp_path / "d.pdf").write_bytes(b"")
    found = listed(Folder(tmp_path))
    assert {key: item.size for key, item in found.items()} == {"a/b/c.pdf": 3, "d.pdf": 0}


def test_hidden_and_temporary_names_are_passed_over(tmp_path: Path) -> None:
    """What programs write on their way to a file is no document."""
    for name in (".hidden.pdf", "~$open.pdf", "half.pdf.part", "half.crdownload", "x.tmp", "old.pdf~", "good.pdf"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.pdf").write_bytes(b"1")
    assert list(listed(Folder(tmp_path))) == ["good.pdf"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    """Neither a linked file nor a linked folder leads out of the root."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "secret.pdf").write_bytes(b"1")
    (root / "file.pdf").symlink_to(outside / "secret.pdf")
    (root / "folder").symlink_to(outside)
    assert listed(Folder(root)) == {}


@pytest.mark.parametrize("name", [b"with space.pdf", b"new\nline.pdf", b"\xff\xfe.pdf", "rück%41.pdf".encode()])
def test_odd_names_come_back_as_the_same_file(tmp_path: Path, name: bytes) -> None:
    """Whatever bytes a name holds, its key is printable and opens that file."""
    Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"content")
    source = Folder(tmp_path)
    ((key, found),) = listed(source).items()
    assert key.isprintable()
    key.encode()
    with source.open(at(key, found.version)) as stream:
        assert stream.read() == b"content"


def test_a_changed_file_has_another_version(tmp_path: Path) -> None:
    """Another size or another time of change makes another version."""
    file = tmp_path / "a.pdf"
    file.write_bytes(b"1")
    before = listed(Folder(tmp_path))["a.pdf"].version
    os.utime(file, ns=(1, 1))
    assert listed(Folder(tmp_path))["a.pdf"].version != before


def test_a_key_cannot_leave_the_root(tmp_path: Path) -> None:
    """Keys are data: a hostile one opens nothing."""
    (tmp_path / "root").mkdir()
    (tmp_path / "secret.pdf").write_bytes(b"1")
    for key in ("../secret.pdf", "%2e%2e/secret.pdf", str(tmp_path / "secret.pdf")):
        with pytest.raises(DocumentError) as error, Folder(tmp_path / "root").open(at(key)):
            pass
        assert error.value.reason is Reason.VANISHED


def test_a_vanished_file_is_said(tmp_path: Path) -> None:
    """What was listed may be gone by the time it is fetched."""
    with pytest.raises(DocumentError) as error, Folder(tmp_path).open(at("gone.pdf")):
        pass
    assert error.value.reason is Reason.VANISHED


def test_listing_comes_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large folder is never held whole."""
    monkeypatch.setattr(folder_module, "PAGE", 4)
    for number in range(10):
        (tmp_path / f"{number}.pdf").write_bytes(b"1")
    assert [len(page.found) for page in Folder(tmp_path).pages()] == [4, 4, 2]


@pytest.mark.parametrize("address", ["nowhere", "gs://bucket/prefix", "file:///nowhere"])
def test_what_is_no_folder_is_a_setting_to_put_right(address: str) -> None:
    """A wrong source stops the run before it begins."""
    with pytest.raises(SettingsError):
        open_source(address, SourceSettings())


def test_patterns_say_which_keys_are_meant(tmp_path: Path) -> None:
    """Globs go over the whole key, * crosses folders, and what is excluded is out whatever else says so."""
    for name in ("a.pdf", "old/b.pdf", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    folder = Folder(tmp_path, Patterns(include=["*.pdf"], exclude=["old/*"]))
    assert list(listed(folder)) == ["a.pdf"]
    assert [found.key for found in folder.find(["a.pdf", "old/b.pdf", "c.txt"]).found] == ["a.pdf"]


def test_a_file_that_stands_still_is_found_at_once(tmp_path: Path) -> None:
    """One whose last byte is older than the time it has to stand still is not waited for."""
    file = tmp_path / "a.pdf"
    file.write_bytes(b"1")
    os.utime(file, (1, 1))
    before = time.monotonic()
    assert list(listed(Folder(tmp_path, settle=3600))) == ["a.pdf"]
    assert time.monotonic() - before < 60


def test_a_file_just_written_is_waited_for(tmp_path: Path) -> None:
    """It is found in the same listing, once it has stood still."""
    (tmp_path / "a.pdf").write_bytes(b"1")
    assert list(listed(Folder(tmp_path, settle=0.2))) == ["a.pdf"]


def test_a_file_being_written_is_left_alone(tmp_path: Path) -> None:
    """What changed while it should have stood still is skipped, with the reason."""
    file, ended = tmp_path / "a.pdf", threading.Event()
    file.write_bytes(b"1")

    def write() -> None:
        with file.open("ab", buffering=0) as growing:
            while not ended.wait(0.01):
                growing.write(b"1")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        pages = list(Folder(tmp_path, settle=0.3).pages())
    finally:
        ended.set()
        writer.join()
    assert [found for page in pages for found in page.found] == []
    assert [skipped for page in pages for skipped in page.skipped] == [Skipped("a.pdf", UNFINISHED)]


def test_a_temporary_name_counts_once_it_is_the_right_one(tmp_path: Path) -> None:
    """A file that is renamed into place appears as a whole."""
    (tmp_path / "a.pdf.part").write_bytes(b"1")
    assert listed(Folder(tmp_path)) == {}
    (tmp_path / "a.pdf.part").rename(tmp_path / "a.pdf")
    assert list(listed(Folder(tmp_path))) == ["a.pdf"]


def test_keys_are_looked_up(tmp_path: Path) -> None:
    """With the same versions as in the listing; what is not there, or is no document, is missing."""
    (tmp_path / "a.pdf").write_bytes(b"1")
    (tmp_path / ".hidden.pdf").write_bytes(b"1")
    (tmp_path / "link.pdf").symlink_to(tmp_path / "a.pdf")
    folder = Folder(tmp_path)
    keys = ["a.pdf", "a.pdf", "gone.pdf", ".hidden.pdf", "link.pdf", "../a.pdf", str(tmp_path / "a.pdf"), "", "%00"]
    assert folder.find(keys).found == tuple(listed(folder).values())


@pytest.mark.parametrize("moment", ["before", "while"])
def test_a_version_that_was_replaced_is_not_read(tmp_path: Path, moment: str) -> None:
    """Neither when it changed before it was opened, nor when it changes while it is read."""
    file = tmp_path / "a.pdf"
    file.write_bytes(b"1")
    folder = Folder(tmp_path)
    document = at("a.pdf", listed(folder)["a.pdf"].version)
    if moment == "before":
        file.write_bytes(b"22")
    with pytest.raises(ReplacedError), folder.open(document):
        file.write_bytes(b"333")


def test_half_a_file_is_no_broken_document(tmp_path: Path) -> None:
    """What was found to be broken while it was still being written is not quarantined for that."""
    file = tmp_path / "a.pdf"
    file.write_bytes(b"1")
    folder = Folder(tmp_path)
    document = at("a.pdf", listed(folder)["a.pdf"].version)

    def read() -> None:
        with folder.open(document):
            file.write_bytes(b"333")
            raise DocumentError(Reason.UNREADABLE, "broken")

    with pytest.raises(ReplacedError):
        read()


def test_a_files_address_is_nobody_elses(tmp_path: Path) -> None:
    """The service cannot download from a folder: to ask for that is a wrong setting."""
    with pytest.raises(SettingsError, match="for buckets"):
        open_source(str(tmp_path), SourceSettings(submit="url"))


def test_a_very_long_name_is_found(tmp_path: Path) -> None:
    """As long as the file system allows."""
    (tmp_path / ("x" * 251 + ".pdf")).write_bytes(b"1")
    ((key, found),) = listed(Folder(tmp_path)).items()
    with Folder(tmp_path).open(at(key, found.version)) as stream:
        assert stream.read() == b"1"
