"""What the ledger promises, on the SQLite file that a newcomer has and on Postgres."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import NoResultFound

from trayflow.errors import SettingsError
from trayflow.ledger import Ledger, LedgerGrewError, SubmissionState
from trayflow.models import (
    Candidate,
    Ending,
    Failure,
    Found,
    Identification,
    Kind,
    Outcome,
    Progress,
    Spooled,
    TableState,
)
from trayflow.reasons import Reason

SOURCE = "file:///inbox"


def spooled(sha256: str) -> Spooled:
    return Spooled(Path("x"), 1, sha256, "application/pdf")


def identified(remote_id: str) -> Progress:
    winner = Candidate(code="invoice", name="Invoice", confidence=0.95)
    raw = {"id": remote_id, "status": "SUCCESS"}
    return Progress(remote_id=remote_id, status="SUCCESS", identification=Identification(document_type=winner), raw=raw)


def executed(remote_id: str, data: dict[str, object]) -> Progress:
    raw = {"id": remote_id, "status": "SUCCESS", "data": data}
    return Progress(remote_id=remote_id, status="SUCCESS", data=data, raw=raw)


def enter(ledger: Ledger, *keys: str, version: str = "v1") -> list[str]:
    page = ledger.discover(SOURCE, [Found(key, version, 1) for key in keys], "file:///tables")
    return [document.id for document in page.documents]


def held(ledger: Ledger, *keys: str, by: str = "run") -> list[str]:
    """Documents that a run has claimed."""
    ids = enter(ledger, *keys)
    hold(ledger, by, *ids)
    return ids


def hold(ledger: Ledger, run_id: str, *ids: str) -> None:
    """Let a run have documents, whoever held them: that one is dead now."""
    for other in ("run", "another", "writer"):
        ledger.runs.renew(other, -1)
    ledger.runs.start(run_id, 60)
    for id_ in ids:
        assert ledger.runs.claim(id_, run_id, ledger.document(id_).outcome)


def write(ledger: Ledger, id_: str, data: dict[str, object], destination: str = "file:///tables") -> None:
    hold(ledger, "writer", id_)
    for kind, step, progress in (
        (Kind.IDENTIFY, "", identified("i" + id_)),
        (Kind.EXECUTE, "s", executed("e" + id_, data)),
    ):
        submission, _ = ledger.submissions.intend(id_, kind, "writer", step)
        ledger.submissions.accept(submission, progress.remote_id)
        ledger.submissions.finish(submission.id, progress)
    ledger.close_append(destination, [], [id_])


def test_a_page_is_entered_once(ledger: Ledger) -> None:
    """The same listing again needs no work once its documents ended, and adds no rows before that."""
    (first,) = held(ledger, "a.pdf")
    assert enter(ledger, "a.pdf") == [first]
    ledger.end(first, "run", Ending(Outcome.REVIEW, "none", Reason.OTHER_TYPE))
    page = ledger.discover(SOURCE, [Found("a.pdf", "v1", 1)], "file:///tables")
    assert (page.documents, page.unchanged) == ((), 1)
    assert ledger.counts() == {"review": 1}


def test_a_changed_object_is_a_new_document(ledger: Ledger) -> None:
    """Another version under the same key has an id and an outcome of its own."""
    (first,) = held(ledger, "a.pdf")
    ledger.end(first, "run", Ending(Outcome.REVIEW, "none", Reason.OTHER_TYPE))
    (second,) = enter(ledger, "a.pdf", version="v2")
    assert second != first


def test_a_written_document_is_wanted_in_another_destination(ledger: Ledger) -> None:
    """Rows are wanted where they are not yet: a new destination gets them from the ledger's results."""
    (id_,) = enter(ledger, "a.pdf")
    write(ledger, id_, {"n": 1})
    found = [Found("a.pdf", "v1", 1)]
    assert ledger.discover(SOURCE, found, "file:///tables").documents == ()
    (again,) = ledger.discover(SOURCE, found, "file:///elsewhere").documents
    assert (again.id, again.outcome) == (id_, Outcome.WRITTEN)


