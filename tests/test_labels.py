"""How things from outside are called where people read them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from trayflow.labels import SHORT, artifact_key, code, duration, plain, short, without_password

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

#: Signs that mean something somewhere, and letters between them.
hostile = st.text(st.sampled_from(list("ab1 .|`\\*_~[]()<>!#&;:/@+-=\n\r\tw%é")), max_size=40) | st.text(max_size=40)

HOSTILE = [
    "a|b `x` [click](javascript:alert(1)) <img src=x onerror=alert(1)>.pdf",
    "\\| \\\\| [x]: http://y",
    "1. Rechnung_2026_03_.pdf",
    "- [ ] todo",
    "&lt;b&gt; &#124; ~~no~~ **b** __c__",
    "line\nbreak | --- |\n| --- |",
    "www.evil.example https://x.y a@b.cd",
]


def with_examples(test):  # type: ignore[no-untyped-def]
    for text in HOSTILE:
        test = example(text)(test)
    return test


def texts(tokens: list[Token]) -> list[str]:
    """The texts of inline tokens; anything but text is told by its type."""
    parts = []
    for token in tokens:
        children = token.children or []
        kinds = {child.type for child in children} - {"text", "text_special"}
        parts.append(f"{kinds}" if kinds else "".join(child.content for child in children))
    return parts


def as_read(text: str) -> str:
    """The text without what no line can hold."""
    return "".join(character if character.isprintable() else " " for character in text).strip(" ")


@with_examples
@given(hostile)
def test_a_key_stays_in_its_cell_and_reads_as_it_is(key: str) -> None:
    """Whatever is in it: no second cell, no line of its own, no link, no markup."""
    page = f"| one | two |\n| --- | --- |\n| {plain(key)} | last |\n| next | row |\n"
    tokens = MARKDOWN.parse(page)
    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    cells = texts([token for token in tokens if token.type == "inline"])
    assert cells == ["one", "two", as_read(key), "last", "next", "row"]


@with_examples
@given(hostile)
def test_a_key_alone_is_a_line_of_text(key: str) -> None:
    """Prefect's UI takes each cell of a table artifact for markdown of its own."""
    tokens = MARKDOWN.parse(plain(key))
    assert [token.type for token in tokens] in (["paragraph_open", "inline", "paragraph_close"], [])
    assert texts([token for token in tokens if token.type == "inline"]) == [as_read(key)] * bool(tokens)


@with_examples
@given(hostile.filter(lambda text: text.strip()))
def test_a_command_can_be_copied_as_it_is(command: str) -> None:
    """Shown as code, whatever is in it, backticks too."""
    tokens = MARKDOWN.parse(code(f"trayflow {command}."))
    inline = [child for token in tokens for child in token.children or []]
    assert [child.type for child in inline] == ["code_inline"]
    wanted = "".join(character if character.isprintable() else " " for character in f"trayflow {command}.")
    assert inline[0].content == wanted


@pytest.mark.parametrize("text", ["invoice_line_items", "scans/a-b (2).pdf", "it's; 50%, a=b", "10:15"])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    """The UI's search looks through what is written, not through what is shown."""
    assert plain(text) == text


def test_addresses_are_no_links() -> None:
    """Those that GitHub's markdown makes of bare addresses."""
    assert plain("www.x.y http://x.y a@b.cd") == r"www\.x.y http\://x.y a\@b.cd"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://bucket/2026/invoices/", "bucket/2026/invoices"),
        ("s3://bucket", "bucket"),
        ("/home/me/scans/inbox", "scans/inbox"),
        ("file:///home/me/scans/in%20box", "scans/in box"),
        ("/", "/"),
        ("https://me:secret@host/path", "host/path"),
        ("/a/b\nc", "a/b_c"),
    ],
)
def test_a_source_in_a_few_words(address: str, name: str) -> None:
    """Bucket and prefix, or the last two parts of a path; no passwords, nothing that cannot be printed."""
    assert short(address) == name


@example("~nobody-is-called-so")
@example("file://[")
@given(st.text(min_size=1, max_size=300))
def test_names_and_keys_are_short_and_safe(address: str) -> None:
    """Prefect takes nothing but lower-case letters, digits and dashes as an artifact's key."""
    assert len(short(f"s3://{address}")) <= SHORT
    assert len(short(address)) <= SHORT
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", artifact_key("report", address))


def test_a_source_has_one_key() -> None:
    """The same for ever, and another one for each source, however alike they look."""
    assert artifact_key("report", "s3://b/x") == artifact_key("report", "s3://b/x") == "report-b-x-28b1755c"
    assert artifact_key("report", "s3://b/x") != artifact_key("report", "s3://b/X")


def test_an_address_loses_its_password() -> None:
    """A page that many read shows where rows went, and not how to get there."""
    assert without_password("postgresql://me:p@ss@db/rows") == "postgresql://db/rows"
    assert without_password("file:///home/a@b/tables") == "file:///home/a@b/tables"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_are_read_at_a_glance(seconds: float, words: str) -> None:
    """Two figures are enough."""
    assert duration(seconds) == words
