"""The bodies of successful answers, in the forms that the vendor's SDK parses.

`error` is an object for steps and a text, `CODE: message`, for identifications and conversions: the SDK accepts an
object from steps only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse

from engine.catalog import Catalog
from engine.documents import DocumentType
from engine.pool import Stage
from engine.queue import Job, Kind, Status


class Answer(JSONResponse):
    """JSON in ASCII: metadata comes back exactly as it was sent, even where it is no valid Unicode."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False).encode("ascii")


def accepted(job: Job, catalog: Catalog) -> dict[str, Any]:
    """What a submission is answered with."""
    enqueued = Status.ENQUEUED
    if job.kind is Kind.STEP:
        return {"id": job.id, "status": enqueued, "step_id": job.target, "step_name": catalog.steps[job.target].name}
    if job.kind is Kind.CONVERT:
        url = f"/api/convert-async/status/{job.id}"
        return {"conversion_id": job.id, "status": enqueued, "status_url": url}
    return {"id": job.id, "status": enqueued, "status_url": f"/api/identify-async/status/{job.id}"}


# What webhooks call the end of the work, where status calls say SUCCESS and ERROR.
_EVENT_STATUS = {Status.SUCCESS: "completed", Status.ERROR: "failed"}


def event(job: Job, catalog: Catalog) -> dict[str, Any]:
    """The body of a webhook about a job as it is."""
    step = catalog.steps.get(job.target)
    identities: dict[Kind, dict[str, Any]] = {
        Kind.STEP: {"step_execution_id": job.id, "step_id": job.target, "step_name": step.name if step else job.target},
        Kind.CONVERT: {"conversion_id": job.id, "document_type_code": job.target},
        Kind.IDENTIFY: {"identification_id": job.id, "document_type_code_options": list(job.candidates)},
    }
    optional = {
        "response_timestamp": job.responded_at,
        "document_metadata": job.metadata,
        "error": _error(job),
    }
    return {
        **identities[job.kind],
        "status": _EVENT_STATUS.get(job.status, Status.PROCESSING),
        "request_timestamp": job.requested_at,
        **{name: value for name, value in optional.items() if value is not None},
        **(_outcome(job.kind, job.result) if job.result else {}),
    }


def status(job: Job, stage: Stage | None) -> dict[str, Any]:
    """What a status call is answered with; what does not apply is left out."""
    optional = {
        "response_timestamp": job.responded_at,
        "original_filename": job.filename,
        "document_metadata": job.metadata,
        "progress": _progress(stage) if stage and job.status is Status.PROCESSING else None,
        "error": _error(job),
    }
    return {
        **_identity(job),
        "status": job.status,
        "request_timestamp": job.requested_at,
        **{name: value for name, value in optional.items() if value is not None},
        **(_outcome(job.kind, job.result) if job.result else {}),
    }


def _error(job: Job) -> dict[str, Any] | str | None:
    if job.error is None or job.kind is Kind.STEP:
        return job.error
    return f"{job.error['code']}: {job.error['message']}"


def _identity(job: Job) -> dict[str, Any]:
    if job.kind is Kind.STEP:
        return {"id": job.id, "conversion_id": job.id, "step_id": job.target}
    if job.kind is Kind.CONVERT:
        return {"conversion_id": job.id, "document_type_code": job.target}
    return {"id": job.id, "document_type_code_options": list(job.candidates)}


def _outcome(kind: Kind, result: dict[str, Any]) -> dict[str, Any]:
    if kind is Kind.IDENTIFY:
        return identified(result)
    outcome = {"data": result["data"], "validation": counted(result["validation"])}
    if "identification" in result:
        best = result["identification"]["document_type"]
        outcome["identification"] = {"document_type": best["code"], "confidence": best["confidence"]}
    return outcome


def identified(result: dict[str, Any]) -> dict[str, Any]:
    """The winner and all candidates ranked."""
    identification = result["identification"]
    return {"document_type": identification["document_type"], "alternatives": identification["alternatives"]}


def _progress(stage: Stage) -> dict[str, Any]:
    number, total, name = stage
    percentage = 100 * (number - 1) // total
    return {"current_step": number, "total_steps": total, "step_name": name, "percentage": percentage}


def document_type(kind: DocumentType) -> dict[str, Any]:
    """A type as lists of types show it."""
    return {
        "id": kind.id,
        "codeType": kind.code,
        "name": kind.name,
        "description": kind.description,
        "isPublic": False,
        "isDraft": False,
        "status": "published",
        "createdAt": kind.created_at,
        "updatedAt": kind.updated_at,
    }


def document_type_in_full(kind: DocumentType) -> dict[str, Any]:
    return {
        **document_type(kind),
        "jsonSchema": kind.json_schema,
        "promptHints": kind.prompt_hints,
        "identifyPromptHints": kind.identify_prompt_hints,
        "conversionMode": kind.conversion_mode,
    }


def counted(found: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Errors and warnings with their numbers."""
    return {name: {"count": len(messages), "messages": list(messages)} for name, messages in found.items()}
