"""A ledger with documents whose executions have succeeded, ready to be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trayflow.ledger import Ledger
from trayflow.models import Candidate, Extraction, Found, Identification, Kind, Progress, TypeSchema

SOURCE = "file:///inbox"

INVOICE = TypeSchema(
    code="invoice",
    json_schema={
        "type": "object",
        "properties": {
            "number": {"type": ["string", "null"]},
            "total": {"type": ["number", "null"]},
            "note": {"type": ["string", "null"]},
            "line_items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"text": {"type": "string"}, "amount": {"type": "number"}},
                },
            },
        },
    },
)


def invoice(number: int, **more: Any) -> dict[str, Any]:
    """The fields of a made-up invoice with `number % 3` lines, and text that a CSV file has to quote."""
    lines = [{"text": f"item {n}", "amount": n + 0.25} for n in range(number % 3)]
    note = f'No. {number}, "as agreed"\nsee above'
    return {"number": f"{number:04}", "total": number + 0.1, "note": note, "line_items": lines, **more}


def fill(ledger: Ledger, documents: Mapping[str, Mapping[str, Any]], code: str = "invoice") -> list[Extraction]:
    """Enter documents by key with the fields that were extracted from them. Returns them as they are to be written."""
    ledger.keep_schemas([INVOICE])
    ledger.runs.start("run", 3600)
    page = ledger.discover(SOURCE, [Found(key, "v1", 1) for key in documents], "nowhere")
    extractions = []
    winner = Identification(document_type=Candidate(code=code, confidence=0.95))
    for document in page.documents:
        assert ledger.runs.claim(document.id, "run")
        data = dict(documents[document.key])
        answers = {
            Kind.IDENTIFY: Progress(remote_id=f"i-{document.id}", status="SUCCESS", identification=winner),
            Kind.EXECUTE: Progress(
                remote_id=f"e-{document.id}", status="SUCCESS", data=data, raw={"status": "SUCCESS", "data": data}
            ),
        }
        for kind, progress in answers.items():
            submission, _ = ledger.submissions.intend(document.id, kind, "run", "step")
            ledger.submissions.accept(submission, progress.remote_id)
            ledger.submissions.finish(submission.id, progress)
        extractions.append(ledger.extraction(submission.document_id))  # the loop ends with the execution
    return extractions
