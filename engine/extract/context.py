"""What every search in a document shares: its layout, its labels, and how it writes dates and numbers."""

from __future__ import annotations

from dataclasses import dataclass

from engine.documents import Reading
from engine.extract.dates import is_day_first
from engine.extract.labels import Label, find_labels
from engine.extract.layout import Layout, lay_out
from engine.extract.lexicon import Index
from engine.extract.money import DecimalMark, decimal_mark
from engine.extract.places import Places


@dataclass(frozen=True, slots=True)
class Context:
    """One document, made ready for searching."""

    layout: Layout
    labels: tuple[Label, ...]
    places: Places
    day_first: bool
    mark: DecimalMark | None

    def by_ocr(self, line: int) -> bool:
        """Whether a line was read by OCR, and may have its slips."""
        return self.layout.pages[self.layout.lines[line].page].source == "ocr"

    def labels_on(self, line: int) -> list[Label]:
        return [label for label in self.labels if label.line == line]


def context_of(reading: Reading, index: Index) -> Context:
    """Lay a document out and find the labels of `index` in it."""
    layout = lay_out(reading)
    labels = tuple(find_labels(layout, index))
    return Context(layout, labels, Places(layout, labels), is_day_first(layout), decimal_mark(layout.text))
