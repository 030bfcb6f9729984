"""A folder as a source of documents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trayflow.errors import DocumentError, SettingsError
from trayflow.models import Document, Found
from trayflow.reasons import Reason
from trayflow.settings import SourceSettings
from trayflow.sources import Folder, open_source
from trayflow.sources import folder as folder_module


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
