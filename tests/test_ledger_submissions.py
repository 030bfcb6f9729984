"""What the ledger promises about submissions: none is made twice, and news of one changes what was not known, once."""

from __future__ import annotations

import pytest

from tests.test_ledger import enter, executed, held, hold, identified
from trayflow.errors import ClaimLostError
from trayflow.ledger import Ledger, Submission, SubmissionState
from trayflow.models import Candidate, DocumentState, Ending, Failure, Identification, Kind, Outcome, Progress
from trayflow.reasons import Reason

UNKNOWN = Ending(Outcome.REVIEW, "It may have been accepted.", Reason.SUBMISSION_UNKNOWN)


def intended(ledger: Ledger, kind: Kind = Kind.EXECUTE, key: str = "a.pdf") -> Submission:
    """An intent of a living run."""
    (id_,) = held(ledger, key)
    submission, mine = ledger.submissions.intend(id_, kind, "run", "step")
    assert mine
    return submission


def unknown(ledger: Ledger, kind: Kind = Kind.EXECUTE, *, ended: bool = False) -> Submission:
    """A submission whose answer was not seen; its document is still held, or has ended in review."""
    submission = ledger.submissions.turn_down(intended(ledger, kind).id, SubmissionState.UNKNOWN, message="502")
    if ended:
        assert ledger.end(submission.document_id, "run", UNKNOWN)
    return submission


def state(ledger: Ledger, submission: Submission) -> SubmissionState:
    found = ledger.submissions.get(submission.id)
    assert found is not None
    return found.state


def test_an_unknown_one_is_not_sent_again(ledger: Ledger) -> None:
    """Whoever asks gets it as it is, until somebody gives it up."""
    submission = unknown(ledger)
    found, mine = ledger.submissions.intend(submission.document_id, Kind.EXECUTE, "run", "step")
    assert (found.id, found.state, mine) == (submission.id, SubmissionState.UNKNOWN, False)


def test_a_superseded_one_is_followed_by_another_attempt(ledger: Ledger) -> None:
    """Each attempt is an intent of its own, and the number of those given up is known."""
    submission = unknown(ledger)
    ids = {submission.id}
    for given_up in (1, 2):
        assert ledger.submissions.supersede(submission.id)
        submission, mine = ledger.submissions.intend(submission.document_id, Kind.EXECUTE, "run", "step")
        assert mine
        ids.add(submission.id)
        submission = ledger.submissions.turn_down(submission.id, SubmissionState.UNKNOWN)
        assert ledger.submissions.superseded(submission.document_id, Kind.EXECUTE) == given_up
    assert len(ids) == 3
    assert ledger.submissions.superseded(submission.document_id, Kind.IDENTIFY) == 0


def test_only_what_is_unknown_can_be_given_up_and_once(ledger: Ledger) -> None:
    """Of two that give it up at the same time, one is told that it did; what is accepted stays."""
    submission = unknown(ledger)
    assert ledger.submissions.supersede(submission.id)
    assert not ledger.submissions.supersede(submission.id)
    second, _ = ledger.submissions.intend(submission.document_id, Kind.EXECUTE, "run", "step")
    ledger.submissions.accept(second, "remote")
    assert not ledger.submissions.supersede(second.id)


def test_whoever_lost_the_document_makes_no_submission(ledger: Ledger) -> None:
    """A run whose lease ran out is told so, instead of being handed an intent."""
    (id_,) = held(ledger, "a.pdf")
    hold(ledger, "another", id_)
    with pytest.raises(ClaimLostError):
        ledger.submissions.intend(id_, Kind.EXECUTE, "run", "step")
    assert ledger.submissions.in_doubt() == []


def test_an_id_that_comes_too_late_is_kept_but_not_used(ledger: Ledger) -> None:
    """Accepted after it was given up: it stays superseded, with its id on record, and is nobody's execution."""
    submission = unknown(ledger)
    ledger.submissions.supersede(submission.id)
    found = ledger.submissions.accept(submission, "remote")
    assert (found.state, found.remote_id) == (SubmissionState.SUPERSEDED, "remote")
    assert ledger.submissions.execution(submission.document_id) is None


def test_an_id_that_comes_late_puts_its_document_under_way(ledger: Ledger) -> None:
    """Another run had ended the document for want of just this id."""
    submission = unknown(ledger, ended=True)
    ledger.submissions.accept(submission, "remote")
    document = ledger.document(submission.document_id)
    assert (document.outcome, document.reason, document.state) == (None, None, DocumentState.EXECUTING)


@pytest.mark.parametrize("ending", [Outcome.QUARANTINED, Outcome.REVIEW])
def test_a_late_id_leaves_other_ends_alone(ledger: Ledger, ending: Outcome) -> None:
    """A document that ended for another reason stays where it is, and its state says that it ended."""
    submission = intended(ledger)
    ledger.end(submission.document_id, "run", Ending(ending, "gone", Reason.VANISHED))
    ledger.submissions.accept(submission, "remote")
    document = ledger.document(submission.document_id)
    assert (document.outcome, document.state) == (ending, DocumentState.ENDED)


