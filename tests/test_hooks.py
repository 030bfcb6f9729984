"""What events say, whether the service says it, and what of it the ledger takes."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trayflow.answers import GarbledAnswerError
from trayflow.hooks import Heard, is_signed, may_be_signed, read_event
from trayflow.ledger import Ledger, Submission, SubmissionState
from trayflow.models import Document, Ending, Found, Kind, Outcome
from trayflow.reasons import Reason

SECRET = b"whsec"
INTENT = "0123456789abcdef0123456789abcdef"
BODY = b'{"step_execution_id": "x"}'


def signature(body: bytes, secret: bytes = SECRET, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(secret, body, algorithm).hexdigest()}"


def heard(name: str | None = None, **event: Any) -> Heard:
    return read_event(json.dumps(event).encode(), name)


# --- the signature -------------------------------------------------------------------------------------------------


def test_a_signature_of_the_raw_body_is_good() -> None:
    """Byte for byte, in either case of the hexadecimal digits."""
    assert is_signed(BODY, signature(BODY), SECRET)
    assert is_signed(BODY, "sha256=" + signature(BODY)[7:].upper(), SECRET)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "sha256=",
        signature(BODY).removeprefix("sha256="),
        signature(BODY, algorithm="sha1"),
        signature(BODY, algorithm="sha512"),
        "md5=" + hashlib.md5(BODY).hexdigest(),  # noqa: S324 - that is the point
        "sha1=" + signature(BODY)[7:],
        "sha256=" + hashlib.sha256(BODY).hexdigest(),
        signature(BODY, b"another secret"),
        signature(BODY + b" "),
        signature(BODY)[:-1],
        signature(BODY) + "0",
        signature(BODY)[:-1] + "é",
    ],
)
def test_any_other_is_not(wrong: str | None) -> None:
    """Missing, of another algorithm, without a key, with another key, of other bytes, cut."""
    assert not is_signed(BODY, wrong, SECRET)


@given(st.one_of(st.none(), st.text()), st.binary())
def test_no_header_breaks_the_check(header: str | None, body: bytes) -> None:
    """Whatever strangers send is refused, without an error."""
    assert not is_signed(body, header, SECRET)
    assert may_be_signed(header) in (True, False)


# --- what an event says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"step_execution_id": "x", "step_id": "s"}, Kind.EXECUTE),
        ({"identification_id": "x"}, Kind.IDENTIFY),
        ({"conversion_id": "x"}, Kind.EXECUTE),
        ({"execution_id": "x"}, None),
        ({"id": "x"}, None),
        ({"event": "STEP_COMPLETED", "data": {"step_execution_id": "x", "status": "completed"}}, Kind.EXECUTE),
    ],
)
def test_ids_under_all_their_names(event: dict[str, Any], kind: Kind | None) -> None:
    """Bare or in an envelope; an id's name tells what was asked, unless it is one for all."""
    assert (heard(**event).remote_ids, heard(**event).kind) == (("x",), kind)


def test_an_events_own_name_for_an_id_comes_first() -> None:
    """`id` might be the event's: it is looked up as well, but a submission is not called after it."""
    assert heard(id="e", step_execution_id="x", conversion_id="x").remote_ids == ("x", "e")


@pytest.mark.parametrize("name", ["STEP_COMPLETED", "step_failed"])
def test_the_header_tells_the_kind_where_the_id_does_not(name: str) -> None:
    """In whatever case it comes."""
    assert heard(name, id="x").kind is Kind.EXECUTE
    assert heard(name, identification_id="x").kind is Kind.IDENTIFY


@pytest.mark.parametrize(
    ("name", "status", "ended"),
    [
        ("STEP_STARTED", "PROCESSING", False),
        ("STEP_COMPLETED", "completed", True),
        ("STEP_FAILED", "failed", True),
        ("IDENTIFICATION_COMPLETED", None, True),
        ("CONVERSION_FAILED", None, True),
        (None, "completed", True),
        (None, "SUCCESS", True),
        (None, "error", True),
        (None, None, False),
        (None, "ENQUEUED", False),
        ("STEP_STARTED", "completed", True),
        ("STEP_COMPLETED", "PROCESSING", True),
        ("SOMETHING_NEW", None, False),
        ("", "", False),
        (None, 7, False),
    ],
)
def test_whether_it_has_ended(name: str | None, status: Any, ended: bool) -> None:
    """It has if header or status says so, whatever the other one says."""
    assert heard(name, step_execution_id="x", status=status).ended is ended


