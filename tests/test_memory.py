"""The garbage collector while a run goes on."""

from __future__ import annotations

import asyncio
import gc

import pytest

from flows.memory import libraries_left_out


def test_the_collector_passes_over_what_was_there_before() -> None:
    """As long as the block lasts, and however it ends."""

    async def block() -> None:
        async with libraries_left_out():
            assert gc.get_freeze_count() > 10_000
            raise ZeroDivisionError

    before = gc.get_freeze_count()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(block())
    assert gc.get_freeze_count() <= before
