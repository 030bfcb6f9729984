"""Reading ahead in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.engines import eventually
from trayflow.sources.ahead import ahead


def numbers(first: int, count: int) -> Iterator[int]:
    yield from range(first, first + count)


def readings(*counts: int) -> list[Callable[[], Iterator[int]]]:
    return [partial(numbers, 100 * place, count) for place, count in enumerate(counts)]


def threads() -> int:
    return sum(thread.name.startswith("trayflow-ahead") for thread in threading.enumerate())


@pytest.mark.parametrize("counts", [(), (0,), (5,), (3, 0, 4), (2,) * 20])
def test_all_comes_once(counts: tuple[int, ...]) -> None:
    """From more iterators than threads, and from empty ones; each one's items in their order."""
    came = list(ahead(readings(*counts), at_once=3))
    assert sorted(came) == [100 * place + n for place, count in enumerate(counts) for n in range(count)]
    for place in range(len(counts)):
        own = [item for item in came if item // 100 == place]
        assert own == sorted(own)


def test_only_so_many_are_read_at_once() -> None:
    """However many there are."""
    pages = ahead(readings(*[3] * 10), at_once=2)
    next(pages)
    assert threads() <= 2
    assert len(list(pages)) == 29


def test_an_error_ends_all() -> None:
    """It is raised where the items are taken, after what came before it, and no thread stays behind."""

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(ahead([*readings(10_000), broken], at_once=2))
    eventually(lambda: threads() == 0)


def test_closing_ends_the_threads() -> None:
    """Also those that have room for no further item, and iterators that nobody has begun."""
    pages = ahead(readings(*[1000] * 5), at_once=3)
    next(pages)
    del pages
    eventually(lambda: threads() == 0)
