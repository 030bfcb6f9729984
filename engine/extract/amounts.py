"""Candidates for amounts that no label leads to: sums of several taxes, and printed amounts that make a sum hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from engine.extract.context import Context
from engine.extract.fields import Candidate
from engine.extract.money import amounts_in
from engine.rules import Rule, Sum

# Scores beside a label's 1: such a candidate wins only where a sum holds with it.
_IMPLIED, _ADDED = 0.35, 0.45
# What each further place in the document that has the same amount adds to a candidate, up to a limit: more where it is
# what was paid, and when it is another candidate's amount rounded as a line of the document says.
_AGAIN, _PAID, _ROUNDED, _MOST = 0.07, 0.15, 0.3, 0.35
_LARGEST_ROUNDING = 0.5
_TRIED = 4


def support(candidates: Sequence[Candidate], context: Context) -> list[Candidate]:
    """The candidates, those preferred whose amount the document repeats: a total stands again beside its payment."""
    printed = context.amounts
    paid = {label.line for label in context.labels if set(label.concepts) & {"amount_paid", "cash"}}
    roundings = [amount for amount in _labelled(context, "rounding") if 0 < abs(amount) <= _LARGEST_ROUNDING]
    supported = []
    for candidate in candidates:
        others = [line for line, value in printed if line != candidate.line and _same(value, candidate.value)]
        more = sum(_PAID if line in paid else _AGAIN for line in others)
        if any(_same(one.value + rounding, candidate.value) for one in candidates for rounding in roundings):
            more += _ROUNDED
        supported.append(replace(candidate, score=candidate.score + min(more, _MOST)))
    return sorted(supported, key=lambda one: -one.score)


def _labelled(context: Context, concept: str) -> Iterator[float]:
    """The amounts beside the labels of a concept."""
    for label in context.labels:
        if concept in label.concepts:
            for place in context.places.of(label):
                found = list(amounts_in(place.text, context.mark, by_ocr=context.by_ocr(place.line)))
                if place.line == label.line and found:
                    yield found[-1].value


def added_taxes(context: Context) -> Iterator[Candidate]:
    """The sum of the tax amounts of several rates, where each has a line of its own."""
    found: dict[int, float] = {}
    for label in context.labels:
        if not set(label.concepts) & {"tax_rate_amount", "tax_total"}:
            continue
        for place in context.places.of(label):
            if place.line != label.line:
                continue
            values = [a for a in amounts_in(place.text, context.mark) if not a.percent and a.sure == 1.0]
            if values:
                found[label.line] = values[-1].value
    distinct = list(found.items())
    for count in range(2, min(4, len(distinct)) + 1):
        for run in zip(*(distinct[shift:] for shift in range(count)), strict=False):
            yield Candidate(round(sum(value for _, value in run), 2), _ADDED, run[0][0])


def implied(
    candidates: Mapping[str, Sequence[Candidate]], rules: Sequence[Rule], context: Context
) -> dict[str, list[Candidate]]:
    """For each path the printed amounts that make a sum hold together with candidates of the other paths."""
    printed = context.amounts
    found: dict[str, list[Candidate]] = {path: [] for path in candidates}
    for rule in rules:
        if not isinstance(rule, Sum) or any(p.lstrip("-") not in candidates for p in (*rule.of, *rule.targets)):
            continue
        for target in rule.targets:
            signed = [*((path.lstrip("-"), -1 if path.startswith("-") else 1) for path in rule.of), (target, -1)]
            for path, sign in signed:
                others = [(other, factor) for other, factor in signed if other != path]
                for pick in itertools.product(*(candidates[other][:_TRIED] for other, _ in others)):
                    rest = sum(factor * one.value for (_, factor), one in zip(others, pick, strict=True))
                    wanted = round(-rest / sign, 2)
                    line = next((line for line, value in printed if _same(value, wanted)), None)
                    same_sign = wanted * pick[0].value > 0
                    if line is not None and same_sign and not any(_same(one.value, wanted) for one in candidates[path]):
                        found[path].append(Candidate(wanted, _IMPLIED, line, implied=True))
    return found


def _same(first: float, second: float) -> bool:
    return abs(first - second) < 0.005
