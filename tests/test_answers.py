"""Every form of a successful answer that the vendor's sources show, and what is no answer at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trayflow import answers
from trayflow.answers import ID_NAMES, GarbledAnswerError
from trayflow.models import Candidate, Failure, Progress, Status

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
#: Values under the names that mean something to us, where right and wrong ones meet.
NAMED = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | JSON.map(lambda value, name=name: {name: value})  # type: ignore[misc]
        for name in (*ID_NAMES, "document_type", "alternatives", "identification", "document_metadata", "error")
    }
    | {
        "status": st.sampled_from(["ENQUEUED", "SUCCESS", "ERROR", "completed", "failed", "?", "", None]) | JSON,
        "data": JSON | st.fixed_dictionaries({"status": JSON, "id": JSON, "result": JSON, "data": JSON}),
        "validation": JSON | st.fixed_dictionaries({"errors": JSON, "warnings": JSON}),
    },
)


def body(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def final(**answer: Any) -> Progress:
    """The progress of submission `x` by this answer."""
    return answers.progress({"id": "x", "status": "SUCCESS", **answer}, "x")


@pytest.mark.parametrize("name", ID_NAMES)
def test_an_id_is_found_under_each_of_its_names(name: str) -> None:
    """The reference says `id`, prose and examples say otherwise."""
    assert answers.accepted(body({name: "exec_1", "status": "ENQUEUED"})).remote_id == "exec_1"
    assert answers.progress({name: "exec_1", "status": "PROCESSING"}, "exec_1").status == "PROCESSING"


def test_an_id_that_is_a_number_is_an_id() -> None:
    """It is kept as text, since it becomes a part of an address."""
    assert answers.accepted(body({"id": 17})).remote_id == "17"


@pytest.mark.parametrize("useless", [None, "", " ", "a b", "..", "\x00", True, 1.5, ["x"], {}, "x" * 201])
def test_an_id_that_cannot_be_asked_for_is_none(useless: Any) -> None:
    """Another name of the same answer may hold a good one; without any, the answer is garbled."""
    assert answers.accepted(body({"id": useless, "execution_id": "good"})).remote_id == "good"
    with pytest.raises(GarbledAnswerError):
        answers.accepted(body({"id": useless, "status": "ENQUEUED"}))


def test_a_submission_that_does_not_say_its_status_is_enqueued() -> None:
    """An id is all that an answer to a submission needs."""
    assert answers.accepted(b'{"execution_id": "e"}').status == Status.ENQUEUED


def test_the_envelope_is_taken_off() -> None:
    """One of the vendor's documents wraps answers in `data`, with the fields under `result.data`."""
    assert answers.accepted(body({"data": {"execution_id": "e", "status": "ENQUEUED"}})).remote_id == "e"
    inner = {"execution_id": "e", "status": "SUCCESS", "result": {"data": {"total": 1.5}}}
    progress = answers.progress({"data": inner}, "e")
    assert (progress.status, progress.data) == ("SUCCESS", {"total": 1.5})
    assert progress.raw == inner


def test_fields_that_look_like_an_answer_are_no_envelope() -> None:
    """A document may well have a field `status` or `id`."""
    fields = {"id": "A-17", "status": "paid", "data": {"status": "x"}}
    progress = final(data=fields)
    assert progress.data == fields
    assert progress.status == "SUCCESS"


@pytest.mark.parametrize(
    ("said", "meant", "is_final"),
    [
        ("ENQUEUED", "ENQUEUED", False),
        ("PROCESSING", "PROCESSING", False),
        ("SUCCESS", "SUCCESS", True),
        ("ERROR", "ERROR", True),
        ("completed", "SUCCESS", True),
        ("failed", "ERROR", True),
        ("success", "SUCCESS", True),
        ("PAUSED", "PAUSED", False),
    ],
)
def test_statuses_of_the_api_and_of_webhooks(said: str, meant: str, is_final: bool) -> None:
    """Webhooks use other words than status answers; an unknown one is not final."""
    progress = answers.progress({"id": "x", "status": said}, "x")
    assert (progress.status, progress.is_final) == (meant, is_final)


