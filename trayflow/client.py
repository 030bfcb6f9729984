"""The DocuTray API over httpx: submissions, their statuses, and the account's types and steps.

A POST is never repeated here, nor by the transport: whether it may be sent again is for the caller to decide, from the
error that says whether it was accepted (see `trayflow.errors` and `trayflow.answers.raise_for`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from trayflow import answers
from trayflow.errors import OutcomeUnknownError, RejectedError, TransientError
from trayflow.models import Accepted, Progress, TypeSchema

#: Seconds. Reading is generous: the service answers a submission only when the whole document has arrived.
TIMEOUT = httpx.Timeout(60.0, connect=10.0, pool=None)

#: Errors before a byte of the request was sent: the service has seen nothing of it.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

#: Document types asked for at once.
PAGE = 100


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A document on disk, sent as multipart: streamed, whatever its size."""

    path: Path
    filename: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Base64Upload:
    """A document in memory, sent inside JSON: for small ones, since it is held there three times over."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class UrlUpload:
    """A document that the service downloads itself, within 30 seconds."""

    url: str
    content_type: str | None = None


Upload = FileUpload | Base64Upload | UrlUpload


class DocuTray:
    """A connection to one account. Use it as an async context manager."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        max_connections: int = 32,
    ) -> None:
        limits = httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"},
            transport=transport or httpx.AsyncHTTPTransport(limits=limits, retries=0),
            timeout=timeout,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def submit_identification(
        self,
        upload: Upload,
        *,
        candidates: Sequence[str],
        metadata: Mapping[str, Any],
        webhook_url: str | None = None,
    ) -> Accepted:
        """Ask which of the `candidates` a document is. `metadata` comes back with every word about it."""
        fields = {"document_type_code_options": list(candidates)}
        return await self._submit("/api/identify-async", upload, fields, metadata, webhook_url)

    async def submit_execution(
        self, upload: Upload, *, step_id: str, metadata: Mapping[str, Any], webhook_url: str | None = None
    ) -> Accepted:
        """Send a document to a step."""
        return await self._submit(f"/api/steps-async/{quote(step_id, safe='')}", upload, {}, metadata, webhook_url)

    async def identification(self, remote_id: str) -> Progress:
        """How an identification stands."""
        return await self._status("/api/identify-async/status", remote_id)

    async def execution(self, remote_id: str) -> Progress:
        """How an execution stands."""
        return await self._status("/api/steps-async/status", remote_id)

    async def document_types(self) -> list[TypeSchema]:
        """The account's document types, without their schemas."""
        types: list[TypeSchema] = []
        while True:
            page = await self._get("/api/document-types", page=len(types) // PAGE + 1, limit=PAGE)
            rows = page.get("data") or []
            types += [_type(row) for row in rows]
            if not rows or len(types) >= (page.get("pagination") or {}).get("total", 0):
                return types

    async def document_type(self, code: str) -> TypeSchema:
        """One document type with the schema of its fields. Raises `RejectedError` where the account has none such."""
        answer = await self._get(f"/api/document-types/{quote(code, safe='')}")
        inner = answer.get("data")
        return _type(inner if isinstance(inner, dict) else answer)

    async def step_is_known(self, step_id: str) -> bool:
        """Whether the account has this step.

        The API has no call that says so; but a submission with no document in it must be refused, and the refusal
        tells: 404 or 403 for a step that is not there, anything else for one that is. Nothing can be billed for it.
        """
        path = f"/api/steps-async/{quote(step_id, safe='')}"
        try:
            answers.raise_for(await self._asked("POST", path, json={}), submitting=False)
        except RejectedError as error:
            return error.status not in (403, 404)
        return True

    async def _submit(
        self, path: str, upload: Upload, fields: dict[str, Any], metadata: Mapping[str, Any], webhook_url: str | None
    ) -> Accepted:
        fields = {**fields, "document_metadata": dict(metadata)} | ({"webhook_url": webhook_url} if webhook_url else {})
        try:
            response = await self._upload(path, upload, fields)
        except NOT_SENT as error:
            raise TransientError(f"No connection to the service ({type(error).__name__}).") from None
        except httpx.HTTPError as error:
            # Once sending has begun, nobody can tell how much of it the service saw.
            raise OutcomeUnknownError(f"The line broke during the submission ({type(error).__name__}).") from None
        answers.raise_for(response, submitting=True)
        try:
            return answers.accepted(response.content)
        except answers.GarbledAnswerError as error:
            raise OutcomeUnknownError(f"The service's answer cannot be read: {error}.") from None

    async def _upload(self, path: str, upload: Upload, fields: dict[str, Any]) -> httpx.Response:
        match upload:
            case FileUpload(file, filename, content_type):
                form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
                form["image_content_type"] = content_type
                with file.open("rb") as stream:  # httpx reads it in pieces of 64 kB, as they are sent
                    return await self._http.post(path, data=form, files={"image": (filename, stream, content_type)})
            case Base64Upload(content, content_type):
                fields |= {"image_base64": base64.b64encode(content).decode(), "image_content_type": content_type}
            case UrlUpload(url, maybe_type):
                fields |= {"image_url": url} | ({"image_content_type": maybe_type} if maybe_type else {})
        return await self._http.post(path, json=fields)

    async def _status(self, path: str, remote_id: str) -> Progress:
        return self._read(await self._get(f"{path}/{quote(remote_id, safe='')}"), remote_id)

    async def _get(self, path: str, **query: Any) -> dict[str, Any]:
        """A JSON object. Whatever fails on the way may be asked for again."""
        response = await self._asked("GET", path, params=query)
        answers.raise_for(response, submitting=False)
        try:
            return answers.parsed(response.content)
        except answers.GarbledAnswerError as error:
            raise TransientError(
                f"The service's answer cannot be read: {error}.", status=response.status_code
            ) from None

    async def _asked(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise TransientError(f"No answer from the service ({type(error).__name__}).") from None

    @staticmethod
    def _read(answer: dict[str, Any], remote_id: str) -> Progress:
        try:
            return answers.progress(answer, remote_id)
        except answers.GarbledAnswerError as error:
            raise TransientError(f"The service's answer cannot be read: {error}.", status=200) from None


def _type(row: Mapping[str, Any]) -> TypeSchema:
    schema = row.get("jsonSchema")
    code = row.get("codeType") or row.get("code") or ""
    return TypeSchema(
        code=str(code), name=str(row.get("name") or code), json_schema=schema if isinstance(schema, dict) else {}
    )
