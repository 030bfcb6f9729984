"""Documents put back by a person: what comes back, with which answers, and what is paid for again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.test_ledger import SOURCE, enter, executed, held, hold, identified, spooled, write
from trayflow.ledger import Ledger, PutBack, Submission, SubmissionState, Wanted
from trayflow.ledger import schema as s
from trayflow.models import DocumentState, Ending, Failure, Found, Kind, Outcome, Progress
from trayflow.reasons import Reason

FAILED = Progress(remote_id="remote", status="ERROR", failure=Failure(code="TIMEOUT"))


def wanted(*reasons: Reason, **more: Any) -> Wanted:
    return Wanted(datetime.now(UTC), frozenset(reasons), **more)


def identify(ledger: Ledger, id_: str) -> Submission:
    """An identification that succeeded."""
    submission, mine = ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
    assert mine
    ledger.submissions.accept(submission, f"i{id_}")
    ledger.submissions.finish(submission.id, identified(f"i{id_}"))
    return submission


def execute(ledger: Ledger, id_: str, progress: Progress | None = None) -> Submission:
    """An execution that was accepted, and has ended if `progress` says so."""
    submission, mine = ledger.submissions.intend(id_, Kind.EXECUTE, "run", "step")
    assert mine
    ledger.submissions.accept(submission, f"e{id_}")
    if progress:
        ledger.submissions.finish(submission.id, progress)
    return submission


def turned_down(ledger: Ledger, id_: str, kind: Kind, state: SubmissionState) -> Submission:
    submission, _ = ledger.submissions.intend(id_, kind, "run", "step" if kind is Kind.EXECUTE else "")
    return ledger.submissions.turn_down(submission.id, state)


def end(ledger: Ledger, id_: str, reason: Reason, outcome: Outcome = Outcome.REVIEW) -> None:
    assert ledger.end(id_, "run", Ending(outcome, "why", reason))


def state(ledger: Ledger, submission: Submission) -> SubmissionState:
    found = ledger.submissions.get(submission.id)
    assert found is not None
    return found.state


def ended(ledger: Ledger, key: str, reason: Reason, outcome: Outcome = Outcome.REVIEW) -> str:
    """A document that ended for this reason, without any submission."""
    (id_,) = held(ledger, key)
    end(ledger, id_, reason, outcome)
    return id_


def test_a_document_comes_back_as_if_it_had_not_ended(ledger: Ledger) -> None:
    """No outcome, no reason, a state that is true, and the next run takes it up."""
    id_ = ended(ledger, "a.pdf", Reason.ENCRYPTED, Outcome.QUARANTINED)
    back = ledger.putting_back.put_back(wanted())
    assert (back.documents, back.reasons) == (1, Counter(encrypted=1))
    document = ledger.document(id_)
    assert (document.outcome, document.reason, document.state) == (None, None, DocumentState.DISCOVERED)
    assert enter(ledger, "a.pdf") == [id_]
    ledger.runs.start("next", 60)
    assert ledger.runs.claim(id_, "next")
    assert ledger.counts() == {"in_progress": 1}


def test_filters_have_to_fit_all_of_them(ledger: Ledger) -> None:
    """Reason, type and key; a key's pattern tells capitals from small letters, and its star crosses folders."""
    ids = held(ledger, "2026/a.pdf", "2026/b.PDF", "c.pdf", "2026/d.pdf")
    for id_ in ids[:3]:
        identify(ledger, id_)
    for id_ in ids:
        end(ledger, id_, Reason.OTHER_TYPE if id_ == ids[1] else Reason.LOW_CONFIDENCE)

    def matching(*reasons: Reason, **more: Any) -> int:
        return ledger.putting_back.count(wanted(*reasons, **more)).documents

    assert matching() == 4
    assert matching(Reason.LOW_CONFIDENCE) == 3
    assert matching(Reason.LOW_CONFIDENCE, Reason.OTHER_TYPE) == 4
    assert matching(types=frozenset({"invoice"})) == 3
    assert matching(types=frozenset({"receipt"})) == 0
    assert matching(key="*.pdf") == 3
    assert matching(key="2026/*") == 3
    assert matching(Reason.LOW_CONFIDENCE, types=frozenset({"invoice"}), key="2026/*") == 1


def test_written_and_duplicate_documents_stay(ledger: Ledger) -> None:
    """What has its rows, or is a copy, has nothing to try again; what is under way is so already."""
    (written,) = enter(ledger, "written.pdf")
    write(ledger, written, {"n": 1})
    ended(ledger, "copy.pdf", Reason.SAME_BYTES, Outcome.DUPLICATE)
    enter(ledger, "new.pdf")
    assert ledger.putting_back.put_back(wanted(), again=True) == PutBack()
    assert ledger.counts() == {"written": 1, "duplicate": 1, "in_progress": 1}


