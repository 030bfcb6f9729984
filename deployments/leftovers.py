"""Flow runs that a killed process left behind: on a server of ours nobody else would ever say that they ended."""

from __future__ import annotations

import asyncio

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import State, StateType
from prefect.states import Crashed


async def mark_crashed() -> int:
    """Mark what is said to run as crashed; to be called when nothing can run yet. Returns how many there were."""
    running = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])))
    crashed: State[None] = Crashed(
        message="The process that ran this was killed. Run it again: the ledger knows the rest."
    )
    async with get_client() as client:
        left = await client.read_flow_runs(flow_run_filter=running)
        for flow_run in left:
            await client.set_flow_run_state(flow_run.id, crashed, force=True)
    return len(left)


if __name__ == "__main__":
    asyncio.run(mark_crashed())
