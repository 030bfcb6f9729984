"""The garbage collector, kept from what never becomes garbage."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def libraries_left_out() -> AsyncIterator[None]:
    """Let the collector look only at what comes into being as long as the block lasts.

    What was there before is mostly what Prefect, pandas and others are made of: to look through that took .15 s each
    time, in which nothing else runs, and a seventh of a run over a large bucket (`benchmarks/discovery.py`).
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
