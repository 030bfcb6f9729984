"""`trayflow retry`: documents that ended in review or in quarantine are put back, for the next run to take up."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel

from trayflow.errors import SettingsError
from trayflow.ledger import Ledger, PutBack, Wanted
from trayflow.models import Kind
from trayflow.reasons import Reason
from trayflow.settings import Settings

HOW_TO_CHOOSE = "Say which documents are meant: --reason CODE, --type TYPE, --key GLOB, or --all for every one."


class Count(BaseModel):
    """Submissions by what they ask for."""

    identify: int = 0
    execute: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.identify + self.execute

    def words(self) -> str:
        """For a person."""
        return ", ".join(
            _many(count, word)
            for count, word in ((self.identify, "identification"), (self.execute, "execution"))
            if count
        )


class Retried(BaseModel):
    """What was put back, or with `dry_run` would be. `first` are submissions that may follow, at the most."""

    documents: int
    reasons: dict[str, int]
    anew: Count
    first: Count
    dry_run: bool

    @classmethod
    def of(cls, back: PutBack, *, dry_run: bool) -> Self:
        """From what the ledger says of it."""
        return cls(
            documents=back.documents,
            reasons=dict(back.reasons.most_common()),
            anew=_count(back.anew),
            first=_count(back.first),
            dry_run=dry_run,
        )


def wanted(reasons: Sequence[str], types: Sequence[str], key: str | None, everything: bool) -> Wanted:
    """The documents that are meant, of those that have ended by now.

    Raises `SettingsError` for no choice at all, for a choice beside `--all`, and for a reason that is none.
    """
    chosen = bool(reasons or types or key is not None)
    if not chosen and not everything:
        raise SettingsError(HOW_TO_CHOOSE)
    if chosen and everything:
        raise SettingsError(f"--all means every document, so it stands alone. {HOW_TO_CHOOSE}")
    return Wanted(datetime.now(UTC), frozenset(map(_reason, reasons)), frozenset(types), key)


def retry(
    settings: Settings,
    meant: Wanted,
    *,
    again: bool = False,
    dry_run: bool = False,
    agree: Callable[[str], bool],
) -> Retried | None:
    """Put the documents back. What is submitted anew is told to `agree` first; `None` when it says no."""
    ledger = Ledger.open(settings.ledger_url)
    try:
        if not dry_run and again:
            counted = Retried.of(ledger.putting_back.count(meant, again=True), dry_run=True)
            if counted.anew.total and not agree(cost(counted)):
                return None
        act = ledger.putting_back.count if dry_run else ledger.putting_back.put_back
        return Retried.of(act(meant, again=again), dry_run=dry_run)
    finally:
        ledger.close()


def cost(retried: Retried) -> str:
    """What the next run will submit anew."""
    total = retried.anew.total
    told = f"{_many(total, 'submission')} will be made anew, and charged for: {retried.anew.words()}."
    if retried.first.total:
        told += f" Up to {retried.first.words()} may follow for the first time."
    return told


def ask(question: str) -> bool:
    """Ask the person at the terminal. Raises `SettingsError` where there is none, so that nobody pays unasked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError(f"{question} Nothing was changed: say --yes to agree, there is no terminal to ask on.")
    sys.stderr.write(f"{question}\nGo on? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def retry_lines(retried: Retried) -> list[str]:
    """For a person."""
    if not retried.documents:
        return ["No document in review or quarantine fits: nothing to put back."]
    verb = "would be put back" if retried.dry_run else "put back"
    lines = [f"{_many(retried.documents, 'document')} {verb}:"]
    lines += [f"  {reason:<22}{count:>8,}" for reason, count in retried.reasons.items()]
    if retried.anew.total:
        lines.append(cost(retried))
    else:
        lines.append("Nothing that was paid for is submitted anew.")
    lines.append("Nothing was changed." if retried.dry_run else "The next `trayflow run` takes them up.")
    return lines


def _reason(code: str) -> Reason:
    try:
        return Reason(code)
    except ValueError:
        near = difflib.get_close_matches(code, list(Reason), n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(Reason)}."
        raise SettingsError(f"There is no reason code `{code}`. {hint}") from None


def _count(submissions: Mapping[Kind, int]) -> Count:
    return Count(**{kind.value: submissions.get(kind, 0) for kind in Kind})


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
