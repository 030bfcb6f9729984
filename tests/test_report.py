"""The page that a run leaves, and the table of what needs a person."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trayflow.errors import AccessDeniedError, LedgerError
from trayflow.ledger import NeedsPerson
from trayflow.models import Document, Ending, Outcome, Skipped
from trayflow.reasons import Reason
from trayflow.remedies import _REMEDIES, remedy, sentence
from trayflow.report import (
    MOST_TYPES,
    Places,
    counts,
    how_many,
    most_frequent_types,
    needs_person,
    percent,
    report,
    why_stopped,
    worst,
)
from trayflow.tally import Tally

PLACES = Places("file:///in", "file:///tables", "/artifacts/key/needs-a-person")
RUN = UUID(int=7)


def a_run(*endings: tuple[str, Ending], type_: str | None = "invoice") -> Tally:
    tally = Tally()
    for key, ending in endings:
        gone = tally.set_out(Document(id=key, source="file:///in", key=key, version="1", size=1))
        gone.document_type, gone.task_run = type_, RUN
        tally.documents += 1
        tally.end(gone, ending)
    return tally


def page(tally: Tally, stopped: str | None = None) -> str:
    return report(tally, tally.summary({"invoice": 40}), PLACES, lambda id_: f"/runs/task-run/{id_}", stopped)


WRITTEN = Ending(Outcome.WRITTEN, "invoice")
EMPTY = Ending(Outcome.QUARANTINED, "The file is empty.", Reason.EMPTY_FILE)
UNSURE = Ending(Outcome.REVIEW, "Identified as invoice with confidence 0.40.", Reason.LOW_CONFIDENCE)


def test_a_document_without_a_row_is_named_with_why_and_where() -> None:
    """Its key, the sentence, the reason code and the task run that found it."""
    told = page(a_run(("good.pdf", WRITTEN), ("b.pdf", UNSURE), ("a.pdf", EMPTY)))
    assert f"- **a.pdf** · The file is empty. · `empty_file` · invoice · [task run](/runs/task-run/{RUN})" in told
    assert told.index("### Quarantined") < told.index("**a.pdf**") < told.index("### Review") < told.index("**b.pdf**")
    assert "**good.pdf**" not in told


def test_a_hundred_are_named_and_the_rest_is_a_number() -> None:
    """Nobody reads ten thousand lines."""
    told = page(a_run(*((f"{number}.pdf", EMPTY) for number in range(250))))
    assert told.count("· `empty_file` ·") == 100
    assert "… and 150 more." in told
    assert "| quarantined | empty_file | 250 |" in told


def test_a_duplicate_says_of_what() -> None:
    """It has no row of its own either; a few are named."""
    copy = Ending(Outcome.DUPLICATE, "The same bytes as a.pdf.", Reason.SAME_BYTES)
    told = page(a_run(*((f"{number}.pdf", copy) for number in range(30))))
    assert "### Duplicates\n\n- **0.pdf** · The same bytes as a.pdf. · `same_bytes`" in told
    assert told.count("The same bytes as") == 25
    assert "… and 5 more." in told


def test_counts_by_type_and_rows_by_table() -> None:
    """How many ended where, and how many rows are new."""
    tally = a_run(("a", WRITTEN), ("b", WRITTEN), ("c", UNSURE))
    tally.rows.update({"invoice": 2})
    told = page(tally)
    assert "| invoice | 2 | 1 | 0 | 0 |" in told
    assert "| invoice | 2 | 40 |" in told


def test_what_was_left_alone_is_told_with_examples() -> None:
    """The answer to "why is it not there" may be that it was not taken up at all."""
    tally = Tally()
    tally.skip([Skipped(f"{number}|.pdf", "still being written") for number in range(9)])
    assert r"| still being written | 9 | 0\|.pdf, 1\|.pdf, 2\|.pdf, 3\|.pdf, 4\|.pdf |" in page(tally)


def test_a_run_that_stopped_says_why() -> None:
    """At the top."""
    told = page(a_run(("a", EMPTY)), "Nobody answers.")
    assert "**The run ended before its end.** Nobody answers." in told.split("##")[0]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AccessDeniedError("401: the text of a document"), "The service does not let us in"),
        (LedgerError("The ledger cannot be used: disk full."), "The ledger cannot be used: disk full."),
        (KeyError("the text of a document"), "A fault of trayflow (KeyError)"),
        (KeyboardInterrupt(), "It was interrupted."),
    ],
)
def test_why_is_told_in_words_of_ours(error: BaseException, words: str) -> None:
    """What the service or a library said may hold what nobody should read here."""
    assert words in why_stopped(error)
    assert "text of a document" not in why_stopped(error)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.REJECTED,
        Reason.IDENTIFICATION_FAILED,
        Reason.EXECUTION_FAILED,
        Reason.NO_ANSWER,
        Reason.SUBMISSION_UNKNOWN,
    ],
)
def test_the_services_words_are_not_repeated(reason: Reason) -> None:
    """Neither on the page nor in the table: a service may quote the document."""
    secret = "IBAN DE02 1203"
    tally = a_run(("a.pdf", Ending(Outcome.REVIEW, f"The service gave up: X: {secret}", reason)))
    document = Document(id="1", source="s", key="a", version="1", size=1, outcome=Outcome.REVIEW, reason=reason)
    table = needs_person([NeedsPerson(document, datetime.now(UTC), f"The service gave up: X: {secret}")])
    assert secret not in page(tally)
    assert secret not in str(table)
    assert sentence(reason, secret)


def test_every_reason_that_needs_a_person_has_a_remedy() -> None:
    """Nobody is left with a code alone."""
    assert set(Reason) - set(_REMEDIES) == {Reason.REPLACED, Reason.SAME_BYTES}
    assert remedy("a_reason_of_tomorrow", "a").advice


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_command_means_the_one_document(key: str) -> None:
    """Quoted for the shell, and a glob that fits no other key."""
    words = shlex.split(remedy(Reason.NO_ANSWER, key).command)
    assert words[:2] == ["trayflow", "retry"]
    assert len(words) == 3
    glob = words[2].removeprefix("--key=")
    assert fnmatchcase(key, glob)
    assert not fnmatchcase(f"{key}x", glob)


def test_a_row_says_what_to_do() -> None:
    """Since when, why, and the command for it."""
    document = Document(
        id="1", source="s", key="a b[1].pdf", version="1", size=1, outcome=Outcome.REVIEW, reason=Reason.NO_ROUTE
    )
    since = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    (row,) = needs_person([NeedsPerson(document, since, "No step is routed for documents of type contract.")])
    assert row == {
        "document": r"a b\[1\].pdf",
        "reason": "no_route",
        "what happened": "No step is routed for documents of type contract.",
        "what to do": r"Name a step for its type in \[routing.types\] and put it back.",
        "command": "`trayflow retry --key='a b[[]1].pdf'`",
        "since": "2026-03-01 12:30 UTC",
        "type": "",
        "outcome": "review",
    }
    assert list(row)[:4] == ["document", "reason", "what to do", "command"]


def test_the_table_says_how_many_more_there_are() -> None:
    """Those that it does not list; a number that was not counted to its end says so."""
    assert how_many(1, 1, "s3://b/x") == "1 document of b/x in review or quarantined now."
    assert how_many(700, 500, "s3://b/x").endswith(" Here are the latest 500; 200 more are older.")
    assert how_many(10_000, 500, "s3://b/x").startswith("At least 10,000 documents of b/x")


def test_a_line_tells_the_worst_first() -> None:
    """It is cut where there is no room."""
    tally = a_run(("a", WRITTEN), ("b", EMPTY), ("c", UNSURE))
    tally.documents += 1
    summary = tally.summary({})
    assert counts(summary) == "4 documents: 1 quarantined, 1 review, 1 in progress, 1 written"
    assert worst(summary) == "quarantined"
    assert worst(Tally().summary({})) == "none"


def test_progress_is_of_what_was_found_so_far() -> None:
    """Unchanged documents are done; without any there is none yet."""
    tally = a_run(("a", WRITTEN))
    tally.documents, tally.unchanged = 4, 1
    assert percent(tally) == 50.0
    assert percent(Tally()) == 0.0


def test_types_are_tagged_up_to_a_point() -> None:
    """The most frequent ones."""
    tally = Tally()
    for number in range(MOST_TYPES + 5):
        tally.types[f"type{number}", Outcome.WRITTEN] += number + 1
    tally.types["", Outcome.QUARANTINED] += 1000
    assert most_frequent_types(tally) == [f"type{number}" for number in range(MOST_TYPES + 4, 4, -1)]
