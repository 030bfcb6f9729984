"""The DocuTray API over httpx: submissions, their statuses, and the account's types and steps.

No submission is ever repeated here, nor by the transport: whether it may be is for the caller to decide, from the error
that says whether it was accepted. `trayflow.errors` has the tree, `trayflow.refusals` the rules, `trayflow.answers` the
forms of answers that are understood.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from trayflow import answers
from trayflow.answers import GarbledAnswerError
from trayflow.errors import OutcomeUnknownError, RateLimitedError, RejectedError, SettingsError, TransientError
from trayflow.gate import Gate
from trayflow.models import Accepted, Progress, TypeSchema
from trayflow.refusals import Answer, refusal

#: Seconds. Reading and writing are counted from byte to byte, so that a large upload may take longer as a whole; a
#: service that downloads the document itself answers within 30. A call waits for a free connection as long as it takes.
TIMEOUT = httpx.Timeout(60.0, connect=10.0, pool=None)

#: Seconds that the body of an answer may take, and its size in bytes: answers are small.
BODY_SECONDS = 60.0
LARGEST_BODY = 64 * 2**20

#: Seconds after which a connection is not used again. Common servers close one that idles for 5: a call that arrives at
#: that very moment is lost.
KEEP_ALIVE = 4.0

#: Connections for questions that are kept open: each call looks at every one of them, and few are in use at a time.
KEPT = 4

#: Document types asked for at once, and pages after which a service that never comes to an end is not believed.
PAGE = 100
MOST_PAGES = 1000

#: Bytes up to which a file is read before it is sent: a form goes out in a piece for each of its lines, and each piece
#: costs as much as the rest of the call.
SENT_AT_ONCE = 256 * 1024

#: Bytes of a file's name that are sent along.
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class FileUpload:
    """A document on disk, sent as multipart: in pieces of 64 KiB as they are read, whatever its size."""

    path: Path
    filename: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Base64Upload:
    """A document in memory, sent inside JSON. For small ones: it is held there about five times over."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class UrlUpload:
    """A document that the service downloads itself, within 30 seconds."""

    url: str
    content_type: str | None = None


Upload = FileUpload | Base64Upload | UrlUpload


