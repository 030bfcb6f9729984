"""What the ledger says of documents that need a person."""

from __future__ import annotations

from trayflow.ledger import Ledger
from trayflow.models import Ending, Found, Outcome
from trayflow.reasons import Reason

EMPTY = Ending(Outcome.QUARANTINED, "The file is empty.", Reason.EMPTY_FILE)


def end(ledger: Ledger, source: str, endings: dict[str, Ending]) -> None:
    ledger.runs.start("run", 3600)
    for document in ledger.discover(source, [Found(key, "1", 1) for key in endings], "nowhere").documents:
        assert ledger.runs.claim(document.id, "run")
        assert ledger.end(document.id, "run", endings[document.key])


def test_the_latest_come_first_and_the_others_are_counted(ledger: Ledger) -> None:
    """Of any run, as many as are wanted."""
    end(ledger, "s3://b", {f"{number}.pdf": EMPTY for number in range(5)})
    found, total = ledger.needs_person("s3://b", 3)
    assert [one.document.key for one in found] == ["4.pdf", "3.pdf", "2.pdf"]
    assert total == 5
    assert {one.message for one in found} == {"The file is empty."}
    assert len(ledger.needs_person("s3://b", 10)[0]) == ledger.needs_person("s3://b", 10)[1] == 5


def test_others_are_not_among_them(ledger: Ledger) -> None:
    """Another source's, duplicates, those under way, and those whose newer version was taken."""
    end(ledger, "s3://other", {"a.pdf": EMPTY})
    review = Ending(Outcome.REVIEW, "No step.", Reason.NO_ROUTE)
    replaced = Ending(Outcome.QUARANTINED, "A newer version.", Reason.REPLACED)
    copy = Ending(Outcome.DUPLICATE, "The same.", Reason.SAME_BYTES)
    end(ledger, "s3://b", {"r.pdf": review, "old.pdf": replaced, "copy.pdf": copy})
    ledger.discover("s3://b", [Found("new.pdf", "1", 1)], "nowhere")
    found, total = ledger.needs_person("s3://b", 10)
    assert [one.document.key for one in found] == ["r.pdf"]
    assert total == 1
