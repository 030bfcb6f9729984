"""Every documented refusal, as the vendor's SDK raises it, with its body."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docutray
import pytest
from docutray import Client

from tests import papers
from tests.engines import RunningEngine, start_engine
from tests.webserver import serve_files

INVOICE: dict[str, Any] = {"document_type_code_options": ["invoice"]}


@pytest.fixture
def client(engine: RunningEngine) -> Iterator[Client]:
    with Client(api_key=engine.key, base_url=engine.base_url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """An engine of which every limit is soon reached."""
    limits: dict[str, Any] = {"most_bytes": 2**20, "download_seconds": 2, "processing": "tests.obedient:process"}
    with start_engine(tmp_path_factory.mktemp("narrow"), **limits) as running:
        yield running


@pytest.fixture
def narrow_client(narrow: RunningEngine) -> Iterator[Client]:
    with Client(api_key=narrow.key, base_url=narrow.base_url, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with serve_files({"/large.pdf": b"%PDF-1.4" + bytes(2**20), "/text.pdf": b"no document at all"}) as url:
        yield url


def refused(kind: type[docutray.APIError], call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[int, Any]:
    """The status and body with which a call is refused."""
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    return caught.value.status_code, caught.value.body


def test_400_without_candidates(client: Client) -> None:
    """An identification needs at least one candidate."""
    status, body = refused(docutray.BadRequestError, client.identify.run_async, file=papers.pdf())
    assert (status, body["message"]) == (400, "Validation error")
    assert [error.partition(":")[0] for error in body["errors"]] == ["document_type_code_options"]


def test_400_for_metadata_that_is_no_object(client: Client) -> None:
    """`document_metadata` must be an object."""
    metadata: Any = ["not", "an", "object"]
    _, body = refused(
        docutray.BadRequestError,
        client.steps.run_async,
        "extract-invoice",
        file=papers.pdf(),
        document_metadata=metadata,
    )
    assert body == {"message": "Validation error", "errors": ["document_metadata: must be an object"]}


@pytest.mark.parametrize(
    ("content", "declared"),
    [(b"", "application/pdf"), (b"plain text, whatever its name", "application/pdf"), (b"%PDF-1.4", "text/plain")],
    ids=["empty", "other content", "other declaration"],
)
def test_400_for_what_is_no_document(client: Client, content: bytes, declared: str) -> None:
    """What is none of the six types, by its content or as declared, is refused at once."""
    status, body = refused(
        docutray.BadRequestError, client.identify.run_async, file=content, content_type=declared, **INVOICE
    )
    assert (status, body["message"], len(body["errors"])) == (400, "Validation error", 1)


def test_400_for_what_is_no_base64(client: Client) -> None:
    """Base64 that is none is refused, without an echo of it."""
    _, body = refused(docutray.BadRequestError, client.identify.run_async, file_base64="no base64!", **INVOICE)
    assert body["message"] == "Validation error"
    assert "no base64!" not in str(body)


def test_400_for_a_bad_document_in_a_synchronous_call(client: Client) -> None:
    """A file that cannot be read is the caller's to mend."""
    _, body = refused(docutray.BadRequestError, client.identify.run, file=b"%PDF-1.4 and no more", **INVOICE)
    assert body["message"] == "Validation error"


@pytest.mark.parametrize("resource", ["identify", "steps", "convert"])
def test_400_for_what_is_no_id(client: Client, resource: str) -> None:
    """A status call with something else than an id is told so."""
    status = refused(docutray.BadRequestError, getattr(client, resource).get_status, "not-an-id")
    assert status == (400, {"message": "Invalid execution ID format"})


def test_401_for_a_wrong_key(engine: RunningEngine) -> None:
    """A wrong key opens nothing, not even for a large upload."""
    with Client(api_key="wrong", base_url=engine.base_url, max_retries=0) as client:
        call = refused(docutray.AuthenticationError, client.identify.run_async, file=bytes(8 * 2**20), **INVOICE)
        assert call == (401, {"error": "Invalid API key"})
        assert refused(docutray.AuthenticationError, client.document_types.list)[0] == 401


def test_403_for_unknown_types(client: Client) -> None:
    """All candidates that are not known are named."""
    options = ["invoice", "will", "passport"]
    call = refused(
        docutray.PermissionDeniedError,
        client.identify.run_async,
        file=papers.pdf(),
        document_type_code_options=options,
    )
    assert call == (403, {"message": "Document types not accessible: will, passport"})
    call = refused(docutray.PermissionDeniedError, client.convert.run, file=papers.pdf(), document_type_code="will")
    assert call == (403, {"message": "Document types not accessible: will"})


def test_404_for_an_unknown_step(client: Client) -> None:
    """An unknown step is refused before the document is taken."""
    call = refused(docutray.NotFoundError, client.steps.run_async, "extract-will", file=bytes(8 * 2**20))
    assert call == (404, {"message": "Step not found or access denied"})


