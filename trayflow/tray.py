"""What the tasks of one run share: where documents come from, who works on them, and where rows go.

Opening a tray checks every setting that can be checked without submitting anything, so that a wrong one stops the run
before the first document is paid for.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from trayflow.breaker import Breaker
from trayflow.client import DocuTray
from trayflow.destinations import open_destination
from trayflow.destinations.csv import CsvFolder
from trayflow.durations import Durations
from trayflow.errors import LedgerError, RejectedError, ServiceUnreachableError, SettingsError, TransientError
from trayflow.failures import back_off, jittered
from trayflow.gate import Gate
from trayflow.ledger import Ledger, Share, Submission
from trayflow.models import Kind, Listing, TypeSchema
from trayflow.news import News
from trayflow.settings import Settings
from trayflow.sources import Source, open_source
from trayflow.spool import Spool, sweep
from trayflow.tally import Tally

#: Seconds that POSTs under way get to be answered and recorded when a run is stopped: without, they become unknown.
FAREWELL = 60

#: Seconds between heartbeats where limits are shared: a new run waits that long for its part.
SHARING = 2.0

#: Keys that a source is asked for at once.
KEYS_AT_ONCE = 100

#: A step that has no route of its own is called after its type.
DEFAULT_STEP = "extract-{code}"


log = logging.getLogger(__name__)

T = TypeVar("T")


class Tray:
    """The resources of a run. Made by `open_tray`; deliberately no dataclass, since Prefect looks into those."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        destination: CsvFolder,
        ledger: Ledger,
        service: DocuTray,
        gate: Gate,
        run_id: str,
        steps: Mapping[str, str],
        schemas: Mapping[str, TypeSchema],
        keys: Collection[str] | None = None,
    ) -> None:
        self.settings = settings
        self.source = source
        self.destination = destination
        self.ledger = ledger
        self.service = service
        self.steps = steps
        self.schemas = schemas
        self.candidates: Sequence[str] = sorted({*steps, *settings.routing.candidates})
        limits = settings.limits
        self.spool = Spool(spool_folder(settings) / run_id, limits.max_bytes, limits.spool_bytes)
        self.gate = gate
        self.breaker = Breaker(limits.breaker)
        self.news = News(ledger)
        self.tally = Tally()
        self.run_id = run_id
        self.keys = list(keys) if keys is not None else None
        self._posts: set[asyncio.Task[Submission]] = set()
        self._durations: dict[tuple[Kind, str], Durations] = {}

    def pages(self) -> Iterator[Listing]:
        """What this run is about: all of the source, or the keys that it was given."""
        if self.keys is None:
            yield from self.source.pages()
            return
        for start in range(0, len(self.keys), KEYS_AT_ONCE):
            yield self.source.find(self.keys[start : start + KEYS_AT_ONCE])

    def keep(self, post: asyncio.Task[Submission]) -> asyncio.Task[Submission]:
        """Remember a POST under way: it is seen to its end even if whoever waits for it is stopped."""
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)
        return post

    async def settle(self) -> None:
        """Let the POSTs under way be answered and recorded."""
        if self._posts:
            _, late = await asyncio.wait(self._posts, timeout=FAREWELL)
            for post in late:
                post.cancel()

    async def durations(self, kind: Kind, step_id: str) -> Durations:
        """How long this step usually takes, as far as anybody knows."""
        if (kind, step_id) not in self._durations:
            known = await self.ledger.call(self.ledger.submissions.durations, kind, step_id)
            self._durations.setdefault((kind, step_id), Durations(reversed(known)))
        return self._durations[kind, step_id]

    async def rows(self) -> dict[str, int]:
        """The rows that are now in each table of the destination."""
        states = await self.ledger.call(self.ledger.table_states, self.destination.uri)
        return {name: state.rows for name, state in sorted(states.items())}

    async def check_service(self) -> None:
        """Raise `ServiceUnreachableError` when the trouble is not one document's but everybody's."""
        try:
            await self.service.document_types()
        except TransientError as error:
            if error.status is None:
                raise _unreachable(self.settings) from None


