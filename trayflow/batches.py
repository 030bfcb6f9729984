"""Things that are cheaper done together: what comes within a moment goes as one batch, and each gets its own end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from trayflow.errors import RunStoppedError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """Gathers items for `seconds` after the first of them, up to `most`, and hands them to `do` together.

    `do` returns a result for each item, in their order. Where it fails for several, each is done again by itself: one
    bad item takes no other along, unless it is nobody's fault (`RunStoppedError`). Batches are done one after another.
    """

    def __init__(self, do: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], seconds: float, most: int) -> None:
        self._do = do
        self._seconds = seconds
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._full = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def flush(self) -> None:
        """Wait for no more: nothing else comes for now."""
        self._full.set()

    async def add(self, item: Item) -> Result:
        """Have one item done. Raises what `do` raises for it."""
        end: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, end))
        if len(self._waiting) >= self._most:
            self._full.set()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await end

    async def close(self) -> None:
        """Let a batch under way come to its end; what waits is given up."""
        for _, end in self._waiting:
            end.cancel()
        if self._worker and not self._worker.done():
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        while self._waiting:
            if self._seconds:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), self._seconds)
            self._full.clear()
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._end([(item, end) for item, end in batch if not end.done()])

    async def _end(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        if not batch:
            return
        try:
            results = await self._do([item for item, _ in batch])
        except Exception as error:
            if len(batch) == 1 or isinstance(error, RunStoppedError):
                for _, end in batch:
                    if not end.done():
                        end.set_exception(error)
                return
            for one in batch:
                await self._end([one])
            return
        for (_, end), result in zip(batch, results, strict=True):
            if not end.done():  # whoever waited may have been stopped
                end.set_result(result)
