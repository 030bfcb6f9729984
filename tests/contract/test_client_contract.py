"""One suite for our client, against the embedded engine and against the vendor's answers in every form it prints.

What passes here with both is what the rest of the project may rely on.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests import papers
from tests.contract import replay
from tests.contract.replay import Replay
from tests.engines import RunningEngine, start_engine
from tests.webserver import serve_files
from trayflow.client import Base64Upload, DocuTray, FileUpload, Upload, UrlUpload
from trayflow.errors import AccessDeniedError, RateLimitedError, RejectedError, TransientError
from trayflow.models import Accepted, Progress, Status

T = TypeVar("T")
METADATA = {"trayflow_intent": "an intent", "name": "Ä", "numbers": [1, 2.5, None]}
CANDIDATES = ["invoice", "receipt"]
ACCOUNTS = ["engine", *replay.SOURCES]
MB = 2**20


@dataclass(frozen=True)
class Account:
    """Somewhere that speaks DocuTray."""

    base_url: str
    key: str
    transport: httpx.AsyncBaseTransport | None = None

    def ask(self, use: Callable[[DocuTray], Awaitable[T]], key: str | None = None) -> T:
        """What `use` returns for a client of this account."""

        async def asked() -> T:
            async with DocuTray(self.base_url, key or self.key, transport=self.transport) as client:
                return await use(client)

        return asyncio.run(asked())

    def end_of(self, submit: Callable[[DocuTray], Awaitable[Accepted]], kind: str = "execution") -> Progress:
        """The last word about a submission."""

        async def ended(client: DocuTray) -> Progress:
            accepted = await submit(client)
            assert accepted.status == Status.ENQUEUED
            async with asyncio.timeout(60):
                while not (progress := await getattr(client, kind)(accepted.remote_id)).is_final:
                    await asyncio.sleep(0.02)
            assert progress.remote_id == accepted.remote_id
            final: Progress = progress
            return final

        return self.ask(ended)


def replayed(source: str, **options: Any) -> Account:
    return Account("https://docutray.example", replay.KEY, Replay(source, **options))


def of(engine: RunningEngine) -> Account:
    return Account(engine.base_url, engine.key)


@pytest.fixture(params=ACCOUNTS)
def account(request: pytest.FixtureRequest) -> Account:
    if request.param == "engine":
        return of(request.getfixturevalue("engine"))
    return replayed(request.param)


@pytest.fixture(scope="module")
def narrow_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    limits: dict[str, Any] = {"most_bytes": MB, "download_seconds": 0.3, "processing": "tests.obedient:process"}
    with start_engine(tmp_path_factory.mktemp("narrow"), **limits) as running:
        yield running


@pytest.fixture(params=ACCOUNTS)
def narrow(request: pytest.FixtureRequest) -> Account:
    """An account whose limits are soon reached."""
    if request.param == "engine":
        return of(request.getfixturevalue("narrow_engine"))
    return replayed(request.param, most_bytes=MB)


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with serve_files({"/invoice.pdf": papers.pdf()}) as url:
        yield url


@pytest.fixture
def invoice(tmp_path: Path) -> FileUpload:
    return file(tmp_path, papers.pdf())


@pytest.fixture(params=["file", "base64", "URL"])
def upload(request: pytest.FixtureRequest, tmp_path: Path, web: str) -> Upload:
    """An invoice in each form that a submission can have."""
    forms: dict[str, Upload] = {
        "file": file(tmp_path, papers.pdf()),
        "base64": Base64Upload(papers.pdf(), "application/pdf"),
        "URL": UrlUpload(f"{web}/invoice.pdf"),
    }
    return forms[request.param]


def file(folder: Path, content: bytes) -> FileUpload:
    path = folder / "spooled"
    path.write_bytes(content)
    return FileUpload(path, "invoice.pdf", "application/pdf")


def identify(upload: Upload, **options: Any) -> Callable[[DocuTray], Awaitable[Accepted]]:
    options = {"candidates": CANDIDATES, "metadata": METADATA} | options
    return lambda client: client.submit_identification(upload, **options)


def execute(upload: Upload, **options: Any) -> Callable[[DocuTray], Awaitable[Accepted]]:
    options = {"step_id": "extract-invoice", "metadata": METADATA} | options
    return lambda client: client.submit_execution(upload, **options)


def test_an_identification_ends_with_a_type(account: Account, upload: Upload) -> None:
    """The winner among its ranked alternatives, none of the candidates being one of them; our words come back."""
    progress = account.end_of(identify(upload), "identification")
    assert progress.status == Status.SUCCESS
    found = progress.identification
    assert found is not None
    assert found.document_type.code == "invoice"
    assert 0.5 < found.document_type.confidence <= 1
    assert found.document_type in found.alternatives
    assert {"other", "otro"} & {each.code for each in found.alternatives}
    confidences = [each.confidence for each in found.alternatives]
    assert confidences == sorted(confidences, reverse=True)
    assert progress.metadata == METADATA


def test_an_execution_ends_with_fields(account: Account, upload: Upload) -> None:
    """In the shape of the type's schema; our words come back."""
    progress = account.end_of(execute(upload))
    assert progress.status == Status.SUCCESS
    assert progress.data is not None
    assert progress.data["grand_total"] == 120
    assert progress.validation.errors.count == 0
    assert progress.failure is None
    assert progress.metadata == METADATA