def test_a_page_tells_what_needs_work_in_its_order(ledger: Ledger) -> None:
    """What is new, what is under way, and what is written elsewhere only; what is written here or has ended is not."""
    written, elsewhere, review, _ = enter(ledger, "written", "elsewhere", "review", "under way")
    write(ledger, written, {"n": 1})
    write(ledger, elsewhere, {"n": 1}, "file:///elsewhere")
    hold(ledger, "run", review)
    ledger.end(review, "run", Ending(Outcome.REVIEW, "none", Reason.OTHER_TYPE))
    keys = ["under way", "z new", "review", "written", "a new", "elsewhere", "z new"]
    page = ledger.discover(SOURCE, [Found(key, "v1", 1) for key in keys], "file:///tables")
    assert [document.key for document in page.documents] == ["under way", "z new", "a new", "elsewhere"]
    assert page.unchanged == 2


def test_the_first_outcome_stands(ledger: Ledger) -> None:
    """A document ends once; a second ending changes nothing."""
    (id_,) = held(ledger, "a.pdf")
    assert ledger.end(id_, "run", Ending(Outcome.QUARANTINED, "locked", Reason.ENCRYPTED))
    assert not ledger.end(id_, "run", Ending(Outcome.REVIEW, "none", Reason.OTHER_TYPE))
    assert ledger.document(id_).outcome is Outcome.QUARANTINED


def test_the_same_bytes_belong_to_whoever_came_first(ledger: Ledger) -> None:
    """The second document with a hash is told whose duplicate it is; the first may ask again."""
    first, second = enter(ledger, "a.pdf", "b.pdf")
    assert ledger.enter_bytes(first, spooled("00")) is None
    assert ledger.enter_bytes(second, spooled("00")) == first
    assert ledger.enter_bytes(first, spooled("00")) is None


def test_a_claim_holds_while_its_run_lives(ledger: Ledger) -> None:
    """Another run gets nothing from a living one, and everything from one whose lease ran out."""
    (id_,) = enter(ledger, "a.pdf")
    ledger.runs.start("one", 60)
    ledger.runs.start("two", 60)
    assert ledger.runs.claim(id_, "one")
    assert ledger.runs.claim(id_, "one")
    assert not ledger.runs.claim(id_, "two")
    ledger.runs.renew("one", -1)
    assert ledger.runs.claim(id_, "two")


def test_an_ended_run_gives_its_documents_back(ledger: Ledger) -> None:
    """What a run left undone is free the moment it ends, long before its lease would have run out."""
    (id_,) = enter(ledger, "a.pdf")
    ledger.runs.start("one", 3600)
    ledger.runs.start("two", 3600)
    assert ledger.runs.claim(id_, "one")
    ledger.runs.end("one")
    assert ledger.runs.claim(id_, "two")


def test_an_ended_document_is_claimed_by_nobody(ledger: Ledger) -> None:
    """A run that discovered it before another one ended it has nothing left to do."""
    (id_,) = held(ledger, "a.pdf")
    ledger.runs.start("one", 60)
    ledger.end(id_, "run", Ending(Outcome.REVIEW, "none", Reason.OTHER_TYPE))
    assert not ledger.runs.claim(id_, "one")
    assert ledger.runs.claim(id_, "one", Outcome.REVIEW)


def claim_all(url: str, run_id: str, ids: list[str], won: multiprocessing.Queue[tuple[str, str]]) -> None:
    ledger = Ledger.open(url)
    ledger.runs.start(run_id, 60)
    for id_ in ids:
        if ledger.runs.claim(id_, run_id):
            won.put((id_, run_id))
    ledger.close()


def test_two_processes_never_hold_the_same_document(ledger: Ledger, ledger_url: str) -> None:
    """Side by side over one ledger, each document is claimed exactly once."""
    ids = enter(ledger, *(f"{n}.pdf" for n in range(60)))
    spawn = multiprocessing.get_context("spawn")
    won = spawn.Queue()
    workers = [spawn.Process(target=claim_all, args=(ledger_url, name, ids, won)) for name in ("one", "two")]
    for worker in workers:
        worker.start()
    claims = [won.get(timeout=60) for _ in ids]
    for worker in workers:
        worker.join()
    assert sorted(id_ for id_, _ in claims) == sorted(ids)
    assert won.empty()


