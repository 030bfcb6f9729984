"""The vendor's own SDK drives the engine: both clients, every form of input, every operation."""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docutray import AsyncClient, Client

from tests import papers
from tests.engines import RunningEngine
from tests.webserver import serve_files

TYPES = ["invoice", "receipt"]
METADATA = {"customer": "Ä-1", "nested": {"numbers": [1, 2.5, None]}}

Sdk = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture(params=["sync", "async"])
def sdk(request: pytest.FixtureRequest, engine: RunningEngine) -> Sdk:
    """Calls a function with a client and returns what comes of it, awaited where the client is the async one."""
    options: dict[str, Any] = {"api_key": engine.key, "base_url": engine.base_url, "max_retries": 0}

    def use_client(use: Callable[[Any], Any]) -> Any:
        with Client(**options) as client:
            return use(client)

    async def use_async_client(use: Callable[[Any], Any]) -> Any:
        async with AsyncClient(**options) as client:
            result = use(client)
            return await result if inspect.isawaitable(result) else result

    return use_client if request.param == "sync" else lambda use: asyncio.run(use_async_client(use))


def ended(started: Any) -> Any:
    """The final status of an operation that was started with either client."""
    if not inspect.isawaitable(started):
        return started.wait(poll_interval=0.02, timeout=30)

    async def wait(started: Awaitable[Any]) -> Any:
        return await (await started).wait_async(poll_interval=0.02, timeout=30)

    return wait(started)


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with serve_files({"/invoice.pdf": papers.pdf()}) as url:
        yield url


@pytest.fixture(params=["path", "bytes", "base64", "data URI", "URL"])
def document(request: pytest.FixtureRequest, tmp_path: Path, web: str) -> dict[str, Any]:
    """The invoice as each form of input, as keyword arguments of the SDK."""
    encoded = base64.b64encode(papers.pdf()).decode()
    path = tmp_path / "invoice.pdf"
    path.write_bytes(papers.pdf())
    forms: dict[str, dict[str, Any]] = {
        "path": {"file": path},
        "bytes": {"file": papers.pdf()},
        "base64": {"file_base64": encoded, "content_type": "application/pdf"},
        "data URI": {"file_base64": f"data:application/pdf;base64,{encoded}"},
        "URL": {"url": f"{web}/invoice.pdf"},
    }
    return forms[str(request.param)]


def test_a_step_takes_every_form_of_input(sdk: Sdk, document: dict[str, Any]) -> None:
    """Whatever the form of input, a step ends with the document's fields."""
    final = sdk(lambda client: ended(client.steps.run_async("extract-invoice", **document)))
    assert final.is_success(), final.error
    assert final.step_id == "extract-invoice"
    assert final.data["grand_total"] == 120
    assert final.data["iban"] == "DE89370400440532013000"


def test_an_identification_takes_every_form_of_input(sdk: Sdk, document: dict[str, Any]) -> None:
    """Whatever the form of input, an identification ends with the winner among its ranked alternatives."""
    final = sdk(lambda client: ended(client.identify.run_async(**document, document_type_code_options=TYPES)))
    assert final.is_success(), final.error
    assert final.document_type.code == "invoice"
    assert {match.code for match in final.alternatives} == {*TYPES, "other"}
    confidences = [match.confidence for match in final.alternatives]
    assert confidences == sorted(confidences, reverse=True)
    assert final.document_type == final.alternatives[0]


def test_a_conversion_takes_every_form_of_input(sdk: Sdk, document: dict[str, Any]) -> None:
    """Whatever the form of input, a conversion ends with the fields of the type that was asked for."""
    final = sdk(lambda client: ended(client.convert.run_async(**document, document_type_code="invoice")))
    assert final.is_success(), final.error
    assert final.document_type_code == "invoice"
    assert final.data["grand_total"] == 120


def test_the_synchronous_operations(sdk: Sdk) -> None:
    """`identify.run` and `convert.run` answer with the result itself."""
    found = sdk(lambda client: client.identify.run(file=papers.pdf(), document_type_code_options=TYPES))
    assert found.document_type.code == "invoice"
    converted = sdk(lambda client: client.convert.run(file=papers.pdf(), document_type_code="invoice"))
    assert converted.data["grand_total"] == 120


@pytest.mark.parametrize("document", ["path", "base64"], indirect=True)
def test_metadata_comes_back(sdk: Sdk, document: dict[str, Any]) -> None:
    """`document_metadata` of a step is in its status, unchanged, from a form and from JSON."""
    final = sdk(lambda client: ended(client.steps.run_async("extract-invoice", **document, document_metadata=METADATA)))
    assert final.document_metadata == METADATA


def test_metadata_of_conversions_comes_back(sdk: Sdk) -> None:
    """`document_metadata` of a conversion is in its status."""
    final = sdk(
        lambda client: ended(
            client.convert.run_async(file=papers.pdf(), document_type_code="invoice", document_metadata=METADATA)
        )
    )
    assert final.document_metadata == METADATA


def test_names_and_times(sdk: Sdk, tmp_path: Path) -> None:
    """A status names the file and says when the work was asked for and when it ended."""
    path = tmp_path / "Rechnung März.pdf"
    path.write_bytes(papers.pdf())
    final = sdk(lambda client: ended(client.steps.run_async("extract-invoice", file=path)))
    assert final.original_filename == path.name
    assert final.request_timestamp <= final.response_timestamp


def test_a_picture_is_read(sdk: Sdk) -> None:
    """An image without any text of its own is read by OCR, though the SDK declares nameless bytes as PDF."""
    final = sdk(lambda client: ended(client.steps.run_async("extract-invoice", file=papers.image())))
    assert final.is_success(), final.error
    assert final.data["grand_total"] == 120


def test_a_step_with_candidates(sdk: Sdk) -> None:
    """A step over several types identifies first; its status carries the identification beside the fields."""
    final = sdk(lambda client: ended(client.steps.run_async("extract-any", file=papers.pdf())))
    assert final.is_success(), final.error
    assert final.identification["document_type"] == "invoice"
    assert final.data["grand_total"] == 120
    assert set(final.validation) == {"errors", "warnings"}


def test_document_types_are_listed_page_by_page(engine: RunningEngine) -> None:
    """Listing goes through all pages, and a search narrows it."""
    with Client(api_key=engine.key, base_url=engine.base_url) as client:
        codes = [kind.codeType for kind in client.document_types.list(limit=3).auto_paging_iter()]
        assert codes == ["bank_statement", "invoice", "purchase_order", "receipt"]
        assert [kind.codeType for kind in client.document_types.list(search="BANK stat").data] == ["bank_statement"]


def test_a_document_type_by_code_and_by_id(sdk: Sdk) -> None:
    """A type is found by its code and by its id, with its schema."""
    by_code = sdk(lambda client: client.document_types.get("invoice"))
    by_id = sdk(lambda client: client.document_types.get(by_code.id))
    assert by_code == by_id
    assert by_code.jsonSchema["properties"]["grand_total"]
    assert by_code.updatedAt is not None


def test_a_document_is_validated(sdk: Sdk) -> None:
    """Validation reports what breaks the type's schema and sums, and nothing about a document in order."""
    right = {"number": "1", "issue_date": "2026-03-04", "net_total": 100, "tax_total": 20, "grand_total": 120}
    assert sdk(lambda client: client.document_types.validate("invoice", right)).is_valid()
    wrong = sdk(lambda client: client.document_types.validate("invoice", right | {"grand_total": 121}))
    assert wrong.errors.count == len(wrong.errors.messages) == 1
