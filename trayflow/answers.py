"""What the service's answers mean, in every form that its reference, SDK, prose and examples show. Pure: no I/O.

The vendor's sources name the same things differently. All their forms are read here, so that nothing else needs to
know. What an answer means that is no success is in `trayflow.refusals`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

from pydantic import ValidationError

from trayflow.models import (
    Accepted,
    Candidate,
    Failure,
    Findings,
    Identification,
    Progress,
    Status,
    TypeSchema,
    Validation,
)

#: Names under which the id of a submission was seen; where an answer has several, the first one counts.
ID_NAMES = ("id", "execution_id", "conversion_id", "identification_id", "step_execution_id")

#: Webhooks say in lower case what status answers say in capitals. Words not listed here are kept, and are not final.
STATUS_WORDS = {"COMPLETED": Status.SUCCESS, "FAILED": Status.ERROR}

#: Characters of the service's own words that go into messages, of a status, and of an id.
LONGEST_MESSAGE = 300
LONGEST_STATUS = 40
LONGEST_ID = 200

#: An error may be given as a text that begins with its code.
CODED = re.compile(r"([A-Z][A-Z0-9_]{2,}): (.*)", re.DOTALL)

#: The query of an address can hold a signature that opens a document to everybody.
QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]+")


class GarbledAnswerError(ValueError):
    """The bytes are no answer of this service."""


class TypePage(NamedTuple):
    """A page of document types: those that can be used (drafts cannot), and how many rows it and all pages have."""

    usable: list[TypeSchema]
    rows: int
    total: int


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises `GarbledAnswerError` for anything else. NaN, Infinity and numbers too large for a float are no JSON to us.
    Half of a surrogate pair, which no file can hold, becomes a question mark.
    """
    try:
        text = body.decode("utf-8-sig")
        answer = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:
            answer = json.loads(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise GarbledAnswerError("it is no JSON") from None
    if not isinstance(answer, dict):
        raise GarbledAnswerError("it is no JSON object")
    return answer


def accepted(body: bytes) -> Accepted:
    """The id of a submission that was taken. Raises `GarbledAnswerError` when there is none to be found."""
    answer = unwrapped(parsed(body))
    ids = _ids(answer)
    if not ids:
        raise GarbledAnswerError("it holds no id")
    return Accepted(remote_id=ids[0], status=status_of(answer) or Status.ENQUEUED)


def progress(answer: Mapping[str, Any], remote_id: str) -> Progress:
    """How the submission `remote_id` stands. Raises `GarbledAnswerError` for anything else.

    Reading the `raw` of a progress gives the same progress again.
    """
    answer = unwrapped(answer)
    ids = _ids(answer)
    if ids and remote_id not in ids:
        raise GarbledAnswerError("it is about another submission")
    status = status_of(answer)
    if status is None:
        raise GarbledAnswerError("it holds no status")
    succeeded = status == Status.SUCCESS
    try:
        return Progress(
            remote_id=remote_id,
            status=status,
            identification=_identification(answer) if succeeded else None,
            data=_data(answer) if succeeded else None,
            validation=_validation(answer),
            failure=_failure(answer) if status == Status.ERROR else None,
            metadata=metadata_of(answer),
            raw=dict(answer),
        )
    except ValidationError:
        raise GarbledAnswerError("it has another shape than the service documents") from None


def type_page(answer: Mapping[str, Any]) -> TypePage:
    """One page of the account's document types. Raises `GarbledAnswerError` where it is none."""
    rows = answer.get("data")
    if not isinstance(rows, list):
        raise GarbledAnswerError("it holds no list of document types")
    pagination = answer.get("pagination")
    total = pagination.get("total") if isinstance(pagination, Mapping) else None
    usable = [document_type(row) for row in rows if not (isinstance(row, Mapping) and row.get("isDraft") is True)]
    return TypePage(usable, len(rows), total if isinstance(total, int) else len(rows))


def document_type(answer: Any) -> TypeSchema:
    """One document type; its `json_schema` is empty where the answer holds none."""
    if isinstance(answer, Mapping) and isinstance(answer.get("data"), Mapping):
        answer = answer["data"]
    code = (answer.get("codeType") or answer.get("code")) if isinstance(answer, Mapping) else None
    if not isinstance(code, str) or not code.strip():
        raise GarbledAnswerError("it holds no code of a document type")
    name, schema = answer.get("name"), answer.get("jsonSchema")
    return TypeSchema(
        code=code,
        name=name if isinstance(name, str) else code,
        json_schema=schema if isinstance(schema, Mapping) else {},
    )


def said(words: Any) -> str:
    """The service's words, fit for a message: one line, short, and without the queries of addresses."""
    if not isinstance(words, str):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in words[: 4 * LONGEST_MESSAGE]).split())
    line = QUERY.sub(r"\1?…", line)
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def failure_in(answer: Mapping[str, Any]) -> Failure | None:
    """What an answer says went wrong, under `error` and `message`, texts or objects; `None` when it says nothing."""
    code, texts = "", []
    for word in (answer.get("error"), answer.get("message")):
        if isinstance(word, Mapping):
            code = code or said(word.get("code"))
            texts.append(said(word.get("message")))
        elif coded := CODED.fullmatch(said(word)):
            code = code or coded[1]
            texts.append(coded[2])
        else:
            texts.append(said(word))
    message = said(": ".join(dict.fromkeys(filter(None, texts))))
    return Failure(code=code or said(answer.get("code")), message=message) if code or message else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def unwrapped(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take off the `data` envelope that one of the vendor's documents shows; extracted fields are no envelope."""
    inner = answer.get("data")
    if not isinstance(inner, Mapping) or "status" in answer or _ids(answer):
        return answer
    return inner if "status" in inner or _ids(inner) else answer


def _ids(answer: Mapping[str, Any]) -> list[str]:
    return [found for name in ID_NAMES if (found := id_of(answer.get(name)))]


def id_of(value: Any) -> str | None:
    """An id that can be asked for again: it becomes a part of an address."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or value in (".", ".."):
        return None
    return value if value.isprintable() and not any(c.isspace() for c in value) else None


def status_of(answer: Mapping[str, Any]) -> str | None:
    status = answer.get("status")
    if not isinstance(status, str) or not (word := said(status).upper()[:LONGEST_STATUS]):
        return None
    return STATUS_WORDS.get(word, word)


def _identification(answer: Mapping[str, Any]) -> Identification | None:
    """What an identification found, or what an execution noted beside its fields (`identification`).

    Only the former has to be right: nothing is decided by the latter.
    """
    if answer.get("document_type") is not None:
        return Identification(document_type=_candidate(answer), alternatives=_candidates(answer.get("alternatives")))
    noted = answer.get("identification")
    if isinstance(noted, Mapping) and (found := _candidates([noted])):
        return Identification(document_type=found[0], alternatives=_candidates(noted.get("alternatives")))
    return None


def _candidate(row: Any) -> Candidate:
    """A type with its confidence: `{"code", "name", "confidence"}`, or this, or the code alone, in `document_type`."""
    if not isinstance(row, Mapping):
        raise GarbledAnswerError("a document type is no object")
    found = row.get("document_type", row)
    if not isinstance(found, Mapping):
        found = {"code": found, "confidence": row.get("confidence")}
    code, name = found.get("code"), found.get("name")
    if not isinstance(code, str) or not code.strip():
        raise GarbledAnswerError("a document type has no code")
    return Candidate(code=code, name=name if isinstance(name, str) else "", confidence=found.get("confidence"))


def _candidates(rows: Any) -> tuple[Candidate, ...]:
    """Those that can be read: alternatives inform, they decide nothing."""
    found = []
    for row in rows if isinstance(rows, Iterable) else ():
        try:
            found.append(_candidate(row))
        except (GarbledAnswerError, ValidationError):
            continue
    return tuple(found)


def _data(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The extracted fields; `None` for a step that extracts none."""
    data, result = answer.get("data"), answer.get("result")
    if data is None and isinstance(result, Mapping):
        data = result.get("data")
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise GarbledAnswerError("the extracted fields are no object")
    return dict(data)


def _validation(answer: Mapping[str, Any]) -> Validation:
    found = answer.get("validation")
    if found is None:
        return Validation()
    if not isinstance(found, Mapping):
        raise GarbledAnswerError("the validation is no object")
    return Validation(errors=_findings(found.get("errors")), warnings=_findings(found.get("warnings")))


def _findings(found: Any) -> Findings:
    if found is None:
        return Findings()
    rows = found.get("messages") if isinstance(found, Mapping) else found
    rows = [] if rows is None else rows
    if not isinstance(rows, list):
        raise GarbledAnswerError("the messages of the validation are no list")
    messages = [said(row.get("message") if isinstance(row, Mapping) else row) for row in rows]
    count = found.get("count") if isinstance(found, Mapping) else None
    return Findings(count=len(rows) if count is None else count, messages=tuple(filter(None, messages)))


def _failure(answer: Mapping[str, Any]) -> Failure:
    return failure_in(answer) or Failure()


def metadata_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What we sent along. Multipart sends it as text, which may come back as such."""
    metadata = answer.get("document_metadata")
    if isinstance(metadata, str):
        try:
            return parsed(metadata.encode("utf-8", "replace"))
        except GarbledAnswerError:
            return {}
    return dict(metadata) if isinstance(metadata, Mapping) else {}
