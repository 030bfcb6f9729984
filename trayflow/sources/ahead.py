"""Reading ahead: what comes next is fetched while the caller works on what came before."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Ended:
    """A thread's last word."""

    error: Exception | None = None


def ahead(readings: Sequence[Callable[[], Iterator[T]]], at_once: int) -> Iterator[T]:
    """What several iterators give, as it comes: `at_once` of them are read at the same time, each in a thread.

    A thread is ahead of the caller by one item at most; no item is `None`. The first error ends the whole, and is
    raised here. Once this iterator is closed, each thread ends as soon as the call that it is in returns.
    """
    threads = min(at_once, len(readings))
    room = threading.Semaphore(threads)
    closed = threading.Event()
    waiting: SimpleQueue[Callable[[], Iterator[T]]] = SimpleQueue()
    came: SimpleQueue[T | _Ended] = SimpleQueue()
    for reading in readings:
        waiting.put(reading)

    def read() -> None:
        try:
            for item in _items(waiting, room, closed):
                came.put(item)
            came.put(_Ended())
        except Exception as error:
            came.put(_Ended(error))

    try:
        # Daemons: a listing that nobody waits for any more holds up no program's end.
        for number in range(threads):
            threading.Thread(target=read, name=f"trayflow-ahead-{number}", daemon=True).start()
        while threads:
            item = came.get()
            if not isinstance(item, _Ended):
                room.release()
                yield item
            elif item.error:
                raise item.error
            else:
                threads -= 1
    finally:
        closed.set()
        for _ in readings:
            room.release()


def _items(
    waiting: SimpleQueue[Callable[[], Iterator[T]]], room: threading.Semaphore, closed: threading.Event
) -> Iterator[T]:
    """What one thread reads, with room for each item before it is asked for."""
    with contextlib.suppress(Empty):
        while True:
            reading = waiting.get_nowait()()
            while room.acquire() and not closed.is_set() and (item := next(reading, None)) is not None:
                yield item
            room.release()