@pytest.mark.parametrize("resource", ["identify", "steps", "convert"])
def test_404_for_an_unknown_id(client: Client, resource: str) -> None:
    """An id that was never given out is not found."""
    call = refused(docutray.NotFoundError, getattr(client, resource).get_status, str(uuid.uuid4()))
    assert call == (404, {"message": "Execution not found"})


def test_404_for_an_id_of_another_kind(client: Client) -> None:
    """An identification is not found among the executions."""
    started = client.identify.run_async(file=papers.pdf(), **INVOICE)
    assert refused(docutray.NotFoundError, client.steps.get_status, started.identification_id)[0] == 404


def test_404_for_a_missing_url(client: Client, web: str) -> None:
    """What the other server answers is passed on."""
    call = refused(docutray.NotFoundError, client.identify.run_async, url=f"{web}/missing.pdf", **INVOICE)
    assert call == (404, {"message": "Error accessing URL: 404 Not Found"})


def test_404_for_a_server_that_is_not_there(client: Client) -> None:
    """An address where nobody listens gives no document either."""
    status, body = refused(docutray.NotFoundError, client.identify.run_async, url="http://127.0.0.1:9/a.pdf", **INVOICE)
    assert (status, body["message"].partition(":")[0]) == (404, "Error accessing URL")


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://127.0.0.1/a.pdf", "http://", "gopher:", "no address"])
def test_400_for_other_schemes(client: Client, url: str) -> None:
    """Only http and https addresses are fetched."""
    _, body = refused(docutray.BadRequestError, client.identify.run_async, url=url, **INVOICE)
    assert body["errors"] == ["image_url: must be an http or https address"]


def test_400_for_a_redirect_to_a_file(client: Client, web: str) -> None:
    """A redirect does not lead to other schemes either."""
    _, body = refused(docutray.BadRequestError, client.identify.run_async, url=f"{web}/to/file:///etc/hosts", **INVOICE)
    assert body["message"] == "Validation error"


def test_400_for_a_url_without_a_document(client: Client, web: str) -> None:
    """What was downloaded is looked at as if it had been uploaded."""
    _, body = refused(docutray.BadRequestError, client.identify.run_async, url=f"{web}/text.pdf", **INVOICE)
    assert body["message"] == "Validation error"


def test_408_for_a_url_that_never_ends(narrow_client: Client, web: str) -> None:
    """A download is given up after the limit, which the message names."""
    call = refused(docutray.APIError, narrow_client.identify.run_async, url=f"{web}/never", **INVOICE)
    assert call == (408, {"message": "URL download timeout (2000ms)"})


@pytest.mark.parametrize("form", ["form", "base64", "URL"])
def test_413_for_a_large_file(narrow_client: Client, narrow: RunningEngine, web: str, form: str) -> None:
    """A file above the limit is refused in every form, and nothing of it stays behind."""
    content = b"%PDF-1.4" + bytes(2**20)
    forms: dict[str, dict[str, Any]] = {
        "form": {"file": content},
        "base64": {"file_base64": base64.b64encode(content).decode()},
        "URL": {"url": f"{web}/large.pdf"},
    }
    call = refused(docutray.APIError, narrow_client.identify.run_async, **forms[form], **INVOICE)
    assert call == (413, {"message": "File exceeds maximum allowed size (1MB)"})
    assert list((narrow.data_dir / "incoming").iterdir()) == []


def test_413_before_the_first_byte(engine: RunningEngine) -> None:
    """A length that is too large as announced is refused without waiting for the file."""
    connection = http.client.HTTPConnection(engine.base_url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/api/identify-async")
        length = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(200 * 2**20)}
        for name, value in (engine.headers | length).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = json.loads(answer.read())
    assert (answer.status, body) == (413, {"message": "File exceeds maximum allowed size (100MB)"})


def test_415_for_another_body(engine: RunningEngine) -> None:
    """A body that is neither a form nor JSON is refused."""
    with engine.client() as client:
        answer = client.post("/api/identify-async", content=papers.pdf(), headers={"Content-Type": "application/pdf"})
    message = "Unsupported Content-Type. Use multipart/form-data or application/json."
    assert (answer.status_code, answer.json()) == (415, {"message": message})


def test_429_above_the_rate(tmp_path: Path) -> None:
    """Calls above the limit are told how long to wait, in body and header."""
    limited = start_engine(tmp_path, rate_limit_per_minute=3, processing="tests.obedient:process")
    with limited as engine, Client(api_key=engine.key, base_url=engine.base_url, max_retries=0) as client:
        for _ in range(3):
            client.document_types.list()
        with pytest.raises(docutray.RateLimitError) as caught:
            client.document_types.list()
    error = caught.value
    assert error.body is not None
    assert (error.status_code, error.body["error"]) == (429, "Rate limit exceeded")
    assert (error.limit_type, error.limit, error.remaining) == ("minute", 3, 0)
    assert error.retry_after == error.body["retryAfter"]
    assert 0 < error.body["retryAfter"] <= 60
    assert isinstance(error.reset_time, int)
