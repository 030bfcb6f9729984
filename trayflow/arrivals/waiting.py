"""Documents that have arrived, until somebody has taken care of them: they wait, are taken in batches, and are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from trayflow.models import Document


class Waiting:
    """Documents that wait for a batch or are in one, each once. For one event loop."""

    def __init__(self, batch: int, seconds: float) -> None:
        """A batch is full with so many documents, and due so many seconds after its first one."""
        self._batch = batch
        self._seconds = seconds
        self._waiting: dict[str, Document] = {}
        self._taken: set[str] = set()
        self._changed = asyncio.Condition()

    async def add(self, documents: Iterable[Document]) -> None:
        """Let documents wait; those that are here already, or in a batch, are not taken twice."""
        async with self._changed:
            for document in documents:
                if document.id not in self._taken:
                    self._waiting.setdefault(document.id, document)
            self._changed.notify_all()

    async def batch(self) -> list[Document]:
        """Wait until a batch is full, or due, and take it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting)
            try:
                async with asyncio.timeout(self._seconds):
                    await self._changed.wait_for(lambda: len(self._waiting) >= self._batch)
            except TimeoutError:
                pass
            taken = list(self._waiting.values())[: self._batch]
            for document in taken:
                del self._waiting[document.id]
            self._taken.update(document.id for document in taken)
            self._changed.notify_all()
            return taken

    async def let_go(self, documents: Iterable[Document]) -> None:
        """Their batch has ended."""
        async with self._changed:
            self._taken.difference_update(document.id for document in documents)
            self._changed.notify_all()

    async def gone(self, document_ids: Collection[str]) -> None:
        """Wait until none of these waits or is in a batch."""
        async with self._changed:
            await self._changed.wait_for(lambda: not any(self._has(id_) for id_ in document_ids))

    async def room(self) -> None:
        """Wait until no more wait than two batches hold: a source of a million documents is not taken into memory."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._waiting) <= 2 * self._batch)

    def _has(self, document_id: str) -> bool:
        return document_id in self._waiting or document_id in self._taken