def test_an_answer_about_another_submission_is_garbled() -> None:
    """One document's fields must not become another's, whatever mixed them up on the way."""
    with pytest.raises(GarbledAnswerError):
        answers.progress({"id": "y", "status": "SUCCESS", "data": {}}, "x")


def test_one_of_several_ids_is_enough() -> None:
    """An execution may carry the id of something else beside its own."""
    assert answers.progress({"id": "other", "conversion_id": "x", "status": "ENQUEUED"}, "x").remote_id == "x"


@pytest.mark.parametrize("status", [None, "", 3, {}, "\n"])
def test_an_answer_without_a_status_is_garbled(status: Any) -> None:
    """Nothing can be concluded from it, so it is asked for again."""
    with pytest.raises(GarbledAnswerError):
        answers.progress({"id": "x", "status": status}, "x")


def test_an_identification() -> None:
    """The winner, and what else it might be in the service's order."""
    other = {"code": "otro", "name": "Otro", "confidence": 0.01}
    winner = {"code": "invoice", "name": "Invoice", "confidence": 0.99}
    found = final(document_type=winner, alternatives=[winner, other]).identification
    assert found is not None
    assert found.document_type == Candidate(code="invoice", name="Invoice", confidence=0.99)
    assert [each.code for each in found.alternatives] == ["invoice", "otro"]


def test_an_identification_by_bare_codes() -> None:
    """One of the vendor's documents shows the code alone, the confidence beside it."""
    found = final(
        document_type="invoice", confidence=0.95, alternatives=[{"document_type": "receipt", "confidence": 0.04}]
    ).identification
    assert found is not None
    assert found.document_type == Candidate(code="invoice", confidence=0.95)
    assert found.alternatives == (Candidate(code="receipt", confidence=0.04),)


@pytest.mark.parametrize(
    "winner",
    [
        {"code": "invoice"},
        {"code": "invoice", "confidence": 1.5},
        {"code": "invoice", "confidence": "high"},
        {"code": "", "confidence": 0.9},
        {"code": None, "confidence": 0.9},
        {"confidence": 0.9},
        ["invoice"],
        17,
    ],
)
def test_a_winner_that_makes_no_sense_is_garbled(winner: Any) -> None:
    """Routes hang on it: it is asked for again rather than guessed."""
    with pytest.raises(GarbledAnswerError):
        final(document_type=winner)


def test_alternatives_that_make_no_sense_are_left_out() -> None:
    """They inform a person; they are not worth a document."""
    winner = {"code": "invoice", "name": None, "confidence": 0.9}
    found = final(document_type=winner, alternatives=[None, 3, {"code": "x"}, winner, "a"]).identification
    assert found is not None
    assert [each.code for each in found.alternatives] == ["invoice"]


def test_an_execution() -> None:
    """Fields of any JSON shape, what the step identified, the checks and what we sent along."""
    progress = final(
        conversion_id="x",
        step_id="extract-invoice",
        data={"number": "007", "total": 12.5, "lines": [{"sku": None}], "seller": {"name": "Ä"}},
        identification={"document_type": "invoice", "confidence": 0.8},
        validation={"errors": {"count": 2, "messages": ["a", "b"]}, "warnings": {"count": 9, "messages": ["c"]}},
        document_metadata={"trayflow_intent": "i"},
    )
    assert progress.data == {"number": "007", "total": 12.5, "lines": [{"sku": None}], "seller": {"name": "Ä"}}
    assert progress.identification is not None
    assert progress.identification.document_type == Candidate(code="invoice", confidence=0.8)
    assert (progress.validation.errors.count, progress.validation.errors.messages) == (2, ("a", "b"))
    assert (progress.validation.warnings.count, progress.validation.warnings.messages) == (9, ("c",))
    assert progress.metadata == {"trayflow_intent": "i"}
    assert progress.failure is None


