"""Reading of image files: six formats, however they lie, and images that cannot or should not be read."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from engine.documents import Page, UnreadableDocumentError
from engine.reading import images, read
from engine.reading.layout import lines_of

LINES = ("Corner shop receipt", "Apples 3.20", "Bread 2.80", "Total due 6.00")


def printed(lines: tuple[str, ...] = LINES, size: tuple[int, int] = (640, 360), colour: str = "white") -> Image.Image:
    """A small page of print."""
    image = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(image)
    for index, line in enumerate(lines):
        draw.text((50, 40 + 70 * index), line, fill="black", font=ImageFont.load_default(32))
    return image


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def read_png(image: Image.Image, folder: Path) -> Page:
    (page,) = read(saved(image, folder / "a.png"), "image/png").pages
    return page


def lines(page: Page) -> list[str]:
    return [" ".join(word.text for word in line) for line in lines_of(page.words)]


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "bmp", "webp"])
def test_every_image_format_is_read(tmp_path: Path, kind: str) -> None:
    """Each of the five image types of the API is decoded and recognised."""
    (page,) = read(saved(printed(), tmp_path / f"a.{kind}"), f"image/{kind}").pages
    assert lines(page) == list(LINES)
    assert page.source == "ocr"


def test_words_have_boxes_on_a_page_of_842_points(tmp_path: Path) -> None:
    """The longer side counts as 842 points; every word has its own box and a confidence."""
    page = read_png(printed(), tmp_path)
    assert (page.width, page.height) == pytest.approx((842.0, 842 * 360 / 640))
    scale = 842 / 640
    (price,) = (word for word in page.words if word.text == "3.20")
    font = ImageFont.load_default(32)
    assert price.x0 == pytest.approx((50 + font.getlength("Apples ")) * scale, abs=12)
    assert price.x1 == pytest.approx((50 + font.getlength("Apples 3.20")) * scale, abs=12)
    assert price.y0 < (110 + 20) * scale < price.y1
    assert 0.8 < price.confidence <= 1.0


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_is_read_upright(tmp_path: Path, degrees: int) -> None:
    """A page that lay on its side or head on the scanner reads as if it had lain right."""
    page = read_png(printed().rotate(degrees, expand=True), tmp_path)
    assert lines(page) == list(LINES)
    assert page.width > page.height


def test_a_skewed_page_keeps_its_lines(tmp_path: Path) -> None:
    """Words at both ends of a line that slopes by more than its height still stand on one line."""
    wide = Image.new("RGB", (1000, 420), "white")
    draw = ImageDraw.Draw(wide)
    for index, (left, right) in enumerate([("Opening", "10.00"), ("Interest", "20.00"), ("Closing", "30.00")]):
        draw.text((60, 100 + 60 * index), left, fill="black", font=ImageFont.load_default(30))
        draw.text((820, 100 + 60 * index), right, fill="black", font=ImageFont.load_default(30))
    page = read_png(wide.rotate(5, fillcolor="white", resample=Image.Resampling.BICUBIC), tmp_path)
    assert lines(page) == ["Opening 10.00", "Interest 20.00", "Closing 30.00"]


def test_the_orientation_that_a_camera_notes_is_obeyed(tmp_path: Path) -> None:
    """An image stored on its side, with the turn in its EXIF data, is shown and read upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to show
    path = saved(printed().rotate(90, expand=True), tmp_path / "a.jpg", exif=exif)
    (page,) = read(path, "image/jpeg").pages
    assert lines(page) == list(LINES)
    assert page.width > page.height


def test_transparency_is_shown_on_white(tmp_path: Path) -> None:
    """Black print on a transparent ground is read, not lost on black."""
    clear = printed(LINES[:1], (640, 120)).convert("L")
    image = Image.new("RGBA", clear.size, (0, 0, 0, 0))
    image.putalpha(clear.point(lambda value: 255 - value))
    assert lines(read_png(image, tmp_path)) == [LINES[0]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "I;16"])
def test_every_kind_of_pixel_is_read(tmp_path: Path, mode: str) -> None:
    """Bilevel, grey, palette, transparent, print colours and 16 bits a channel are all decoded to the same print."""
    image = printed(LINES[:1], (640, 120))
    if mode == "I;16":
        grey = image.convert("L")
        deep = Image.new("I;16", grey.size)
        deep.putdata([value * 257 for value in grey.tobytes()])
        image = deep
    else:
        image = image.convert(mode)
    if mode == "CMYK":
        (page,) = read(saved(image, tmp_path / "a.jpg"), "image/jpeg").pages
    else:
        page = read_png(image, tmp_path)
    assert lines(page) == [LINES[0]]


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_frames_are_pages(tmp_path: Path, kind: str) -> None:
    """Pages saved as the frames of one file come in order, the repeated one once."""
    one, two = (printed((text,), (480, 120)) for text in ("Page one", "Page two"))
    path = saved(one, tmp_path / f"a.{kind}", save_all=True, append_images=[one, two], duration=500)
    pages = read(path, f"image/{kind}").pages
    assert [lines(page) for page in pages] == [["Page one"], ["Page two"]]


def test_only_the_first_frames_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An animation is cut off at the limit."""
    monkeypatch.setattr(images, "MAX_FRAMES", 2)
    first, *others = (printed((f"Page {number}",), (480, 120)) for number in range(4))
    path = saved(first, tmp_path / "a.gif", save_all=True, append_images=others, duration=500)
    assert len(read(path, "image/gif").pages) == 2


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (300, 200)])
def test_an_image_without_print_is_a_page_without_words(tmp_path: Path, size: tuple[int, int]) -> None:
    """Nothing to read is no error, however small the image."""
    assert read_png(Image.new("RGB", size, "white"), tmp_path).words == ()


def test_a_long_till_roll_keeps_its_small_print(tmp_path: Path) -> None:
    """The resolution across does not suffer from the length of a narrow image."""
    roll = Image.new("RGB", (400, 2800), "white")
    draw = ImageDraw.Draw(roll)
    for index in range(20):
        draw.text(
            (20, 40 + 135 * index),
            f"Article {index + 10} 4.{index + 10}",
            fill="black",
            font=ImageFont.load_default(19),
        )
    assert lines(read_png(roll, tmp_path)) == [f"Article {index + 10} 4.{index + 10}" for index in range(20)]


def unreadable(path: Path, content_type: str) -> str:
    with pytest.raises(UnreadableDocumentError) as caught:
        read(path, content_type)
    return caught.value.code


def test_a_cut_off_image_is_unreadable(tmp_path: Path) -> None:
    """Half a file is refused rather than read half grey."""
    path = saved(printed(), tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:4000])
    assert unreadable(path, "image/jpeg") == "UNREADABLE"


def test_an_image_of_another_type_than_said_is_unreadable(tmp_path: Path) -> None:
    """Only the decoder of the stated type is tried."""
    assert unreadable(saved(printed(), tmp_path / "a.tiff"), "image/png") == "UNREADABLE"


@pytest.mark.parametrize("side", [10_500, 40_000])
def test_a_decompression_bomb_is_refused(tmp_path: Path, side: int) -> None:
    """A small file that decodes to a huge picture is refused before it is decoded."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = zlib.compress(b"\0" * (side // 8 + 1) * 100)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    assert unreadable(path, "image/png") == "UNREADABLE"


def test_reading_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the recogniser nor the decoder prints or logs, whatever the image."""
    with caplog.at_level(logging.DEBUG):
        read_png(printed(LINES[:1], (640, 120)), tmp_path)
        read_png(Image.new("RGB", (200, 200), "white"), tmp_path)
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name == "RapidOCR"]
