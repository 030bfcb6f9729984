"""Ruled tables of PDF pages: what stands in the cells between drawn lines."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pdfplumber

from engine.documents import Page

Table = tuple[tuple[str, ...], ...]

# It costs some 50 ms a page: only pages with amounts to line up are looked at, and of those the first few.
_MOST_PAGES = 10
_FEWEST_AMOUNTS = 3
# Fewer rows or columns are a frame around an address or a heading, not a table.
_FEWEST_ROWS, _FEWEST_COLUMNS = 2, 3

_AMOUNT = re.compile(r"\d[.,]\d{2}(?!\d)")

# The parser behind pdfplumber reports every oddity of a file.
logging.getLogger("pdfminer").setLevel(logging.CRITICAL)


def add_tables(path: Path, pages: Sequence[Page], ruled: Sequence[int]) -> tuple[Page, ...]:
    """The pages of the PDF at `path` with their tables, for the page numbers (from 0) in `ruled`, which have lines."""
    wanted = [number for number in ruled if _worth_it(pages[number])][:_MOST_PAGES]
    if not wanted:
        return tuple(pages)
    found: dict[int, tuple[Table, ...]] = {}
    try:
        with pdfplumber.open(path, pages=[number + 1 for number in wanted]) as document:
            for number, page in zip(wanted, document.pages, strict=False):
                found[number] = tuple(_table(rows) for rows in page.extract_tables() if _is_table(rows))
    except Exception:  # noqa: S110 - a second parser may stumble over what the first one read; tables are an extra
        pass
    return tuple(replace(page, tables=found.get(number, ())) for number, page in enumerate(pages))


def _worth_it(page: Page) -> bool:
    return page.source == "text" and sum(bool(_AMOUNT.search(w.text)) for w in page.words) >= _FEWEST_AMOUNTS


def _is_table(rows: Sequence[Sequence[str | None]]) -> bool:
    return len(rows) >= _FEWEST_ROWS and max(len(row) for row in rows) >= _FEWEST_COLUMNS


def _table(rows: Sequence[Sequence[str | None]]) -> Table:
    return tuple(tuple(" ".join((cell or "").split()) for cell in row) for row in rows)