def test_fields_count_only_after_success() -> None:
    """What is still being worked on, or has failed, is no result."""
    for status in ("PROCESSING", "ERROR"):
        progress = answers.progress({"id": "x", "status": status, "data": {"total": 1}}, "x")
        assert progress.data is None


@pytest.mark.parametrize("data", ["text", [], 3, True])
def test_fields_that_are_no_object_are_garbled(data: Any) -> None:
    """A type describes an object; anything else is asked for again."""
    with pytest.raises(GarbledAnswerError):
        final(data=data)


def test_a_step_may_extract_nothing() -> None:
    """A step that identifies or validates has no fields."""
    assert final(data=None).data is None
    assert final().data is None


@pytest.mark.parametrize(
    ("validation", "count", "messages"),
    [
        ({"errors": {"messages": ["a", "b"]}}, 2, ("a", "b")),
        ({"errors": ["a"]}, 1, ("a",)),
        ({"errors": {"count": 3, "messages": None}}, 3, ()),
        ({"errors": {"count": 1, "messages": [{"message": "a", "field": "b"}]}}, 1, ("a",)),
        ({"errors": None}, 0, ()),
        (None, 0, ()),
    ],
)
def test_checks_are_counted(validation: Any, count: int, messages: tuple[str, ...]) -> None:
    """By the service's own count, else by the messages."""
    errors = final(validation=validation).validation.errors
    assert (errors.count, errors.messages) == (count, messages)


@pytest.mark.parametrize("validation", ["ok", [], {"errors": 3}, {"errors": {"count": "many"}}])
def test_checks_that_make_no_sense_are_garbled(validation: Any) -> None:
    """A document must not pass for checked because we could not read the checks."""
    with pytest.raises(GarbledAnswerError):
        final(validation=validation)


@pytest.mark.parametrize(
    ("told", "code", "message"),
    [
        ({"error": "no text found"}, "", "no text found"),
        ({"error": "EXTRACTION_FAILED: no text found"}, "EXTRACTION_FAILED", "no text found"),
        (
            {"error": {"step": "s", "code": "VALIDATION_FAILED", "message": "no total"}},
            "VALIDATION_FAILED",
            "no total",
        ),
        ({"error": {"code": "TIMEOUT"}}, "TIMEOUT", ""),
        ({"message": "ended after 60 minutes"}, "", "ended after 60 minutes"),
        ({"error": "TIMEOUT", "message": "ended after 60 minutes"}, "", "TIMEOUT: ended after 60 minutes"),
        ({"error": {"code": "A_B"}, "message": "more"}, "A_B", "more"),
        ({"error": None}, "", ""),
        ({"error": [1]}, "", ""),
    ],
)
def test_why_the_service_gave_up(told: Any, code: str, message: str) -> None:
    """`error` and `message`, texts or objects: all are read."""
    progress = answers.progress({"id": "x", "status": "ERROR", **told}, "x")
    assert progress.failure == Failure(code=code, message=message)


def test_a_webhook_reads_like_a_status() -> None:
    """Its id is named `step_execution_id`, its status is in lower case."""
    event = {
        "step_execution_id": "x",
        "step_id": "s",
        "status": "completed",
        "data": {"total": 1},
        "document_metadata": '{"trayflow_intent": "i"}',
    }
    progress = answers.progress(event, "x")
    assert (progress.status, progress.data, progress.metadata) == (
        Status.SUCCESS,
        {"total": 1},
        {"trayflow_intent": "i"},
    )


@pytest.mark.parametrize("metadata", [None, "text", "[1]", 3, []])
def test_metadata_that_is_none_of_ours(metadata: Any) -> None:
    """Somebody else's submission, or none."""
    assert final(document_metadata=metadata).metadata == {}