def test_a_broken_document_ends_in_an_error(account: Account, tmp_path: Path) -> None:
    """With the service's code and its reason."""
    progress = account.end_of(execute(file(tmp_path, b"%PDF-1.4 and no more")))
    assert progress.status == Status.ERROR
    assert progress.data is None
    assert progress.failure is not None
    assert progress.failure.code.isupper()
    assert progress.failure.message


def test_a_webhook_may_be_asked_for(account: Account, invoice: FileUpload) -> None:
    """It changes nothing about the answer."""
    assert account.ask(execute(invoice, webhook_url="https://hooks.example/x")).remote_id


def test_a_wrong_key_opens_nothing(account: Account, tmp_path: Path) -> None:
    """Said of a question, and of a document of some size."""
    large = file(tmp_path, b"%PDF-1.4" + bytes(8 * MB))
    calls: list[Callable[[DocuTray], Awaitable[Any]]] = [lambda client: client.document_types(), execute(large)]
    for call in calls:
        with pytest.raises(AccessDeniedError):
            account.ask(call, key="another-key")


def test_a_step_is_known_or_not(account: Account) -> None:
    """Without submitting anything."""
    assert account.ask(lambda client: client.step_is_known("extract-invoice"))
    assert not account.ask(lambda client: client.step_is_known("extract-will"))


def test_a_step_that_is_not_there_takes_nothing(account: Account, invoice: FileUpload) -> None:
    """For good."""
    with pytest.raises(RejectedError) as refused:
        account.ask(execute(invoice, step_id="extract-will"))
    assert refused.value.status in (403, 404)


def test_an_identification_needs_candidates(account: Account, invoice: FileUpload) -> None:
    """None at all, or one that the account does not have: refused for good, and told why."""
    for candidates, status in (([], 400), (["invoice", "passport"], 403)):
        with pytest.raises(RejectedError) as refused:
            account.ask(identify(invoice, candidates=candidates))
        assert refused.value.status == status
    assert "passport" in str(refused.value)


def test_what_is_no_document_is_refused(account: Account, tmp_path: Path) -> None:
    """By its content; and the refusal does not repeat it."""
    with pytest.raises(RejectedError) as refused:
        account.ask(execute(file(tmp_path, b"no document at all")))
    assert refused.value.status == 400
    assert "no document at all" not in str(refused.value)


def test_an_address_without_a_document(account: Account, web: str) -> None:
    """What its server said is passed on."""
    with pytest.raises(RejectedError, match="404 Not Found") as refused:
        account.ask(execute(UrlUpload(f"{web}/missing.pdf")))
    assert refused.value.status == 404


def test_an_address_that_takes_too_long(narrow: Account, web: str) -> None:
    """Worth another try."""
    with pytest.raises(TransientError) as refused:
        narrow.ask(execute(UrlUpload(f"{web}/never")))
    assert refused.value.status == 408


def test_a_document_that_is_too_large(narrow: Account, tmp_path: Path) -> None:
    """Refused for good, in the service's own words."""
    with pytest.raises(RejectedError, match="maximum allowed size") as refused:
        narrow.ask(execute(file(tmp_path, b"%PDF-1.4" + bytes(MB))))
    assert refused.value.status == 413


@pytest.mark.parametrize("kind", ["identification", "execution"])
def test_ids_that_the_service_does_not_know(account: Account, kind: str) -> None:
    """One that was never given out, and one that is none."""
    for remote_id, status in ((str(uuid.uuid4()), 404), ("not-an-id", 400)):
        with pytest.raises(RejectedError) as refused:
            account.ask(lambda client, asked=remote_id: getattr(client, kind)(asked))  # type: ignore[misc]
        assert refused.value.status == status


def test_the_accounts_types(account: Account) -> None:
    """All of them by code and name, and each with its schema."""
    names = {known.code: known.name for known in account.ask(lambda client: client.document_types())}
    assert set(CANDIDATES) <= set(names)
    invoice = account.ask(lambda client: client.document_type("invoice"))
    assert (invoice.code, invoice.name) == ("invoice", names["invoice"])
    assert "grand_total" in invoice.json_schema["properties"]
    with pytest.raises(RejectedError):
        account.ask(lambda client: client.document_type("will"))


@pytest.mark.parametrize("source", ACCOUNTS)
def test_too_many_calls_are_told_to_wait(source: str, tmp_path: Path) -> None:
    """In seconds, whether body or header says so."""

    def limited(account: Account) -> float:
        with pytest.raises(RateLimitedError) as refused:
            account.ask(lambda client: client.document_types())
        return refused.value.retry_after

    if source != "engine":
        assert limited(replayed(source, rate_limited=True)) == 17
        return
    with start_engine(tmp_path, rate_limit_per_minute=1, processing="tests.obedient:process") as engine:
        assert of(engine).ask(lambda client: client.document_types())
        assert 0 < limited(of(engine)) <= 60
