"""What a person reads of a run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deployments.display import NAMED, Display, show_summary
from trayflow.models import Document, Outcome
from trayflow.progress import Discovered, Ended, Summary


def document(key: str) -> Document:
    return Document(id=key, source="file:///in", key=key, version="1", size=1)


def test_a_run_without_work_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody should wonder whether anything was paid for."""
    show_summary(Summary(documents=17, unchanged=17, tables={"invoice": 1}), [], "tables", None)
    assert capsys.readouterr().out == (
        "Nothing to do: 17 documents unchanged. Nothing was submitted.\n\nTables\n  tables/invoice.csv        1 row\n"
    )


def test_an_empty_source_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder is no error, but rarely what was meant."""
    show_summary(Summary(), [], "tables", None)
    assert capsys.readouterr().out == "There are no documents there. Nothing was submitted.\n"


def test_what_was_left_alone_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where nothing else was there: a file that is still being written is why."""
    show_summary(Summary(skipped={"archived": 1, "still being written": 12}), [], "tables", None)
    assert capsys.readouterr().out == (
        "There are no documents there. Nothing was submitted.\n"
        "\nLeft alone for now\n  still being written       12\n  archived                   1\n"
    )


def test_what_asks_for_a_person_is_named_up_to_a_point(capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty names are read, a thousand are not: the rest is a number."""
    ended = [Ended(document(f"{n:03}.pdf"), Outcome.REVIEW, "Why.") for n in range(NAMED + 5)]
    show_summary(Summary(documents=NAMED + 5, review=NAMED + 5), ended, "tables", None)
    told = capsys.readouterr().out.splitlines()
    assert told[2:5] == ["Review", "  000.pdf  Why.", "  001.pdf  Why."]
    assert told[-1] == "  … and 5 more"


def test_in_a_terminal_there_is_a_bar() -> None:
    """It counts documents and outcomes, and names are shown as they are, markup or not."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100, highlight=False)
    with Display(terminal) as display:
        display.hear(Discovered(new=2, unchanged=0))
        display.hear(Ended(document("[red]a.pdf"), Outcome.WRITTEN, "invoice"))
        display.notice("[bold]as it is")
    assert isinstance(terminal.file, io.StringIO)
    shown = terminal.file.getvalue()
    assert "1 written" in shown
    assert "1/2" in shown
    assert "[bold]as it is" in shown


def test_elsewhere_a_line_tells_of_each_document() -> None:
    """Markup in a name stays text, and nothing is wrapped."""
    plain = Console(file=io.StringIO(), force_terminal=False, width=20, highlight=False)
    with Display(plain) as display:
        display.hear(Ended(document("[red]a.pdf"), Outcome.QUARANTINED, "The file is empty."))
    assert isinstance(plain.file, io.StringIO)
    assert plain.file.getvalue() == "quarantined  [red]a.pdf  The file is empty.\n"