def test_a_page_of_types() -> None:
    """Codes and names; drafts cannot be used and are left out, but count as rows of the page."""
    rows = [
        {"id": "1", "codeType": "invoice", "name": "Invoice", "isDraft": False},
        {"id": "2", "codeType": "draft", "name": "Draft", "isDraft": True},
    ]
    page = answers.type_page({"data": rows, "pagination": {"total": 7, "page": 1, "limit": 2}})
    assert [(known.code, known.name) for known in page.usable] == [("invoice", "Invoice")]
    assert (page.rows, page.total) == (2, 7)


def test_a_page_without_pagination_is_the_only_one() -> None:
    """Then there is no further page to ask for."""
    assert answers.type_page({"data": [{"code": "a"}]}).total == 1


@pytest.mark.parametrize("answer", [{}, {"data": {}}, {"data": [None]}, {"data": [{"name": "x"}]}])
def test_what_is_no_page_of_types(answer: Any) -> None:
    """A list without its types must not look like an account that has none."""
    with pytest.raises(GarbledAnswerError):
        answers.type_page(answer)


@pytest.mark.parametrize("envelope", [False, True])
def test_one_type(envelope: bool) -> None:
    """With its schema, bare or in an envelope."""
    row = {"id": "1", "codeType": "invoice", "name": "Invoice", "jsonSchema": {"type": "object"}}
    known = answers.document_type({"data": row} if envelope else row)
    assert (known.code, known.name, known.json_schema) == ("invoice", "Invoice", {"type": "object"})


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"x"',
        b'{"id": NaN}',
        b'{"id": Infinity}',
        b'{"total": 1e999}',
        b'{"id": "\xff"}',
        b'{"id": "x"',
        b"[" * 5000,
        b'{"n": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object(garbage: bytes) -> None:
    """Also what Python would take for JSON but nobody else."""
    with pytest.raises(GarbledAnswerError):
        answers.parsed(garbage)


def test_half_of_a_surrogate_pair_becomes_a_question_mark() -> None:
    """It is valid JSON, but no file or database takes it."""
    assert answers.parsed(rb'{"name": "a\ud800b", "smile": "\ud83d\ude00"}') == {"name": "a?b", "smile": "😀"}


def test_a_byte_order_mark_does_no_harm() -> None:
    """Some servers send one."""
    assert answers.parsed(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_words_of_the_service_fit_into_one_line() -> None:
    """Neither line breaks nor escape sequences reach a terminal, nor do signatures in addresses."""
    assert answers.said("a\n\x1b[31mb\t c") == "a [31mb c"
    assert answers.said("Error accessing https://x/a.pdf?Signature=abc: 404") == "Error accessing https://x/a.pdf?… 404"
    assert len(answers.said("x" * 5000)) == 300
    assert answers.said({"no": "text"}) == ""


@given(st.binary(max_size=60) | JSON.map(body) | NAMED.map(body))
def test_a_submissions_answer_is_read_or_garbled(raw: bytes) -> None:
    """Whatever comes, nothing but `GarbledAnswerError` is raised, and an id that is found can be asked for."""
    try:
        remote_id = answers.accepted(raw).remote_id
    except GarbledAnswerError:
        return
    assert remote_id.isprintable()
    assert remote_id.strip()


@given(NAMED)
def test_a_status_answer_is_read_or_garbled(answer: dict[str, Any]) -> None:
    """Whatever comes, nothing but `GarbledAnswerError` is raised; what is kept of an answer reads the same again."""
    try:
        progress = answers.progress(answer, "x")
    except GarbledAnswerError:
        return
    assert answers.progress(json.loads(json.dumps(progress.raw)), "x") == progress


@given(JSON | st.fixed_dictionaries({"data": st.lists(JSON | st.fixed_dictionaries({"codeType": JSON}))}))
def test_a_page_of_types_is_read_or_garbled(answer: Any) -> None:
    """Whatever comes, nothing but `GarbledAnswerError` is raised."""
    if isinstance(answer, dict):
        try:
            answers.type_page(answer)
        except GarbledAnswerError:
            return