def test_what_a_living_run_holds_stays(ledger: Ledger) -> None:
    """Once the run is dead, it may be put back."""
    id_ = ended(ledger, "a.pdf", Reason.OTHER_TYPE)
    ledger.runs.start("living", 60)
    assert ledger.runs.claim(id_, "living", Outcome.REVIEW)
    assert ledger.putting_back.put_back(wanted()).documents == 0
    ledger.runs.renew("living", -1)
    assert ledger.putting_back.put_back(wanted()).documents == 1


def test_what_ended_after_the_question_stays(ledger: Ledger) -> None:
    """A person agreed to what they were shown, and to no document that ended since."""
    before = wanted()
    ended(ledger, "a.pdf", Reason.OTHER_TYPE)
    assert ledger.putting_back.put_back(before).documents == 0


def test_an_answer_that_was_paid_for_is_kept(ledger: Ledger) -> None:
    """Without `again` the identification is handed out as it is: only what is missing is submitted."""
    (id_,) = held(ledger, "a.pdf")
    identification = identify(ledger, id_)
    end(ledger, id_, Reason.LOW_CONFIDENCE)
    back = ledger.putting_back.put_back(wanted())
    assert (back.anew, back.first) == (Counter(), Counter({Kind.EXECUTE: 1}))
    assert ledger.document(id_).state is DocumentState.IDENTIFIED
    hold(ledger, "another", id_)
    found, mine = ledger.submissions.intend(id_, Kind.IDENTIFY, "another")
    assert (found.id, found.state, mine) == (identification.id, SubmissionState.SUCCEEDED, False)


@pytest.mark.parametrize("again", [False, True])
def test_what_was_rejected_is_sent_again(ledger: Ledger, again: bool) -> None:
    """It was never accepted and never paid for: the same intent may be sent, and nothing else is asked anew."""
    (id_,) = held(ledger, "a.pdf")
    identification = identify(ledger, id_)
    rejected = turned_down(ledger, id_, Kind.EXECUTE, SubmissionState.REJECTED)
    end(ledger, id_, Reason.REJECTED, Outcome.QUARANTINED)
    back = ledger.putting_back.put_back(wanted(), again=again)
    assert (back.anew, back.first) == (Counter(), Counter({Kind.EXECUTE: 1}))
    assert state(ledger, identification) is SubmissionState.SUCCEEDED
    hold(ledger, "another", id_)
    found, mine = ledger.submissions.intend(id_, Kind.EXECUTE, "another", "step")
    assert (found.id, mine) == (rejected.id, True)


def test_an_unknown_one_stays_unknown(ledger: Ledger) -> None:
    """Without `again` it is for the policy to decide."""
    (id_,) = held(ledger, "a.pdf")
    submission = turned_down(ledger, id_, Kind.IDENTIFY, SubmissionState.UNKNOWN)
    end(ledger, id_, Reason.SUBMISSION_UNKNOWN)
    ledger.putting_back.put_back(wanted())
    assert state(ledger, submission) is SubmissionState.UNKNOWN


def test_what_got_no_answer_is_asked_for_again(ledger: Ledger) -> None:
    """The id is kept, and the document is where it was: being executed."""
    (id_,) = held(ledger, "a.pdf")
    identify(ledger, id_)
    submission = execute(ledger, id_)
    end(ledger, id_, Reason.NO_ANSWER)
    back = ledger.putting_back.put_back(wanted())
    assert (back.anew, back.first) == (Counter(), Counter())
    found = ledger.submissions.execution(id_)
    assert found is not None
    assert (found.id, found.remote_id) == (submission.id, f"e{id_}")
    assert ledger.document(id_).state is DocumentState.EXECUTING


@pytest.mark.parametrize(
    ("progress", "reason"), [(FAILED, Reason.EXECUTION_FAILED), (executed("remote", {"n": 1}), Reason.FAILED_CHECKS)]
)
def test_again_pays_for_the_execution_alone(ledger: Ledger, progress: Progress, reason: Reason) -> None:
    """The identification was fine. The old execution's answer stays on record, and is nobody's any more."""
    (id_,) = held(ledger, "a.pdf")
    identification, execution = identify(ledger, id_), execute(ledger, id_, progress)
    end(ledger, id_, reason)
    back = ledger.putting_back.put_back(wanted(), again=True)
    assert (back.anew, back.first) == (Counter({Kind.EXECUTE: 1}), Counter())
    assert (state(ledger, identification), state(ledger, execution)) == (
        SubmissionState.SUCCEEDED,
        SubmissionState.SUPERSEDED,
    )
    assert ledger.submissions.answer(execution.id) == progress.raw
    assert ledger.submissions.execution(id_) is None
    document = ledger.document(id_)
    assert (document.state, document.document_type) == (DocumentState.IDENTIFIED, "invoice")
    hold(ledger, "run", id_)
    second = execute(ledger, id_, executed("second", {"n": 2}))
    assert second.id != execution.id
    assert ledger.extraction(second.document_id).data == {"n": 2}
    ledger.close_append("file:///tables", [], [id_])
    assert [extraction.data for extraction in ledger.extractions(datetime.now(UTC))] == [{"n": 2}]


