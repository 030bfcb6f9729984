"""What a worker does with a document: read, identify, extract, validate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.documents import DocumentType, Identification, Reading, UnreadableDocumentError
from engine.extract import extract
from engine.identify import identify
from engine.reading import read
from engine.readings import keep_reading, load_reading
from engine.validate import validate
from engine.work import Progress, Work, WorkRefusedError


def process(work: Work, readings: Path, progress: Progress) -> dict[str, Any]:
    """Do all that `work` asks for (a `Process` as engine.work describes it).

    Raises `WorkRefusedError` when the document cannot be read, or is of none of the types to extract by.
    """
    stages = ["read", *(["identify"] if work.candidates else []), *(["extract", "validate"] if work.extract else [])]

    def begin(stage: str) -> None:
        progress(stages.index(stage) + 1, len(stages), stage)

    begin("read")
    reading = _read(work, readings)
    result: dict[str, Any] = {}
    document_type = work.document_type
    if work.candidates:
        begin("identify")
        identification = identify(reading, work.candidates)
        result["identification"] = asdict(identification)
        document_type = document_type or _winner(identification, work.candidates)
    if work.extract:
        if document_type is None:
            raise WorkRefusedError("identify", "DOCUMENT_TYPE_UNKNOWN", "The document is of none of the step's types.")
        begin("extract")
        result["data"] = extract(reading, document_type)
        begin("validate")
        result["validation"] = asdict(validate(result["data"], document_type))
    return result


def _read(work: Work, readings: Path) -> Reading:
    reading = load_reading(readings, work.sha256)
    if reading is None:
        try:
            reading = read(work.path, work.content_type)
        except UnreadableDocumentError as error:
            raise WorkRefusedError("read", error.code, str(error)) from error
        keep_reading(readings, work.sha256, reading)
    return reading


def _winner(identification: Identification, candidates: tuple[DocumentType, ...]) -> DocumentType | None:
    return next((kind for kind in candidates if kind.code == identification.document_type.code), None)
