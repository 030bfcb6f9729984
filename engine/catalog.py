"""The document types and steps that the engine knows: JSON files, ours and the user's.

A folder of types holds one file a type (`*.json`) and, in `steps/*.json`, further steps:

    {"code": "delivery_note", "name": "Delivery note", "description": "…", "jsonSchema": {…},
     "promptHints": "…", "identifyPromptHints": "…", "identifyHints": {"delivery note no": 2.5},
     "titleHints": ["delivery note"], "rules": […]}

    {"id": "delivery-notes", "name": "Delivery notes", "document_type": "delivery_note"}
    {"id": "extract-any", "name": "Identify and extract", "candidates": ["invoice", "receipt"]}

Every type T has the step `extract-T` without a file. A user's type replaces ours of the same code.
"""

from __future__ import annotations

import difflib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from engine.documents import DocumentType
from engine.validate import check_type

SHIPPED = Path(__file__).parent / "types"

# Codes that stand for "none of the candidates" in identifications.
_RESERVED_CODES = frozenset({"other", "otro"})
# Names the id of a type: the same for the same code on every machine.
_IDS = uuid.UUID("7d0f6e0e-3f4b-5c55-9a57-0a6f5a3f6d0c")

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$", max_length=100)]
Text = Annotated[str, StringConstraints(min_length=1)]


class CatalogError(ValueError):
    """Types or steps that cannot be used; the message has one line a problem, with the file's path."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step: extraction by one type, or (with candidates) identification and extraction by the winner."""

    id: str
    name: str
    document_type: DocumentType | None = None
    candidates: tuple[DocumentType, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """Types by code and steps by id, both in alphabetical order."""

    types: Mapping[str, DocumentType]
    steps: Mapping[str, Step]

    def find_type(self, code_or_id: str) -> DocumentType | None:
        return self.types.get(code_or_id) or next((t for t in self.types.values() if t.id == code_or_id), None)

    def search_types(self, text: str) -> list[DocumentType]:
        """The types whose code, name or description contains `text`, whatever the case; all for an empty text."""
        wanted = text.casefold()
        return [t for t in self.types.values() if wanted in f"{t.code}\n{t.name}\n{t.description}".casefold()]


def load_catalog(extra: Path | None = None) -> Catalog:
    """Load the shipped types and steps and those of the folder `extra`. Raises `CatalogError` with all problems."""
    folders = [SHIPPED, *([extra] if extra else [])]
    problems = [f"{folder}: no such folder" for folder in folders if not folder.is_dir()]
    types: dict[str, DocumentType] = {}
    for folder in folders:
        types |= _types_of(folder, problems)
    steps = {f"extract-{t.code}": Step(f"extract-{t.code}", f"Extract {t.name}", t) for t in types.values()}
    for folder in folders:
        _add_steps(folder / "steps", types, steps, problems)
    if problems:
        raise CatalogError("\n".join(problems))
    return Catalog(dict(sorted(types.items())), dict(sorted(steps.items())))


class _TypeFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    code: Code
    name: Text
    description: Text
    json_schema: dict[str, Any]
    prompt_hints: str = ""
    identify_prompt_hints: str = ""
    identify_hints: dict[Text, float] = Field(default_factory=dict)
    title_hints: list[Text] = Field(default_factory=list)
    rules: list[dict[str, Any]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _extracts_something(self) -> _TypeFile:
        if self.code in _RESERVED_CODES:
            raise ValueError(f"the code {self.code!r} stands for documents of none of the candidate types")
        properties = self.json_schema.get("properties")
        if self.json_schema.get("type") != "object" or not isinstance(properties, dict) or not properties:
            raise ValueError('jsonSchema must be of type "object" with at least one of "properties"')
        return self


class _StepFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, StringConstraints(pattern=r"^[\w.-]+$", max_length=100)]
    name: Text
    document_type: str | None = None
    candidates: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_of_both(self) -> _StepFile:
        if (self.document_type is None) == (not self.candidates):
            raise ValueError("give either document_type or candidates")
        return self


def _types_of(folder: Path, problems: list[str]) -> dict[str, DocumentType]:
    found: dict[str, DocumentType] = {}
    for path, file in _files(folder, _TypeFile, problems):
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        document_type = DocumentType(
            id=str(uuid.uuid5(_IDS, file.code)),
            **file.model_dump(exclude={"title_hints", "rules"}),
            title_hints=tuple(file.title_hints),
            rules=tuple(file.rules),
            created_at=changed,
            updated_at=changed,
        )
        if file.code in found:
            problems.append(f"{path}: another file of this folder has the code {file.code!r}")
        try:
            check_type(document_type)
        except ValueError as error:
            problems.append(f"{path}: {error}")
        found[file.code] = document_type
    return found


def _add_steps(folder: Path, types: Mapping[str, DocumentType], steps: dict[str, Step], problems: list[str]) -> None:
    for path, file in _files(folder, _StepFile, problems):
        wanted = file.candidates or [file.document_type or ""]
        unknown = [code for code in wanted if code not in types]
        if unknown:
            problems.append(f"{path}: {_unknown('document type', unknown[0], types)}")
        elif file.id in steps:
            problems.append(f"{path}: there is a step {file.id!r} already")
        else:
            by_type = types[file.document_type] if file.document_type else None
            steps[file.id] = Step(file.id, file.name, by_type, tuple(types[code] for code in file.candidates))


_File = TypeVar("_File", bound=BaseModel)


def _files(folder: Path, model: type[_File], problems: list[str]) -> Iterator[tuple[Path, _File]]:
    """The readable files of a folder; what is wrong with the others is added to `problems`."""
    for path in sorted(folder.glob("*.json")):
        try:
            yield path, model.model_validate(json.loads(path.read_bytes()))
        except json.JSONDecodeError as error:
            problems.append(f"{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
        except UnicodeDecodeError:
            problems.append(f"{path}: not UTF-8 text")
        except ValidationError as error:
            known = [field.alias or name for name, field in model.model_fields.items()]
            problems.extend(f"{path}: {line}" for line in _in_words(error, known))


def _in_words(error: ValidationError, known: Iterable[str]) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "model_type":
            yield "must be a JSON object"
        elif detail["type"] == "extra_forbidden":
            yield _unknown("key", place, known)
        else:
            yield f"{place}: {detail['msg']}" if place else detail["msg"].removeprefix("Value error, ")


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"unknown {what} {name!r}" + (f", did you mean {near[0]!r}?" if near else "")
