"""`trayflow doctor`: is everything there that a run needs, and if not, what is to be done."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from deployments import lasting, prefect_server
from deployments.local import needs_engine, refuse_address_without_key
from trayflow.client import DocuTray
from trayflow.errors import AccessDeniedError, ServiceError, SettingsError, TransientError, TrayflowError
from trayflow.ledger import Ledger
from trayflow.settings import Settings, load_settings

#: What the embedded engine reads documents with.
ENGINE_PARTS = ("engine.serve", "pypdfium2", "pdfplumber", "rapidocr", "onnxruntime", "PIL")


class Check(BaseModel):
    """One thing looked at. `todo` says what to do when it is not well."""

    name: str
    ok: bool
    message: str
    todo: str = ""

    def lines(self) -> list[str]:
        """For a person."""
        mark = "ok     " if self.ok else "PROBLEM"
        return [f"{mark}  {self.name:<9} {self.message}", *([f"{'':<19} → {self.todo}"] if self.todo else [])]


def examine(config: Path | None, ledger: str | None) -> Iterator[Check]:
    """Look at one thing after another; without settings there is nothing more to look at."""
    try:
        settings = load_settings(config, ledger=ledger)
        refuse_address_without_key(settings)
    except SettingsError as error:
        yield Check(name="settings", ok=False, message=str(error), todo="Put that right, then ask again.")
        return
    yield Check(name="settings", ok=True, message="valid")
    yield _ledger(settings)
    yield from _service(settings)
    yield _prefect(settings)


def _ledger(settings: Settings) -> Check:
    try:
        opened = Ledger.open(settings.ledger_url)  # writes its own row: proof that it can
    except TrayflowError as error:
        todo = "Check the address, the rights on its folder and the space on its disk."
        return Check(name="ledger", ok=False, message=str(error), todo=todo)
    try:
        count = sum(opened.counts().values())
    finally:
        opened.close()
    return Check(name="ledger", ok=True, message=f"can be written; knows {count:,} documents")


def _service(settings: Settings) -> Iterator[Check]:
    if not needs_engine(settings):
        yield from asyncio.run(_account(settings))
        return
    for part in ENGINE_PARTS:
        try:
            importlib.import_module(part)
        except ImportError as error:
            todo = "Install trayflow anew (`uv sync`), or set DOCUTRAY_API_KEY to use the DocuTray service."
            message = f"no key is set, and the embedded engine lacks {part}: {error}"
            yield Check(name="service", ok=False, message=message, todo=todo)
            return
    yield Check(name="service", ok=True, message="no key is set (DOCUTRAY_API_KEY): the embedded engine will be used")
    yield _engine_types(settings)


def _engine_types(settings: Settings) -> Check:
    from engine.catalog import load_catalog

    try:
        known = load_catalog(settings.engine.types)
    except (ValueError, RuntimeError, OSError) as error:
        return Check(name="steps", ok=False, message=str(error), todo="Correct the folder named by engine.types.")
    lost = [route.step for route in settings.routing.types.values() if route.step not in known.steps]
    return _steps(lost, sorted(known.steps))


async def _account(settings: Settings) -> list[Check]:
    from flows.key import with_key

    url = settings.service.base_url
    try:
        key = (await with_key(settings)).api_key
        assert key is not None  # noqa: S101 - there is one, or with_key has raised
        async with DocuTray(url, key.get_secret_value()) as service:
            types = [known.code for known in await service.document_types()]
            routed = {code: route.step for code, route in settings.routing.types.items()}
            wanted = sorted(routed.values()) or [f"extract-{code}" for code in types]
            known = [step for step in wanted if await service.step_is_known(step)]
    except SettingsError as error:
        return [Check(name="service", ok=False, message=str(error), todo="Set DOCUTRAY_API_KEY, or make the block.")]
    except AccessDeniedError as error:
        todo = "Check DOCUTRAY_API_KEY: copy the key once more from your account, for this address."
        return [Check(name="service", ok=False, message=str(error), todo=todo)]
    except TransientError as error:
        todo = "Check DOCUTRAY_BASE_URL, the network and any proxy; then try again."
        return [Check(name="service", ok=False, message=f"{url} cannot be reached: {error}", todo=todo)]
    except (ServiceError, TrayflowError) as error:
        todo = "Check that DOCUTRAY_BASE_URL is the address of a DocuTray API."
        return [Check(name="service", ok=False, message=f"{url}: {error}", todo=todo)]
    reached = Check(name="service", ok=True, message=f"{url} accepts the key; {len(types)} document types")
    return [reached, _steps([step for step in wanted if step not in known] if routed else [], known)]


def _steps(lost: list[str], known: list[str]) -> Check:
    if lost:
        todo = f"Correct [routing.types] in your settings. Known: {', '.join(known) or 'none'}."
        return Check(name="steps", ok=False, message=f"not known: {', '.join(lost)}", todo=todo)
    if not known:
        todo = "Name a step for each document type under [routing.types] in your settings."
        return Check(name="steps", ok=False, message="no step is routed, and none is called extract-<type>", todo=todo)
    return Check(name="steps", ok=True, message=f"known: {', '.join(known)}")


def _prefect(settings: Settings) -> Check:
    name = "prefect"
    try:
        url = prefect_server.configured_url()
    except TrayflowError as error:
        return Check(name=name, ok=False, message=str(error), todo="Run `prefect config validate`.")
    if url:
        return asyncio.run(_prefect_at(url))
    if up := lasting.find_up(settings.home):
        return Check(name=name, ok=True, message=f"`trayflow up` keeps a server at {up.ui_url}")
    try:
        importlib.import_module("prefect.server.api.server")
    except Exception as error:
        todo = "Install trayflow anew (`uv sync`): a package that Prefect needs has a version that does not fit."
        return Check(
            name=name, ok=False, message=f"the server cannot start: {type(error).__name__}: {error}", todo=todo
        )
    return Check(name=name, ok=True, message="PREFECT_API_URL is not set: a server is started for each run")


async def _prefect_at(url: str) -> Check:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        error = await client.api_healthcheck()
    if error is None:
        return Check(name="prefect", ok=True, message=f"the server at {url} answers")
    message = f"the server at {url} does not answer ({type(error).__name__})"
    todo = "Start it, correct PREFECT_API_URL, or unset it: a server is then started for each run."
    return Check(name="prefect", ok=False, message=message, todo=todo)