@asynccontextmanager
async def open_tray(
    settings: Settings, source: str, to: str, keys: Collection[str] | None = None
) -> AsyncIterator[Tray]:
    """Open everything a run needs, and close it again. `keys`: the documents it is about; by default, all.

    Raises `SettingsError` for what the user has to put right, `RunStoppedError` where the service or the destination
    cannot be used. Nothing has been submitted then.
    """
    if settings.api_key is None:
        raise SettingsError("There is no key for the service: set DOCUTRAY_API_KEY, or start with `trayflow run`.")
    opened = await asyncio.to_thread(open_source, source, settings.source, settings.limits)
    key = settings.api_key.get_secret_value()
    ledger = await asyncio.to_thread(Ledger.open, settings.ledger_url)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(ledger.close)
        destination = await asyncio.to_thread(open_destination, to, ledger)
        run = await stack.enter_async_context(_running(ledger, settings, key))
        window = settings.limits.window
        service = DocuTray(settings.service.base_url, key, max_connections=window, gate=run.gate)
        await stack.enter_async_context(service)
        steps, schemas = await _account(service, settings)
        await asyncio.to_thread(ledger.keep_schemas, schemas.values())
        await asyncio.to_thread(lambda: sweep(spool_folder(settings), ledger.runs.living()))
        tray = Tray(settings, opened, destination, ledger, service, run.gate, run.id, steps, schemas, keys)
        stack.callback(tray.spool.close)
        watching = asyncio.create_task(tray.news.watch()) if settings.webhooks.come else None
        try:
            yield tray
        finally:
            await tray.settle()
            if watching:
                watching.cancel()


def spool_folder(settings: Settings) -> Path:
    """Where runs have their spools, each in a folder named by its id."""
    return settings.home / "spool"


@dataclass(frozen=True, slots=True)
class _Run:
    id: str
    gate: Gate


@asynccontextmanager
async def _running(ledger: Ledger, settings: Settings, key: str) -> AsyncIterator[_Run]:
    """A run that holds its documents, and its part of the account's limits, as long as the block lasts."""
    limits, run_id = settings.limits, str(uuid.uuid4())
    limit = Share(limits.requests_per_minute, limits.max_in_flight)
    # Not to be turned back into the key: it only tells which runs share an account.
    account = hashlib.sha256(f"{ledger.id}\0{settings.service.base_url}\0{key}".encode()).hexdigest()[:32]
    await asyncio.to_thread(ledger.runs.start, run_id, limits.lease, account)
    gate = Gate(Share())

    async def renew(used: Share) -> Share:
        return await asyncio.to_thread(ledger.runs.renew, run_id, limits.lease, account, limit, used)

    async def beat_on() -> None:
        """Renew the lease three times as often as needed: one or two late heartbeats must not cost the claims."""
        while True:
            await asyncio.sleep(min(limits.lease / 3, SHARING) if limit != Share() else limits.lease / 3)
            try:
                await gate.deal(renew)
            except LedgerError as error:
                log.warning("The heartbeat is late: %s", error)

    try:
        await gate.deal(renew)
        beating = asyncio.create_task(beat_on())
        try:
            yield _Run(run_id, gate)
        finally:
            beating.cancel()
    finally:
        await asyncio.to_thread(ledger.runs.end, run_id)


async def _account(service: DocuTray, settings: Settings) -> tuple[dict[str, str], dict[str, TypeSchema]]:
    """The steps to use by type, and the types' schemas: what the settings say, checked against the account."""
    routing = settings.routing

    async def answered(ask: Callable[[], Awaitable[T]]) -> T:
        """A service that fails once does not stop a run; nobody at its address does, and at once."""
        for delay in back_off(settings.limits):
            try:
                return await ask()
            except TransientError as error:
                if error.status is None:
                    raise
            await asyncio.sleep(jittered(delay))
        return await ask()

    try:
        types = {known.code for known in await answered(service.document_types)}
        wanted = {code: stated.step for code, stated in routing.types.items()} or {
            code: DEFAULT_STEP.format(code=code) for code in sorted(types)
        }
        known = {step: await answered(partial(service.step_is_known, step)) for step in sorted(set(wanted.values()))}
        steps = {code: step for code, step in wanted.items() if known[step]}
        if unknown := sorted({*routing.types, *routing.candidates} - types):
            raise SettingsError(
                f"The account has no document type {', '.join(unknown)}; it has {', '.join(sorted(types)) or 'none'}."
            )
        if routing.types and (lost := sorted(set(wanted.values()) - set(steps.values()))):
            raise SettingsError(f"The account has no step {', '.join(lost)}: see [routing.types] in your settings.")
        if not steps:
            raise SettingsError("No route is set: name a step for each document type under [routing.types].")
        schemas = {code: await answered(partial(_schema, service, code)) for code in steps}
    except TransientError as error:
        if error.status is None:
            raise _unreachable(settings) from None
        raise ServiceUnreachableError(f"{settings.service.base_url} cannot be used now: {error}") from None
    return steps, schemas


async def _schema(service: DocuTray, code: str) -> TypeSchema:
    try:
        return await service.document_type(code)
    except RejectedError:
        return TypeSchema(code=code)  # readable by name alone: columns are then inferred


def _unreachable(settings: Settings) -> ServiceUnreachableError:
    return ServiceUnreachableError(
        f"Nobody answers at {settings.service.base_url}: check the address, the network and the service."
    )