@pytest.mark.parametrize("kind", Kind)
def test_a_failure_is_the_end_of_its_own_stage(ledger: Ledger, kind: Kind) -> None:
    """An identification that failed is no execution, and an execution that notes the type is no identification."""
    submission = intended(ledger, kind)
    ledger.submissions.accept(submission, "remote")
    noted = Identification(document_type=Candidate(code="invoice", confidence=0.9))
    failed = Progress(remote_id="remote", status="ERROR", identification=noted, failure=Failure(code="TIMEOUT"))
    ledger.submissions.finish(submission.id, failed)
    expected = {Kind.IDENTIFY: DocumentState.IDENTIFIED, Kind.EXECUTE: DocumentState.EXECUTED}
    assert ledger.document(submission.document_id).state is expected[kind]


def test_the_answer_to_a_superseded_submission_is_not_used(ledger: Ledger) -> None:
    """A run that slept through its lease hears so; the answer is kept, the document waits for the new attempt."""
    submission = unknown(ledger)
    ledger.submissions.supersede(submission.id)
    with pytest.raises(ClaimLostError):
        ledger.submissions.finish(submission.id, executed("remote", {"n": 1}))
    assert state(ledger, submission) is SubmissionState.SUPERSEDED
    assert ledger.submissions.answer(submission.id) is not None
    assert ledger.submissions.execution(submission.document_id) is None


def test_the_first_last_word_stands(ledger: Ledger) -> None:
    """Two runs that waited for the same submission keep one answer, and the state that belongs to it."""
    submission = intended(ledger)
    ledger.submissions.accept(submission, "remote")
    ledger.submissions.finish(submission.id, executed("remote", {"n": 1}))
    ledger.submissions.finish(submission.id, Progress(remote_id="remote", status="ERROR", failure=Failure()))
    assert state(ledger, submission) is SubmissionState.SUCCEEDED
    assert ledger.extraction(submission.document_id).data == {"n": 1}


def test_turning_down_does_not_undo_an_acceptance(ledger: Ledger) -> None:
    """A webhook was faster than the time-out of the POST: the submission is accepted, and said to be."""
    submission = intended(ledger)
    ledger.submissions.hear(submission.id, "remote", ended=False)
    found = ledger.submissions.turn_down(submission.id, SubmissionState.UNKNOWN, message="time-out")
    assert (found.state, found.remote_id) == (SubmissionState.ACCEPTED, "remote")


@pytest.mark.parametrize("kind", Kind)
def test_news_puts_a_document_under_way(ledger: Ledger, kind: Kind) -> None:
    """Unknown becomes accepted under the id that the service named, and the review is over."""
    submission = unknown(ledger, kind, ended=True)
    found = ledger.submissions.hear(submission.id, "remote", ended=False)
    assert (found.state, found.remote_id, found.message) == (SubmissionState.ACCEPTED, "remote", None)
    assert found.accepted_at == submission.intended_at
    document = ledger.document(submission.document_id)
    under_way = {Kind.IDENTIFY: DocumentState.IDENTIFYING, Kind.EXECUTE: DocumentState.EXECUTING}
    assert (document.outcome, document.reason, document.state) == (None, None, under_way[kind])


def test_news_told_twice_or_out_of_order_changes_nothing_more(ledger: Ledger) -> None:
    """A webhook may be repeated, and "started" may come after "completed"; the id stays the first one."""
    submission = intended(ledger)
    ledger.submissions.hear(submission.id, "remote", ended=True)
    before = ledger.submissions.get(submission.id)
    ledger.submissions.hear(submission.id, "remote", ended=True)
    ledger.submissions.hear(submission.id, "another", ended=False)
    assert ledger.submissions.get(submission.id) == before
    assert ledger.submissions.told([submission.id]) == {submission.id}


def test_news_after_the_end_changes_nothing(ledger: Ledger) -> None:
    """What has its answer keeps it, and its document its outcome."""
    submission = intended(ledger)
    ledger.submissions.accept(submission, "remote")
    ledger.submissions.finish(submission.id, executed("remote", {}))
    ledger.end(submission.document_id, "run", Ending(Outcome.REVIEW, "doubt", Reason.FAILED_CHECKS))
    ledger.submissions.hear(submission.id, "remote", ended=True)
    assert state(ledger, submission) is SubmissionState.SUCCEEDED
    assert ledger.document(submission.document_id).outcome is Outcome.REVIEW
    assert ledger.submissions.told([submission.id]) == set()


def test_news_of_what_was_given_up_is_only_noted(ledger: Ledger) -> None:
    """A superseded submission keeps the id for the record; the document goes on with the next attempt."""
    submission = unknown(ledger)
    ledger.submissions.supersede(submission.id)
    found = ledger.submissions.hear(submission.id, "remote", ended=True)
    assert (found.state, found.remote_id) == (SubmissionState.SUPERSEDED, "remote")
    assert ledger.submissions.told([submission.id]) == set()