def test_an_intent_is_posted_once(ledger: Ledger) -> None:
    """Accepted once, the same intent is never handed out again; it keeps its remote id."""
    (id_,) = held(ledger, "a.pdf")
    submission, mine = ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
    assert mine
    ledger.submissions.accept(submission, "remote")
    hold(ledger, "another", id_)
    again, mine = ledger.submissions.intend(id_, Kind.IDENTIFY, "another")
    assert (mine, again.state, again.remote_id) == (False, SubmissionState.ACCEPTED, "remote")


def test_a_refused_submission_may_be_sent_again(ledger: Ledger) -> None:
    """What the service did not take by its own word is handed out for another try, under the same intent."""
    (id_,) = held(ledger, "a.pdf")
    first, _ = ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
    ledger.submissions.turn_down(first.id, SubmissionState.REFUSED, message="503")
    again, mine = ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
    assert (mine, again.id) == (True, first.id)


def test_an_intent_nobody_followed_up_is_unknown(ledger: Ledger) -> None:
    """A process that died after its intent may have submitted: whoever finds it does not send it again."""
    (id_,) = held(ledger, "a.pdf")
    ledger.submissions.intend(id_, Kind.EXECUTE, "run", "step")
    hold(ledger, "another", id_)
    found, mine = ledger.submissions.intend(id_, Kind.EXECUTE, "another", "step")
    assert (mine, found.state) == (False, SubmissionState.UNKNOWN)
    _, mine = ledger.submissions.intend(id_, Kind.EXECUTE, "another", "step")
    assert not mine


def test_a_late_acceptance_settles_an_unknown_submission(ledger: Ledger) -> None:
    """The id is the better knowledge, even if somebody gave the submission up meanwhile."""
    (id_,) = held(ledger, "a.pdf")
    submission, _ = ledger.submissions.intend(id_, Kind.EXECUTE, "run", "step")
    hold(ledger, "another", id_)
    ledger.submissions.intend(id_, Kind.EXECUTE, "another", "step")
    ledger.submissions.accept(submission, "remote")
    found = ledger.submissions.get(submission.id)
    assert found is not None
    assert (found.state, found.remote_id) == (SubmissionState.ACCEPTED, "remote")


def test_other_candidates_are_another_question(ledger: Ledger) -> None:
    """An identification among other types is a submission of its own, once the first has ended."""
    (id_,) = held(ledger, "a.pdf")
    first, _ = ledger.submissions.intend(id_, Kind.IDENTIFY, "run", settings="a,b")
    ledger.submissions.accept(first, "remote")
    ledger.submissions.finish(first.id, identified("remote"))
    second, mine = ledger.submissions.intend(id_, Kind.IDENTIFY, "run", settings="a,b,c")
    assert mine
    assert first.id != second.id


def test_what_is_open_is_the_only_one_of_its_kind(ledger: Ledger) -> None:
    """While an execution may still end, a new route does not make a second one."""
    (id_,) = held(ledger, "a.pdf")
    first, _ = ledger.submissions.intend(id_, Kind.EXECUTE, "run", "step")
    ledger.submissions.turn_down(first.id, SubmissionState.UNKNOWN, message="cut")
    found, mine = ledger.submissions.intend(id_, Kind.EXECUTE, "run", "another-step")
    assert (mine, found.id) == (False, first.id)


def test_an_identification_is_kept_with_its_document(ledger: Ledger) -> None:
    """Type and confidence stand in the document's row, the whole answer in the results."""
    (id_,) = held(ledger, "a.pdf")
    submission, _ = ledger.submissions.intend(id_, Kind.IDENTIFY, "run")
    ledger.submissions.accept(submission, "remote")
    ledger.submissions.finish(submission.id, identified("remote"))
    document = ledger.document(id_)
    assert (document.document_type, document.confidence) == ("invoice", 0.95)
    assert ledger.submissions.answer(submission.id) == {"id": "remote", "status": "SUCCESS"}


def test_a_failed_execution_yields_no_extraction(ledger: Ledger) -> None:
    """An ERROR is kept with its code and message, and never becomes rows."""
    (id_,) = held(ledger, "a.pdf")
    submission, _ = ledger.submissions.intend(id_, Kind.EXECUTE, "run", "step")
    ledger.submissions.accept(submission, "remote")
    failure = Failure(code="TIMEOUT", message="took too long")
    ledger.submissions.finish(submission.id, Progress(remote_id="remote", status="ERROR", failure=failure))
    found = ledger.submissions.get(submission.id)
    assert found is not None
    assert (found.state, found.code) == (SubmissionState.FAILED, "TIMEOUT")
    with pytest.raises(NoResultFound):
        ledger.extraction(found.document_id)


