"""Choosing among the candidates of amounts those that the type's own sums hold for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from engine.extract.fields import UNSURE, Candidate
from engine.rules import Rule, Sum

# How many candidates of a field are tried, and what a sum that holds is worth beside a label's 1. Sums that add
# nothing (no tax, no change) prove less.
_TRIED = 9
_HOLDS, _HOLDS_IMPLIED, _HOLDS_TRIVIALLY, _ABOUT = 0.7, 0.3, 0.25, -0.1
_FAILS = {"error": -0.3, "warning": -0.15}
_MOST_COMBINATIONS = 4_000
_CENT = 0.0051


def choose_amounts(candidates: Mapping[str, Sequence[Candidate]], rules: Sequence[Rule]) -> dict[str, Candidate | None]:
    """For each path of an amount the candidate to take, or None: the combination with the most in its favour."""
    sums = [rule for rule in rules if isinstance(rule, Sum) and _within(rule, candidates)]
    chosen: dict[str, Candidate | None] = {}
    for paths in _connected(list(candidates), sums):
        concerned = [rule for rule in sums if set(_paths(rule)) & paths]
        chosen |= _best({path: candidates[path] for path in candidates if path in paths}, concerned)
    return chosen


def _best(candidates: Mapping[str, Sequence[Candidate]], sums: Sequence[Sum]) -> dict[str, Candidate | None]:
    paths = list(candidates)
    tried = _TRIED
    while (tried + 1) ** len(paths) > _MOST_COMBINATIONS:
        tried -= 1
    options: list[list[Candidate | None]] = [[*candidates[path][:tried], None] for path in paths]
    best = max(itertools.product(*options), key=lambda pick: _worth(dict(zip(paths, pick, strict=True)), sums))
    return dict(zip(paths, best, strict=True))


def _worth(pick: Mapping[str, Candidate | None], sums: Sequence[Sum]) -> float:
    worth = sum(UNSURE if candidate is None else candidate.score for candidate in pick.values())
    for rule in sums:
        terms = [_value(path, pick) for path in rule.of]
        targets = [value for path in rule.targets if (value := _value(path, pick)) is not None]
        known = [term for term in terms if term is not None]
        if not targets or len(known) < len(terms) or _implied(rule, pick) > 1:
            continue
        off = min(abs(sum(known) - target) for target in targets)
        if off > max(_CENT, rule.tolerance or 0):
            worth += _FAILS[rule.severity]
        else:
            holds = _HOLDS_IMPLIED if _implied(rule, pick) else _HOLDS
            worth += (holds if all(known) else _HOLDS_TRIVIALLY) + (_ABOUT if off > _CENT else 0)
    return worth


def _implied(rule: Sum, pick: Mapping[str, Candidate | None]) -> int:
    """How many values of a sum are there for the sum's sake only: with two of them any sum can be made to hold."""
    return sum(1 for path in _paths(rule) if (candidate := pick.get(path)) and candidate.implied)


def _value(path: str, pick: Mapping[str, Candidate | None]) -> float | None:
    candidate = pick.get(path.lstrip("-"))
    if candidate is None:
        return None
    return -candidate.value if path.startswith("-") else float(candidate.value)


def _paths(rule: Sum) -> list[str]:
    return [path.lstrip("-") for path in (*rule.of, *rule.targets)]


def _within(rule: Sum, candidates: Mapping[str, Sequence[Candidate]]) -> bool:
    return all(path in candidates for path in _paths(rule))


def _connected(paths: Sequence[str], sums: Sequence[Sum]) -> list[set[str]]:
    """The paths in groups that share no sum, so that each group is decided for itself."""
    groups = [{path} for path in paths]
    for rule in sums:
        touched = [group for group in groups if group & set(_paths(rule))]
        groups = [group for group in groups if group not in touched]
        groups.append(set().union(*touched))
    return groups
