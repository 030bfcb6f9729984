"""When it is not the documents: a service that fails one after another stops the run instead of each of them."""

from __future__ import annotations

from trayflow.errors import ServiceFailingError


class Breaker:
    """Counts the documents in a row that exhausted their tries; any call that succeeds begins anew."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed: set[str] = set()

    def succeeded(self) -> None:
        """A call went well."""
        self._failed.clear()

    def failed(self, document_id: str, error: Exception) -> None:
        """A document exhausted its tries. Raises `ServiceFailingError` when too many did, with nothing in between."""
        self._failed.add(document_id)
        if len(self._failed) >= self._most:
            raise ServiceFailingError(
                f"One document fails after another, {len(self._failed)} by now; the last time: {error} "
                "They are all kept as they are: the same command carries on once that works again."
            )