@pytest.mark.parametrize("metadata", [{"trayflow_intent": INTENT}, json.dumps({"trayflow_intent": INTENT})])
def test_our_own_name_for_it_comes_back(metadata: Any) -> None:
    """As an object or, since multipart sends texts, as JSON text; in an envelope or beside it."""
    assert heard(step_execution_id="x", document_metadata=metadata).intent == INTENT
    assert heard(data={"id": "x", "document_metadata": metadata}).intent == INTENT
    assert heard(data={"id": "x"}, document_metadata=metadata).intent == INTENT


@pytest.mark.parametrize(
    "metadata",
    [None, "", "text", [], 3, {}, {"trayflow_intent": 3}, {"trayflow_intent": "x\0"}, {"trayflow_intent": INTENT * 9}],
)
def test_metadata_of_others_is_no_intent(metadata: Any) -> None:
    """Nothing that is no intent of ours reaches the ledger."""
    assert heard(step_execution_id="x", document_metadata=metadata).intent is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"text",
        b"[]",
        b'"x"',
        b"null",
        b"{}",
        b'{"id": ""}',
        b'{"id": "a b"}',
        b'{"id": {"id": "x"}}',
        b'{"status": "completed"}',
        b'{"id": NaN}',
        b'{"id": "x"',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_told_as_such(body: bytes) -> None:
    """No JSON, no object, no id."""
    with pytest.raises(GarbledAnswerError):
        read_event(body)


def test_nothing_of_the_document_is_kept() -> None:
    """What was heard holds names and a fact, and not the fields that came with them."""
    told = heard("STEP_COMPLETED", step_execution_id="x", status="completed", data={"iban": "DE89"}, error="DE89")
    assert "DE89" not in repr(told)


# --- what the ledger takes -----------------------------------------------------------------------------------------


def submitted(ledger: Ledger, kind: Kind = Kind.EXECUTE) -> Submission:
    """A document whose submission is about to be made."""
    page = ledger.discover("file:///inbox", [Found("a.pdf", "v1", 1)], "file:///tables")
    ledger.runs.start("run", 60)
    assert ledger.runs.claim(page.documents[0].id, "run")
    return ledger.submissions.intend(page.documents[0].id, kind, "run", "step")[0]


def document_of(ledger: Ledger, submission: Submission) -> Document:
    return ledger.document(submission.document_id)


def state_of(ledger: Ledger, submission: Submission) -> tuple[SubmissionState, str | None, bool]:
    """State, id, and whether the service is known to have ended it."""
    now = ledger.submissions.get(submission.id)
    assert now is not None
    return now.state, now.remote_id, bool(ledger.submissions.told([submission.id]))


def test_a_known_id_decides_what_an_event_is_about(ledger: Ledger) -> None:
    """Another id under the same intent is another execution; before an id is known, the kind has to fit."""
    submission = submitted(ledger)
    assert heard(step_execution_id="x").is_about(submission)
    assert heard(id="x").is_about(submission)
    assert not heard(identification_id="x").is_about(submission)
    accepted = ledger.submissions.accept(submission, "x")
    assert heard(id="x").is_about(accepted)
    assert heard(id="event", conversion_id="x").is_about(accepted)
    assert not heard(step_execution_id="y").is_about(accepted)


def test_replays_change_nothing(ledger: Ledger) -> None:
    """A hundred times the same, and what came before it once more."""
    submission = ledger.submissions.accept(submitted(ledger), "x")
    assert state_of(ledger, submission) == (SubmissionState.ACCEPTED, "x", False)
    for ended in [True] * 100 + [False]:
        ledger.submissions.hear(submission.id, "x", ended=ended)
        assert state_of(ledger, submission) == (SubmissionState.ACCEPTED, "x", True)


