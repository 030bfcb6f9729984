"""What is ready at the same time is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from trayflow.batches import Batches
from trayflow.errors import DestinationError

Done = list[list[int]]


def doubling(done: Done, bad: int | None = None, error: Exception | None = None) -> Batches[int, int]:
    async def do(items: Sequence[int]) -> Sequence[int]:
        done.append(list(items))
        if bad in items and error is not None:
            raise error
        return [2 * item for item in items]

    return Batches(do, 0.05, 4)


def test_each_item_gets_its_own_result_and_batches_are_bounded() -> None:
    """Ten items in batches of four: none is done twice."""
    done: Done = []

    async def run() -> list[int]:
        batches = doubling(done)
        return list(await asyncio.gather(*(batches.add(n) for n in range(10))))

    assert asyncio.run(run()) == [2 * n for n in range(10)]
    assert sorted(n for batch in done for n in batch) == list(range(10))
    assert max(map(len, done)) == 4


def test_what_nothing_follows_is_done_at_once() -> None:
    """Told that nothing else comes, a batch does not wait out its time."""

    async def run() -> int:
        async def do(items: Sequence[int]) -> Sequence[int]:
            return items

        batches = Batches(do, 3600.0, 4)
        batches.flush()
        return await asyncio.wait_for(batches.add(1), 10)

    assert asyncio.run(run()) == 1


def test_one_bad_item_takes_no_other_along() -> None:
    """The batch is done again one by one; the bad one alone fails."""
    done: Done = []

    async def run() -> list[int | BaseException]:
        batches = doubling(done, bad=1, error=ValueError("bad"))
        return list(await asyncio.gather(*(batches.add(n) for n in range(3)), return_exceptions=True))

    first, second, third = asyncio.run(run())
    assert (first, third) == (0, 4)
    assert isinstance(second, ValueError)


def test_what_concerns_all_is_not_tried_one_by_one() -> None:
    """Tables that cannot be written fail for every item of the batch at once."""
    done: Done = []

    async def run() -> list[int | BaseException]:
        batches = doubling(done, bad=1, error=DestinationError("full"))
        return list(await asyncio.gather(*(batches.add(n) for n in range(3)), return_exceptions=True))

    assert all(isinstance(end, DestinationError) for end in asyncio.run(run()))
    assert done == [[0, 1, 2]]


def test_a_batch_under_way_is_seen_to_its_end() -> None:
    """Closing waits for it, and gives up what has not begun."""
    done: Done = []
    release = asyncio.Event()

    async def do(items: Sequence[int]) -> Sequence[int]:
        await release.wait()
        done.append(list(items))
        return items

    async def run() -> None:
        batches = Batches(do, 0.0, 1)
        begun, waiting = asyncio.create_task(batches.add(1)), asyncio.create_task(batches.add(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        closing = asyncio.create_task(batches.close())
        await asyncio.sleep(0)
        release.set()
        await closing
        assert await begun == 1
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(run())
    assert done == [[1]]
