"""What other processes learn: a webhook that says "ended" ends the wait of whoever waits for it, through the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from trayflow.errors import LedgerError
from trayflow.ledger import Ledger

#: Seconds between looks into the ledger, one for all that is waited for.
INTERVAL = 0.5

log = logging.getLogger(__name__)


class News:
    """Waits for submissions that a webhook may speak of. `watch` has to run beside them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._awaited: dict[str, asyncio.Event] = {}

    @contextlib.contextmanager
    def awaited(self, submission_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when the service is known to have ended this submission."""
        event = self._awaited[submission_id] = asyncio.Event()
        try:
            yield event
        finally:
            self._awaited.pop(submission_id, None)

    async def watch(self) -> None:
        """Look for news until cancelled. Polling goes on without it, so a failed look is only tried again."""
        while True:
            await asyncio.sleep(INTERVAL)
            ids = [id_ for id_, event in self._awaited.items() if not event.is_set()]
            if not ids:
                continue
            try:
                told = await self._ledger.call(self._ledger.submissions.told, ids)
            except LedgerError as error:
                log.warning("%s", error)
                continue
            for id_ in told:
                if event := self._awaited.get(id_):
                    event.set()
