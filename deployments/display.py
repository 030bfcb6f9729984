"""What a run shows: a progress bar in a terminal, plain lines elsewhere, and what became of the documents."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from trayflow.models import Outcome
from trayflow.progress import Discovered, Ended, EndedElsewhere, Event, Paused, Summary

#: Documents that the summary names for each outcome that asks for a person.
NAMED = 20


class Display:
    """Progress and notices, on standard error; the bar only in a terminal. May be told things from any thread.

    `ended` is what asks for a person, unless it is told not to remember: a watch goes on for months.
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False, remembers: bool = True) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.ended: list[Ended] = []
        self._quiet = quiet
        self._remembers = remembers
        self._counts: Counter[Outcome] = Counter()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=quiet or not self.console.is_terminal,
        )
        self._task = self._bar.add_task("starting what is needed", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def notice(self, text: str) -> None:
        """Say something now."""
        if not self._quiet:
            self._line(text)

    def working(self) -> None:
        """Everything is up: documents are being looked for."""
        self._bar.update(self._task, description="looking for documents")

    def hear(self, event: Event) -> None:
        """Show how the run gets on."""
        match event:
            case Discovered(new=new):
                total = self._bar.tasks[0].total or 0
                self._bar.update(self._task, total=total + new)
            case EndedElsewhere():
                self._bar.update(self._task, advance=1)
            case Ended(document, outcome, note):
                self._counts[outcome] += 1
                if self._remembers and outcome in (Outcome.REVIEW, Outcome.QUARANTINED):
                    self.ended.append(event)
                counts = ", ".join(f"{count} {name}" for name, count in sorted(self._counts.items()))
                self._bar.update(self._task, advance=1, description=counts)
                if self._bar.disable:
                    self.notice(f"{outcome:<11}  {document.key}  {note}".rstrip())
            case Paused(seconds):
                self.notice(f"The service asks for a pause of {seconds:.0f} s.")

    def _line(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)


def show_summary(summary: Summary, ended: list[Ended], to: str, url: str | None) -> None:
    """The end of a run, on standard output."""
    sys.stdout.write("\n".join([*_lines(summary, ended, to), *([f"Flow run: {url}"] if url else [])]) + "\n")


def _lines(summary: Summary, ended: list[Ended], to: str) -> list[str]:
    if summary.documents == 0:
        return ["There are no documents there. Nothing was submitted.", *_skipped(summary)]
    if summary.documents == summary.unchanged:
        lines = [f"Nothing to do: {_documents(summary.unchanged)} unchanged. Nothing was submitted."]
        return [*lines, *_skipped(summary), *_tables(summary, to)]
    counts = {name: getattr(summary, name) for name in (*Outcome, "in_progress", "unchanged")}
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    lines = [f"{_documents(summary.documents)} in {summary.seconds:.1f} s: {told}."]
    for outcome in (Outcome.REVIEW, Outcome.QUARANTINED):
        lines += _named(outcome, [event for event in ended if event.outcome is outcome])
    return [*lines, *_skipped(summary), *_tables(summary, to)]


def _skipped(summary: Summary) -> list[str]:
    if not summary.skipped:
        return []
    width = max(map(len, summary.skipped))
    counted = sorted(summary.skipped.items(), key=lambda item: -item[1])
    return ["", "Left alone for now", *(f"  {reason:<{width}}  {count:>7,}" for reason, count in counted)]


def _named(outcome: Outcome, events: list[Ended]) -> list[str]:
    if not events:
        return []
    width = max(len(event.document.label) for event in events[:NAMED])
    lines = [f"  {event.document.label:<{width}}  {event.note}" for event in events[:NAMED]]
    more = [f"  … and {len(events) - NAMED} more"] if len(events) > NAMED else []
    return ["", outcome.capitalize(), *lines, *more]


def _tables(summary: Summary, to: str) -> list[str]:
    if not summary.tables:
        return []
    files = {str(Path(to) / f"{name}.csv"): rows for name, rows in sorted(summary.tables.items())}
    width = max(map(len, files))
    return [
        "",
        "Tables",
        *(f"  {file:<{width}}  {rows:>7,} row{'' if rows == 1 else 's'}" for file, rows in files.items()),
    ]


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"
