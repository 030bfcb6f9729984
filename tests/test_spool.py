"""What is looked at before anything is paid for."""

from __future__ import annotations

import asyncio
import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from trayflow.errors import DocumentError
from trayflow.reasons import Reason
from trayflow.spool import Spool, sweep


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", max_bytes=200_000, total=300_000)


def pdf(password: str | None = None) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt=StandardEncryption(password) if password else None)
    canvas.drawString(100, 700, "Invoice")
    canvas.save()
    return buffer.getvalue()


def image(kind: str, size: int = 20) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((size, size), 50).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def refused(spool: Spool, content: bytes) -> Reason:
    with pytest.raises(DocumentError) as error:
        spool.take("id", io.BytesIO(content))
    return error.value.reason


def test_a_document_is_copied_and_hashed(spool: Spool) -> None:
    """The spool file holds the same bytes, and the hash is theirs."""
    content = pdf()
    spooled = spool.take("id", io.BytesIO(content))
    assert spooled.path.read_bytes() == content
    assert (spooled.size, spooled.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    asyncio.run(spool.drop("id"))
    assert not spooled.path.exists()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_images_are_known_by_their_content(spool: Spool, kind: str) -> None:
    """The name plays no part."""
    assert spool.take("id", io.BytesIO(image(kind))).content_type == f"image/{kind.lower()}"


def test_a_pdf_may_begin_late(spool: Spool) -> None:
    """Some writers put other bytes before the header, and readers take it."""
    assert spool.take("id", io.BytesIO(b"\n\n" + pdf())).content_type == "application/pdf"


def test_an_empty_file_is_refused(spool: Spool) -> None:
    """Nothing to read, nothing to pay for."""
    assert refused(spool, b"") is Reason.EMPTY_FILE


def test_text_in_a_pdfs_clothes_is_refused(spool: Spool) -> None:
    """Content decides: text is no document that the service takes."""
    assert refused(spool, b"just some text") is Reason.UNSUPPORTED_TYPE


def test_other_known_types_are_refused(spool: Spool) -> None:
    """An archive is known, and known not to be taken."""
    assert refused(spool, b"PK\x03\x04" + b"\0" * 100) is Reason.UNSUPPORTED_TYPE


def test_a_locked_pdf_is_refused(spool: Spool) -> None:
    """A password that nobody can give the service is a reason of its own."""
    assert refused(spool, pdf(password="open sesame")) is Reason.ENCRYPTED


@pytest.mark.parametrize("content", [b"%PDF-1.7 and then nothing", image("PNG")[:60], image("JPEG", 200)[:3000]])
def test_a_broken_file_is_refused(spool: Spool, content: bytes) -> None:
    """The right beginning is not enough: it must open."""
    assert refused(spool, content) is Reason.UNREADABLE


def test_a_file_over_the_limit_is_refused_while_it_comes(spool: Spool, tmp_path: Path) -> None:
    """The copy stops at the limit, and nothing of it stays."""
    assert refused(spool, b"%PDF-" + b"x" * 300_000) is Reason.TOO_LARGE
    assert list((tmp_path / "spool").iterdir()) == []


def test_documents_wait_for_room(spool: Spool) -> None:
    """The spool holds no more bytes than it may: the next document waits until one is dropped."""

    async def three() -> list[str]:
        ended: list[str] = []

        async def take(name: str, size: int) -> None:
            await spool.make_room(name, size)
            ended.append(name)

        await take("first", 200_000)
        waiting = asyncio.create_task(take("second", 200_000))
        await take("small", 100_000)
        assert ended == ["first", "small"]
        await spool.drop("first")
        await waiting
        return ended

    assert asyncio.run(three()) == ["first", "small", "second"]


def test_a_document_larger_than_the_spool_is_taken_alone(tmp_path: Path) -> None:
    """A spool that is too small for a document makes it wait for the others, and not for ever."""
    asyncio.run(Spool(tmp_path, max_bytes=1000, total=10).make_room("a", 1000))


def test_a_size_over_the_limit_is_refused_before_it_is_fetched(spool: Spool) -> None:
    """The source's word is enough: nothing of it is downloaded."""
    with pytest.raises(DocumentError) as error:
        asyncio.run(spool.make_room("id", 200_001))
    assert error.value.reason is Reason.TOO_LARGE


def test_what_dead_runs_left_is_swept(tmp_path: Path) -> None:
    """A living run's files stay."""
    for run in ("living", "dead"):
        Spool(tmp_path / run, 1000, 1000)
        (tmp_path / run / "document").write_bytes(b"1")
    sweep(tmp_path, {"living"})
    assert [file.name for file in tmp_path.iterdir()] == ["living"]
