"""What the Prefect server has recorded of a run's task runs.

Task runs reach the server as events, which its recorder writes down later than they happened, and which a flooded
server drops without a word. Whoever ends a server, or reads a run's page, wants to know that everything is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import StateType

#: States that a task run never leaves.
ENDED: Sequence[str] = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]

#: Ids in one question to the server, well below the limits of SQLite's parameters and the API's pages.
IDS_AT_ONCE = 200

#: Seconds between two questions.
INTERVAL = 0.25


async def wait_until_recorded(
    expected: Collection[UUID] | int, flow_run_id: UUID | str, *, patience: float = 30.0
) -> int:
    """Wait until the server knows the end of every task run of a flow run; returns how many it does not.

    `expected` are the task runs' ids, or their number where nobody kept the ids. Gives up after `patience` seconds in
    which nothing more was recorded: 0 means that all of it is there.
    """
    missing: set[UUID] = set() if isinstance(expected, int) else set(expected)
    left = expected if isinstance(expected, int) else len(missing)
    async with get_client() as client:
        progressed = time.monotonic()
        while left:
            before = left
            with contextlib.suppress(httpx.HTTPError):  # a server that is busy, restarting or gone: patience decides
                left = await _left(client, flow_run_id, expected, missing)
            if left < before:
                progressed = time.monotonic()
            elif time.monotonic() - progressed > patience:
                break
            if left:
                await asyncio.sleep(INTERVAL)
    return left


async def backlog(started: int, flow_run_id: UUID | str) -> int:
    """How many of the `started` task runs of a flow run the server does not know of yet.

    Raises `httpx.HTTPError` when the server cannot be asked.
    """
    async with get_client() as client:
        return max(0, started - await _count(client, flow_run_id))


async def _left(
    client: PrefectClient, flow_run_id: UUID | str, expected: Collection[UUID] | int, missing: set[UUID]
) -> int:
    """One cheap question first; only when its answer may be all of them, each id is asked for and struck off."""
    total = expected if isinstance(expected, int) else len(expected)
    ended = await _count(client, flow_run_id, state={"type": {"any_": ENDED}})
    if ended < total or isinstance(expected, int):
        return max(0, total - ended)
    asked = list(missing)
    for start in range(0, len(asked), IDS_AT_ONCE):
        ids = asked[start : start + IDS_AT_ONCE]
        some = {"any_": [str(id_) for id_ in ids]}
        if await _count(client, flow_run_id, state={"type": {"any_": ENDED}}, id=some) == len(ids):
            missing.difference_update(ids)
    return len(missing)


async def _count(client: PrefectClient, flow_run_id: UUID | str, **task_runs: Any) -> int:
    task_runs["flow_run_id"] = {"any_": [str(flow_run_id)]}
    response = await client.request("POST", "/task_runs/count", json={"task_runs": task_runs})
    return int(response.json())