def test_again_pays_for_an_identification_that_decided(ledger: Ledger) -> None:
    """It is what the document ended for; what it said of the type is said no more."""
    (id_,) = held(ledger, "a.pdf")
    assert ledger.enter_bytes(id_, spooled("00")) is None
    identification = identify(ledger, id_)
    end(ledger, id_, Reason.OTHER_TYPE)
    back = ledger.putting_back.put_back(wanted(), again=True)
    assert (back.anew, back.first) == (Counter({Kind.IDENTIFY: 1}), Counter({Kind.EXECUTE: 1}))
    document = ledger.document(id_)
    assert (document.state, document.document_type, document.confidence) == (DocumentState.FETCHED, None, None)
    hold(ledger, "run", id_)
    assert identify(ledger, id_).id != identification.id


@pytest.mark.parametrize("kind", Kind)
def test_again_makes_a_second_attempt_of_what_is_unknown(ledger: Ledger, kind: Kind) -> None:
    """By the person's word, who may pay twice."""
    (id_,) = held(ledger, "a.pdf")
    if kind is Kind.EXECUTE:
        identify(ledger, id_)
    submission = turned_down(ledger, id_, kind, SubmissionState.UNKNOWN)
    end(ledger, id_, Reason.SUBMISSION_UNKNOWN)
    assert ledger.putting_back.put_back(wanted(), again=True).anew == Counter({kind: 1})
    assert ledger.submissions.in_doubt() == []
    hold(ledger, "another", id_)
    second, mine = ledger.submissions.intend(id_, kind, "another", "step" if kind is Kind.EXECUTE else "")
    assert mine
    assert second.id != submission.id


def test_again_asks_nothing_anew_for_want_of_a_file(ledger: Ledger) -> None:
    """A file that had vanished says nothing against the identification."""
    (id_,) = held(ledger, "a.pdf")
    identification = identify(ledger, id_)
    end(ledger, id_, Reason.VANISHED, Outcome.QUARANTINED)
    back = ledger.putting_back.put_back(wanted(), again=True)
    assert (back.documents, back.anew) == (1, Counter())
    assert state(ledger, identification) is SubmissionState.SUCCEEDED


def test_twice_again_gives_up_nothing_more(ledger: Ledger) -> None:
    """A document that is under way again is not touched by the same command once more."""
    (id_,) = held(ledger, "a.pdf")
    identification = identify(ledger, id_)
    execute(ledger, id_, FAILED)
    end(ledger, id_, Reason.EXECUTION_FAILED)
    ledger.putting_back.put_back(wanted(), again=True)
    assert ledger.putting_back.put_back(wanted(), again=True) == PutBack()
    assert state(ledger, identification) is SubmissionState.SUCCEEDED


def test_counting_changes_nothing_and_counts_what_putting_back_does(ledger: Ledger) -> None:
    """Over more documents than are put back at once."""
    found = [Found(f"{number}.pdf", "v1", 1) for number in range(1203)]
    ids = [document.id for document in ledger.discover(SOURCE, found, "file:///tables").documents]
    hold(ledger, "run", *ids[:3])
    for id_ in ids[:3]:
        identify(ledger, id_)
    _end_all(ledger)
    counted = ledger.putting_back.count(wanted(), again=True)
    assert ledger.counts() == {"quarantined": 1203}
    assert counted.reasons == Counter(identification_failed=1203)
    assert counted.anew == Counter({Kind.IDENTIFY: 3})
    assert counted.first == Counter({Kind.IDENTIFY: 1200, Kind.EXECUTE: 1203})
    assert ledger.putting_back.put_back(wanted(), again=True) == counted
    assert ledger.counts() == {"in_progress": 1203}


def _end_all(ledger: Ledger) -> None:
    """Quicker than one by one."""
    values = {
        "outcome": Outcome.QUARANTINED,
        "reason": Reason.IDENTIFICATION_FAILED,
        "ended_at": datetime.now(UTC) - timedelta(seconds=1),
        "claimed_by": None,
    }
    with ledger._database.writing() as connection:
        connection.execute(update(s.documents).values(values))