def test_extractions_come_back_as_they_were(ledger: Ledger) -> None:
    """A rebuild reads every written document's fields, in the order they were written."""
    first, second = enter(ledger, "a.pdf", "b.pdf")
    write(ledger, second, {"total": 12.5, "number": "007"})
    write(ledger, first, {"total": None})
    extractions = list(ledger.extractions(datetime.now(UTC)))
    assert [extraction.data for extraction in extractions] == [{"total": 12.5, "number": "007"}, {"total": None}]
    assert extractions[0].step_id == "s"
    assert extractions[0].execution_id == "e" + second


def test_an_append_is_open_until_it_is_committed(ledger: Ledger) -> None:
    """The flag set before the first byte goes with the commit that records lengths and documents."""
    (id_,) = enter(ledger, "a.pdf")
    ledger.open_append("file:///tables")
    assert ledger.append_is_open("file:///tables")
    state = TableState("invoice", ("a", "b"), 120, 3)
    ledger.close_append("file:///tables", [state], [id_])
    assert not ledger.append_is_open("file:///tables")
    assert ledger.table_states("file:///tables") == {"invoice": state}
    assert ledger.is_written("file:///tables", id_)
    assert ledger.document(id_).outcome is Outcome.WRITTEN


def test_a_rebuild_replaces_what_was_recorded(ledger: Ledger) -> None:
    """After it, only the rebuilt tables are known, and every written document counts as being in them."""
    (id_,) = enter(ledger, "a.pdf")
    write(ledger, id_, {"n": 1})
    ledger.close_append("file:///new", [TableState("old", ("x",), 1, 1)], [])
    state = TableState("invoice", ("n",), 10, 1)
    ledger.replace_tables("file:///new", [state], datetime.now(UTC), documents=1)
    assert ledger.table_states("file:///new") == {"invoice": state}
    assert ledger.is_written("file:///new", id_)


def test_a_rebuild_that_lacks_a_document_is_refused(ledger: Ledger) -> None:
    """What another run ended meanwhile would count as written here without its rows."""
    first, second = enter(ledger, "a.pdf", "b.pdf")
    write(ledger, first, {"n": 1})
    write(ledger, second, {"n": 2}, destination="file:///elsewhere")
    with pytest.raises(LedgerGrewError):
        ledger.replace_tables("file:///tables", [], datetime.now(UTC), documents=1)
    assert not ledger.is_written("file:///tables", second)


def test_durations_are_those_of_the_step_the_last_first(ledger: Ledger) -> None:
    """A step nobody ran has none."""
    assert ledger.submissions.durations(Kind.EXECUTE, "step") == []
    for seconds, id_ in zip((1.5, 2.5), held(ledger, "a.pdf", "b.pdf"), strict=True):
        submission, _ = ledger.submissions.intend(id_, Kind.EXECUTE, "run", "step")
        ledger.submissions.accept(submission, f"e{id_}")
        ledger.submissions.finish(submission.id, executed(f"e{id_}", {}), seconds)
    assert ledger.submissions.durations(Kind.EXECUTE, "step") == [2.5, 1.5]


def test_a_ledger_keeps_its_id(ledger: Ledger, ledger_url: str) -> None:
    """Opened again, it is the same ledger; another file is another one."""
    again = Ledger.open(ledger_url)
    assert again.id == ledger.id
    again.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "no database URL"),
        ("mysql://root@localhost/x", "SQLite and Postgres"),
        ("sqlite://", "give it a file"),
        ("sqlite:////proc/nowhere/ledger.db", "cannot be"),
        ("postgresql://u:hidden@127.0.0.1:9/x", "cannot be opened"),
    ],
)
def test_a_wrong_address_is_a_clear_error(url: str, says: str) -> None:
    """What is wrong with a ledger's URL is said, without its password."""
    with pytest.raises(SettingsError, match=says) as error:
        Ledger.open(url)
    assert "hidden" not in str(error.value)