def test_an_answer_long_awaited_puts_its_document_under_way(ledger: Ledger) -> None:
    """A document in review since no answer came is taken up again once the service speaks of it."""
    submission = intended(ledger)
    ledger.submissions.accept(submission, "remote")
    ledger.end(submission.document_id, "run", Ending(Outcome.REVIEW, "late", Reason.NO_ANSWER))
    ledger.submissions.hear(submission.id, "remote", ended=True)
    assert ledger.document(submission.document_id).outcome is None


def test_told_is_what_has_ended(ledger: Ledger) -> None:
    """Of many that are asked for, those that the service is known to have ended, and no unknown ids."""
    first = intended(ledger, key="a.pdf")
    (id_,) = enter(ledger, "b.pdf")
    assert ledger.runs.claim(id_, "run")
    second, _ = ledger.submissions.intend(id_, Kind.EXECUTE, "run", "step")
    ledger.submissions.hear(first.id, "one", ended=False)
    ledger.submissions.hear(second.id, "two", ended=True)
    assert ledger.submissions.told([first.id, second.id, *(f"no-{n}" for n in range(1200))]) == {second.id}


def test_a_submission_is_found_by_its_intent_or_its_id(ledger: Ledger) -> None:
    """Whoever speaks of it may know only one of them."""
    submission = intended(ledger)
    ledger.submissions.accept(submission, "remote")
    for found in (ledger.submissions.named(submission.id, "?"), ledger.submissions.named(None, "remote")):
        assert found is not None
        assert found.id == submission.id
    assert ledger.submissions.named("?", "?") is None


def test_what_a_living_run_is_sending_is_not_in_doubt(ledger: Ledger) -> None:
    """An intent is in doubt once its run is dead; it can be settled then, and only then."""
    submission = intended(ledger)
    assert ledger.submissions.in_doubt() == []
    assert not ledger.submissions.never_arrived(submission.id)
    ledger.runs.renew("run", -1)
    (doubt,) = ledger.submissions.in_doubt()
    assert (doubt.submission.id, doubt.document.key) == (submission.id, "a.pdf")
    assert doubt.submission.message == "The process ended between the submission and its answer."
    assert ledger.submissions.never_arrived(submission.id)


def test_in_doubt_are_the_unknown_the_oldest_first(ledger: Ledger) -> None:
    """Each with its document and how its POST ended; those that were settled are gone."""
    submissions = []
    for id_ in held(ledger, "a.pdf", "b.pdf", "c.pdf"):
        submission, _ = ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
        submissions.append(ledger.submissions.turn_down(submission.id, SubmissionState.UNKNOWN, message="502"))
    ledger.submissions.hear(submissions[1].id, "remote", ended=False)
    doubts = ledger.submissions.in_doubt()
    assert [(doubt.document.key, doubt.submission.message) for doubt in doubts] == [("a.pdf", "502"), ("c.pdf", "502")]


def test_what_never_arrived_is_sent_again_under_its_intent(ledger: Ledger) -> None:
    """The document is under way again; the next run is handed the same intent."""
    submission = unknown(ledger, ended=True)
    assert ledger.submissions.never_arrived(submission.id)
    assert not ledger.submissions.never_arrived(submission.id)
    document = ledger.document(submission.document_id)
    assert (document.outcome, document.state) == (None, DocumentState.DISCOVERED)
    hold(ledger, "another", submission.document_id)
    again, mine = ledger.submissions.intend(submission.document_id, Kind.EXECUTE, "another", "step")
    assert (again.id, mine) == (submission.id, True)


def test_a_run_that_works_on_the_document_decides_itself(ledger: Ledger) -> None:
    """While it waits for news of an unknown submission, nobody else says that it never arrived."""
    submission = unknown(ledger)
    assert not ledger.submissions.never_arrived(submission.id)
    ledger.runs.end("run")
    assert ledger.submissions.never_arrived(submission.id)


@pytest.mark.parametrize("by", ["webhook", "its own POST"])
def test_what_arrived_after_all_is_not_sent_again(ledger: Ledger, by: str) -> None:
    """A person was mistaken: the service's id is the better knowledge, as long as nothing else was sent."""
    submission = unknown(ledger, ended=True)
    assert ledger.submissions.never_arrived(submission.id)
    if by == "webhook":
        ledger.submissions.hear(submission.id, "remote", ended=False)
    else:
        ledger.submissions.accept(submission, "remote")
    hold(ledger, "another", submission.document_id)
    found, mine = ledger.submissions.intend(submission.document_id, Kind.EXECUTE, "another", "step")
    assert (found.state, found.remote_id, mine) == (SubmissionState.ACCEPTED, "remote", False)


def test_an_identification_is_not_asked_for_twice(ledger: Ledger) -> None:
    """The same question has its answer already, and is handed out with it."""
    submission = intended(ledger, Kind.IDENTIFY)
    ledger.submissions.accept(submission, "remote")
    ledger.submissions.finish(submission.id, identified("remote"))
    found, mine = ledger.submissions.intend(submission.document_id, Kind.IDENTIFY, "run", "step")
    assert (found.state, mine) == (SubmissionState.SUCCEEDED, False)
