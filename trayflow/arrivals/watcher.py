"""A source being watched: what arrives is looked up, entered in the ledger, and handed on in batches.

Events only say where to look. The source says what lies there, and the ledger whether that is new: so events that come
twice, late or out of order change nothing. Those that never come cost time: everything is looked at on a timer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from functools import partial
from typing import Any

from trayflow.arrivals.queue import Message, Queue, kept
from trayflow.arrivals.waiting import Waiting
from trayflow.errors import RunStoppedError
from trayflow.failures import jittered
from trayflow.ledger import Ledger, LeftBehind
from trayflow.models import Document, Listing
from trayflow.settings import Watch
from trayflow.sources import Source

#: Seconds before what failed is tried again, and the most that they grow to.
FIRST, LAST = 2.0, 300.0

#: Seconds that one question to the queue waits for messages.
LONG_POLL = 20

#: Seconds that messages get to be deleted once the last batch has ended.
DELETED_WITHIN = 3.0

#: Keys looked up at once.
AT_ONCE = 500

log = logging.getLogger(__name__)

#: Brings the documents with these keys home.
RunBatch = Callable[[list[str]], Awaitable[object]]


class Watcher:
    """Watches one source for one destination, until it is cancelled."""

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        destination: str,
        settings: Watch,
        run_batch: RunBatch,
        *,
        changes: AsyncIterator[set[str]] | None = None,
        queue: Queue | None = None,
    ) -> None:
        """`changes` yields keys to look up, `queue` messages about objects; the timer is there in any case."""
        self._source = source
        self._ledger = ledger
        self._destination = destination
        self._settings = settings
        self._run_batch = run_batch
        self._changes = changes
        self._queue = queue
        self._waiting = Waiting(settings.batch, settings.seconds)
        self._free = asyncio.Semaphore(settings.at_once)
        # Held between asking the ledger and believing it: what ends meanwhile would be taken once more.
        self._entering = asyncio.Lock()
        self._batches = set[asyncio.Task[None]]()
        self._messages = set[asyncio.Task[None]]()

    async def watch(self) -> None:
        """Watch until cancelled; batches under way then get `farewell` seconds to end, and are cancelled after that.

        A message whose documents have not come home by then stays in the queue.
        """
        work: list[Coroutine[Any, Any, None]] = [self._take_batches(), self._look_at_everything()]
        if self._changes:
            work.append(self._hear(self._changes))
        if self._queue:
            work.append(self._listen(self._queue))
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _ended(tasks)
            if self._batches:
                await asyncio.wait(self._batches, timeout=self._settings.farewell)
            await _ended(self._batches)
            if self._messages:  # those whose documents have just come home
                await asyncio.wait(self._messages, timeout=DELETED_WITHIN)
            await _ended(self._messages)

    # --- how documents arrive --------------------------------------------------------------------------------------

    async def _look_at_everything(self) -> None:
        while True:
            await self._persist("look at the source", self._rescan)
            await asyncio.sleep(self._settings.rescan)

    async def _rescan(self) -> None:
        pages = self._source.pages()
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            await self._enter(page)
            await self._waiting.room()
        left = await self._enter_left(None)
        while left:
            await self._waiting.room()
            left = await self._enter_left(left)

    async def _hear(self, changes: AsyncIterator[set[str]]) -> None:
        async for keys in changes:
            await self._persist("look at what has arrived", partial(self._arrived, sorted(keys)))
        await asyncio.Event().wait()  # nothing comes any more; the timer goes on

    async def _listen(self, queue: Queue) -> None:
        while True:
            await self._waiting.room()
            messages = await self._persist("ask the queue", lambda: asyncio.to_thread(queue.receive, LONG_POLL))
            if messages:
                _spawn(self._messages, self._see_to(queue, messages))

    async def _see_to(self, queue: Queue, messages: Collection[Message]) -> None:
        """Messages are ours until their documents have come home, and deleted only then: the ledger knows those."""
        ours = []
        async with kept(queue, messages):
            for message in messages:
                if reason := message.poison or self._foreign(message):
                    await self._persist("put a message aside", partial(asyncio.to_thread, queue.bury, message, reason))
                else:
                    ours.append(message)
            addresses = {object_.uri for message in ours for object_ in message.objects}
            keys = [key for address in sorted(addresses) if (key := self._source.key_at(address))]
            documents = await self._persist("look at what has arrived", partial(self._arrived, keys))
            await self._waiting.gone([document.id for document in documents])
            await self._persist("delete messages", partial(asyncio.to_thread, queue.delete, ours))

    def _foreign(self, message: Message) -> str | None:
        """Why a message that was understood is not for us: nobody who reads this queue would ever take it."""
        ours = "/".join(self._source.uri.split("/", 3)[:3])
        others = {address for object_ in message.objects if not (address := object_.uri).startswith(f"{ours}/")}
        return "it speaks of an object in another bucket" if others else None

    async def _arrived(self, keys: Sequence[str]) -> list[Document]:
        wanted: list[Document] = []
        for start in range(0, len(keys), AT_ONCE):
            listing = await asyncio.to_thread(self._source.find, keys[start : start + AT_ONCE])
            for skipped in listing.skipped:
                log.info("%s is left alone: %s", skipped.key, skipped.reason)
            wanted += await self._enter(listing)
        return wanted

    async def _enter(self, listing: Listing) -> list[Document]:
        """Enter what was found in the ledger, and let those wait that need work and that no other run holds."""
        async with self._entering:
            page = await self._ledger.call(self._ledger.discover, self._source.uri, listing.found, self._destination)
            free = await self._ledger.call(self._ledger.let_go, [document.id for document in page.documents], "")
            # What has ended since is there with its outcome; what another run holds is not there at all.
            await self._waiting.add(
                document
                for document in page.documents
                if (now := free.get(document.id)) is not None and now.outcome is document.outcome
            )
        return list(page.documents)

    async def _enter_left(self, after: LeftBehind | None) -> LeftBehind | None:
        """Let those wait that are under way, that nobody holds, and that are in no listing any more."""
        async with self._entering:
            left = await self._ledger.call(self._ledger.left_behind, self._source.uri, None, after)
            if left:
                await self._waiting.add(item for item in left.documents if self._source.patterns.take(item.key))
        return left

    # --- how they are taken ----------------------------------------------------------------------------------------

    async def _take_batches(self) -> None:
        while True:
            await self._free.acquire()
            _spawn(self._batches, self._bring_home(await self._waiting.batch()))

    async def _bring_home(self, documents: list[Document]) -> None:
        keys = [document.key for document in documents]
        try:
            await self._persist("run a batch", partial(self._run_batch, keys))
        except Exception as error:  # the ledger has them, and the next look at everything brings them again
            log.error("A batch of %d documents has failed: %s: %s", len(keys), type(error).__name__, error)
        finally:
            self._free.release()
        async with self._entering:
            await self._waiting.let_go(documents)  # not when it was cancelled: their messages stay in the queue

    async def _persist(self, what: str, do: Callable[[], Awaitable[Any]]) -> Any:
        """Do it until it can be done: what concerns all documents passes, or somebody who reads this puts it right."""
        delay = FIRST
        while True:
            try:
                return await do()
            except RunStoppedError as error:
                log.warning("Cannot %s: %s Tried again in %.0f s.", what, error, delay)
            await asyncio.sleep(jittered(delay))
            delay = min(2 * delay, LAST)


def _spawn(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    task.add_done_callback(_told)


def _told(task: asyncio.Task[None]) -> None:
    """A fault of ours ends what it hits and nothing else: what was lost of it is found by the next look."""
    if not task.cancelled() and (error := task.exception()):
        log.error("A fault of trayflow: %s: %s", type(error).__name__, error)


async def _ended(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel what still runs, and wait until it has ended."""
    left = list(tasks)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
