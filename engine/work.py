"""What the service and its worker processes say to each other about one job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from engine.documents import DocumentType


@dataclass(frozen=True, slots=True)
class Work:
    """A file and what is wanted of it.

    With `candidates` the document is identified among them. With `extract` its fields are taken, by `document_type`
    where one is given, else by the type that was identified.
    """

    path: Path
    content_type: str
    sha256: str
    candidates: tuple[DocumentType, ...] = ()
    document_type: DocumentType | None = None
    extract: bool = False


#: Types travel with the work, so that a worker never knows another catalog than the service.
WORK = TypeAdapter(Work)

#: Called with the number of the stage that begins (from 1), how many there are, and its name.
Progress = Callable[[int, int, str], None]

#: Does a job: the work, the folder for kept readings, where to report progress. Returns, as far as wanted, a dict of
#: `identification` (`document_type`, `alternatives`), `data`, and `validation` (`errors`, `warnings`: lists of texts).
Process = Callable[[Work, Path, Progress], dict[str, Any]]


class WorkRefusedError(Exception):
    """This document cannot be done, however often one tries. `code` and `message` go into the status answer."""

    def __init__(self, step: str, code: str, message: str) -> None:
        super().__init__(code)
        self.error = {"step": step, "code": code, "message": message}