@pytest.mark.parametrize("state", [SubmissionState.UNKNOWN, SubmissionState.REFUSED])
def test_what_the_service_speaks_of_is_not_sent_again(ledger: Ledger, state: SubmissionState) -> None:
    """Unknown, or refused as it seemed: it was accepted, and nobody is told to POST it once more."""
    submission = submitted(ledger)
    ledger.submissions.turn_down(submission.id, state, message="cut")
    ledger.submissions.hear(submission.id, "x", ended=False)
    assert state_of(ledger, submission) == (SubmissionState.ACCEPTED, "x", False)
    again, mine = ledger.submissions.intend(submission.document_id, Kind.EXECUTE, "run", "step")
    assert (again.id, again.message, mine) == (submission.id, None, False)


def test_an_event_may_be_faster_than_the_answer(ledger: Ledger) -> None:
    """The id that comes with the answer is the same; a cut answer no longer makes it unknown."""
    submission = submitted(ledger)
    ledger.submissions.hear(submission.id, "x", ended=True)
    assert ledger.submissions.turn_down(submission.id, SubmissionState.UNKNOWN).state is SubmissionState.ACCEPTED
    assert ledger.submissions.accept(submission, "x").state is SubmissionState.ACCEPTED
    assert state_of(ledger, submission) == (SubmissionState.ACCEPTED, "x", True)


def test_another_id_replaces_none(ledger: Ledger) -> None:
    """A submission that is known under an id is not ended by what is said of another one."""
    submission = ledger.submissions.accept(submitted(ledger), "x")
    ledger.submissions.hear(submission.id, "y", ended=True)
    assert state_of(ledger, submission) == (SubmissionState.ACCEPTED, "x", False)


def test_a_superseded_submission_stays_superseded(ledger: Ledger) -> None:
    """Its id is kept for the record, and the attempt after it is not touched."""
    first = submitted(ledger)
    ledger.submissions.turn_down(first.id, SubmissionState.UNKNOWN)
    assert ledger.submissions.supersede(first.id)
    second, mine = ledger.submissions.intend(first.document_id, Kind.EXECUTE, "run", "step")
    assert mine
    ledger.submissions.hear(first.id, "x", ended=True)
    assert state_of(ledger, first) == (SubmissionState.SUPERSEDED, "x", False)
    assert state_of(ledger, second) == (SubmissionState.INTENDED, None, False)


@pytest.mark.parametrize("reason", [Reason.SUBMISSION_UNKNOWN, Reason.NO_ANSWER])
def test_late_news_puts_a_document_under_way_again(ledger: Ledger, reason: Reason) -> None:
    """One that had ended for want of news, and no other."""
    submission = submitted(ledger)
    ledger.submissions.turn_down(submission.id, SubmissionState.UNKNOWN)
    ledger.end(submission.document_id, "run", Ending(Outcome.REVIEW, "none", reason))
    ledger.submissions.hear(submission.id, "x", ended=True)
    assert document_of(ledger, submission).outcome is None


def test_late_news_changes_no_other_ending(ledger: Ledger) -> None:
    """Whoever sent it to review for another reason has decided."""
    submission = ledger.submissions.accept(submitted(ledger), "x")
    ledger.end(submission.document_id, "run", Ending(Outcome.REVIEW, "none", Reason.FAILED_CHECKS))
    ledger.submissions.hear(submission.id, "x", ended=True)
    assert document_of(ledger, submission).reason == Reason.FAILED_CHECKS


def test_a_submission_is_found_by_either_name(ledger: Ledger) -> None:
    """By our intent, else by the service's id; strangers are found by neither."""
    submission = ledger.submissions.accept(submitted(ledger), "x")
    for intent, remote_id in ((submission.id, "unheard"), (None, "x"), ("0" * 32, "x")):
        found = ledger.submissions.named(intent, remote_id)
        assert found is not None
        assert found.id == submission.id
    assert ledger.submissions.named("0" * 32, "y") is None
