"""What every search in a document shares: its layout, its labels, and how it writes dates and numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.documents import Reading
from engine.extract.dates import is_day_first
from engine.extract.labels import Label, find_labels
from engine.extract.layout import Layout, Segment, lay_out
from engine.extract.lexicon import Index
from engine.extract.money import DecimalMark, amounts_in, decimal_mark
from engine.extract.places import Places

# Numbers that are at least as surely money as a bare one (`Amount.sure`).
_MONEY = 0.5


@dataclass(frozen=True, slots=True)
class Context:
    """One document, made ready for searching. `amounts` are all amounts of money on it, with their lines; `tables`
    the lines that belong to tables."""

    layout: Layout
    labels: tuple[Label, ...]
    places: Places
    day_first: bool
    mark: DecimalMark | None
    _by_line: Mapping[int, Sequence[Label]]
    amounts: tuple[tuple[int, float], ...]
    tables: frozenset[int] = frozenset()

    def by_ocr(self, line: int) -> bool:
        """Whether a line was read by OCR, and may have its slips."""
        return self.layout.pages[self.layout.lines[line].page].source == "ocr"

    def labels_on(self, line: int) -> list[Label]:
        return list(self._by_line.get(line, ()))

    def labels_of(self, line: int, segment: Segment) -> list[Label]:
        segments = self.layout.lines[line].segments
        return [label for label in self.labels_on(line) if segments[label.segment] is segment]

    def without(self, lines: Collection[int]) -> Context:
        """The same document without the labels on some of its lines, because they belong to a table."""
        labels = [label for label in self.labels if label.line not in lines]
        by_line = {line: found for line, found in self._by_line.items() if line not in lines}
        return replace(
            self,
            labels=tuple(labels),
            places=Places(self.layout, labels),
            _by_line=by_line,
            tables=self.tables | set(lines),
        )


def context_of(reading: Reading, index: Index) -> Context:
    """Lay a document out and find the labels of `index` in it."""
    layout = lay_out(reading)
    return _with_labels(layout, find_labels(layout, index))


def _with_labels(layout: Layout, labels: Sequence[Label]) -> Context:
    by_line: dict[int, list[Label]] = {}
    for label in labels:
        by_line.setdefault(label.line, []).append(label)
    day_first, mark = is_day_first(layout), decimal_mark(layout.text)
    amounts = tuple(_amounts(layout, mark))
    return Context(layout, tuple(labels), Places(layout, labels), day_first, mark, by_line, amounts)


def _amounts(layout: Layout, mark: DecimalMark | None) -> Iterator[tuple[int, float]]:
    for number, line in enumerate(layout.lines):
        by_ocr = layout.pages[line.page].source == "ocr"
        for amount in amounts_in(line.text, mark, by_ocr=by_ocr):
            if not amount.percent and amount.sure >= _MONEY:
                yield number, amount.value
