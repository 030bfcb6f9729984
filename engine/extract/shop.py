"""The shop that a till's slip is from: the company, or else the first name, of the slip's head."""

from __future__ import annotations

from collections.abc import Iterator

from engine.extract import names
from engine.extract.context import Context
from engine.extract.layout import Segment
from engine.extract.party import Party


def shop(context: Context) -> Party | None:
    """Who issued a till's slip: the company, or else the first name, of its head."""
    head = list(_head(context))
    texts = [segment.text for _, segment in head]
    # A legal form on a line of its own ends the name that the line above began.
    joined: list[tuple[str, int]] = []
    for index, text in enumerate(texts):
        cleaned = names.clean_name(text)
        if joined and names.only_legal_form(text) and joined[-1][1] == index - 1:
            joined[-1] = (f"{joined[-1][0]} {cleaned}", index)
        elif names.is_name(cleaned) and not (":" in text and not names.has_legal_form(text)):
            joined.append((cleaned, index))
    company = next((one for one in joined if names.ends_with_legal_form(one[0])), None)
    found = company or next(iter(joined), None)
    if found is None:
        return None
    name, index = found
    return Party(name, 0.9 if company else 0.7, tuple(head[index:]))


def _head(context: Context) -> Iterator[tuple[int, Segment]]:
    """The lines of a slip above its title, its date and its items."""
    ends = {"invoice_title", "date", "receipt_number", "invoice_number", "order_number", "total", "cash", "column"}
    for number, line in enumerate(context.layout.lines[:14]):
        labels = [label for label in context.labels_on(number) if label.start == 0 and label.firm]
        if number and any(set(label.concepts) & ends for label in labels):
            named = number <= 2 and names.is_name(names.clean_name(line.segments[0].text))
            if not named:
                return
        for segment in line.segments:
            yield number, segment