class DocuTray:
    """A connection to one account. Use it as an async context manager.

    `max_connections` are open at most for submissions, and as many for questions: give it the number of documents under
    way at once. With a `transport` of your own, its limits count. Questions pass the `gate`, if there is one, and wait
    out a 429 behind it; before a submission the caller has to pass it, so that no intent is left waiting there.

    Raises `SettingsError` for an address or a key that cannot be one. Every call raises `AccessDeniedError` where no
    further one makes sense.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        max_connections: int = 32,
        gate: Gate | None = None,
    ) -> None:
        address = _address(base_url)
        self._gate = gate
        self._key = _key(api_key)
        # One trust store for both pools: to read it takes longer than all the rest.
        tls = httpx.create_ssl_context() if transport is None else True

        def pool(kept: int) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                base_url=address,
                headers={
                    "Authorization": f"Bearer {self._key}",
                    "Accept": "application/json",
                    "User-Agent": f"trayflow/{version('trayflow')}",
                },
                transport=transport,
                timeout=timeout,
                limits=httpx.Limits(
                    max_connections=max_connections, max_keepalive_connections=kept, keepalive_expiry=KEEP_ALIVE
                ),
                verify=tls,
                follow_redirects=False,
                trust_env=not _is_here(address.host),  # a proxy of the environment cannot reach this machine's engine
            )

        # Each submission gets a connection of its own: on a kept one, the service may hang up in the moment that the
        # document sets out, and nobody could tell whether it arrived. Questions can be asked again.
        self._submitting, self._asking = pool(0), pool(min(max_connections, KEPT))
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._asking)
        await self._open.enter_async_context(self._submitting)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def submit_identification(
        self,
        upload: Upload,
        *,
        candidates: Sequence[str],
        metadata: Mapping[str, Any],
        webhook_url: str | None = None,
    ) -> Accepted:
        """Ask which of the `candidates` (type codes, at least one) a document is.

        `metadata` comes back with every word about it; `webhook_url` is called when the work ends. Raises
        `TransientError` or `RejectedError` for what was not accepted, `OutcomeUnknownError` for what may have been.
        """
        fields = {"document_type_code_options": list(candidates)}
        return await self._submit("/api/identify-async", upload, fields, metadata, webhook_url)

    async def submit_execution(
        self, upload: Upload, *, step_id: str, metadata: Mapping[str, Any], webhook_url: str | None = None
    ) -> Accepted:
        """Send a document to a step. Arguments and errors are those of `submit_identification`."""
        return await self._submit(_steps(step_id), upload, {}, metadata, webhook_url)

    async def identification(self, remote_id: str) -> Progress:
        """How an identification stands. Raises `RejectedError` for an id that the service does not know."""
        return await self._progress("/api/identify-async/status", remote_id)

    async def execution(self, remote_id: str) -> Progress:
        """How an execution stands. Raises `RejectedError` for an id that the service does not know."""
        return await self._progress("/api/steps-async/status", remote_id)

    async def document_types(self) -> list[TypeSchema]:
        """The account's document types without their schemas, each once. Drafts, which cannot be used, are left out."""
        types: dict[str, TypeSchema] = {}
        seen = 0
        for number in range(1, MOST_PAGES + 1):
            answer = await self._get("/api/document-types", page=number, limit=PAGE)
            with _understood():
                page = answers.type_page(answer)
            types |= {usable.code: usable for usable in page.usable}
            seen += page.rows
            if not page.rows or seen >= page.total:
                break
        return list(types.values())

    async def document_type(self, code: str) -> TypeSchema:
        """One document type with the schema of its fields. Raises `RejectedError` where the account has none such."""
        answer = await self._get(f"/api/document-types/{quote(code, safe='')}")
        with _understood():
            return answers.document_type(answer)

    async def step_is_known(self, step_id: str) -> bool:
        """Whether the account has this step.

        The API has no question for that. But a call of the step without a document in it must be refused, and the
        refusal tells: 404 or 403 for a step that is not there for us, another one (400, 415) for one that is. No
        document is sent, so none is submitted or billed. A service that looks at the body before it looks at the step
        makes every step look known; a wrong one then shows at its first submission.
        """
        request = self._asking.build_request("POST", _steps(step_id), json={})
        try:
            await self._ask(request)
        except RejectedError as error:
            return error.status not in (403, 404)
        return True

    async def _submit(
        self, path: str, upload: Upload, fields: dict[str, Any], metadata: Mapping[str, Any], webhook_url: str | None
    ) -> Accepted:
        fields = {**fields, "document_metadata": dict(metadata)} | ({"webhook_url": webhook_url} if webhook_url else {})
        async with self._request(path, upload, fields) as request:
            body = await self._call(self._submitting, request, submits=True)
        try:
            return answers.accepted(body)
        except GarbledAnswerError as error:
            raise OutcomeUnknownError(f"The answer to the submission cannot be read: {error}.") from None

    @asynccontextmanager
    async def _request(self, path: str, upload: Upload, fields: dict[str, Any]) -> AsyncIterator[httpx.Request]:
        """The request of a submission; its file stays open as long as the block lasts."""
        if not isinstance(upload, FileUpload):
            body = json.dumps(fields | _inline(upload), allow_nan=False).encode("ascii")
            headers = {"Content-Type": "application/json"}
            yield self._submitting.build_request("POST", path, content=body, headers=headers)
            return
        try:
            stream = await asyncio.to_thread(upload.path.open, "rb")
        except OSError as error:
            raise TransientError(f"The document's copy cannot be read here ({error.strerror}).") from None
        with stream:
            form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
            form["image_content_type"] = upload.content_type
            part = (_name(upload.filename), stream, upload.content_type)
            request = self._submitting.build_request("POST", path, data=form, files={"image": part})
            if os.fstat(stream.fileno()).st_size <= SENT_AT_ONCE:
                await request.aread()
            yield request

    async def _progress(self, path: str, remote_id: str) -> Progress:
        answer = await self._get(f"{path}/{quote(remote_id, safe='')}")
        with _understood():
            return answers.progress(answer, remote_id)

    async def _get(self, path: str, **query: Any) -> dict[str, Any]:
        body = await self._ask(self._asking.build_request("GET", path, params=query))
        with _understood():
            return answers.parsed(body)

    async def _ask(self, request: httpx.Request) -> bytes:
        """The answer to a question. With a gate, "too many requests" is none: it is asked again, after the pause."""
        while self._gate is not None:
            await self._gate.enter()
            try:
                return await self._call(self._asking, request)
            except RateLimitedError as limited:
                self._gate.close(limited.retry_after)
        return await self._call(self._asking, request)

    async def _call(self, http: httpx.AsyncClient, request: httpx.Request, *, submits: bool = False) -> bytes:
        """The body of a successful answer. Raises what `refusal` says for any other end."""
        body: bytes | None = None
        end: Answer | Exception
        try:
            response = await http.send(request, stream=True)
        except Exception as error:  # whatever it is: for a submission it decides between "not accepted" and "unknown"
            end = error
        else:
            body = await _body(response)
            end = Answer(response.status_code, response.headers, body)
        if (refused := refusal(end, submitting=submits, secret=self._key)) is not None:
            raise refused from None
        return body or b""


async def _body(response: httpx.Response) -> bytes | None:
    """The body of an answer; `None` when it is cut, cannot be decoded, takes too long or is absurdly large."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LARGEST_BODY:
                    return None
    except Exception:  # the transport's own exceptions are many, and all mean the same: the rest does not come
        return None
    finally:
        await response.aclose()
    return bytes(body)


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """An answer to a question that makes no sense: asked again, it may."""
    try:
        yield
    except GarbledAnswerError as error:
        raise TransientError(f"The service's answer cannot be read: {error}.", status=200) from None


def _inline(upload: Base64Upload | UrlUpload) -> dict[str, str]:
    if isinstance(upload, Base64Upload):
        content = base64.b64encode(upload.content).decode("ascii")
        return {"image_base64": content, "image_content_type": upload.content_type}
    return {"image_url": upload.url} | ({"image_content_type": upload.content_type} if upload.content_type else {})


def _steps(step_id: str) -> str:
    return f"/api/steps-async/{quote(step_id, safe='')}"


def _name(filename: str) -> str:
    """A file's name that can be sent: what is no text is replaced, and of a long one the end is kept."""
    return filename.encode("utf-8", "replace")[-LONGEST_NAME:].decode("utf-8", "ignore") or "document"


def _address(base_url: str) -> httpx.URL:
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise SettingsError(f"The service's base URL cannot be read: {error}.") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise SettingsError("The service's base URL must begin with https:// or http:// and name a host.")
    if address.userinfo:
        raise SettingsError("The service's base URL must not hold a user or password: the key is all it wants.")
    return address


def _key(api_key: str) -> str:
    key = api_key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            "This cannot be a key of the service: it is empty or holds odd characters. See DOCUTRAY_API_KEY."
        )
    return key


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
