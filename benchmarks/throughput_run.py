"""One client of the twin, in a process of its own: started by `throughput.py`, prints what it measured as JSON.

    python benchmarks/throughput_run.py ours|sdk|empty FOLDER WINDOW

`ours` runs the flow on the Prefect server that PREFECT_API_URL names; `sdk` is what one would write with asyncio and
the vendor's SDK, with its defaults: identify, wait, execute, wait, WINDOW documents at once; no ledger, no tables.
`empty` measures what a task run that does nothing costs there, WINDOW of them at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

#: Task runs that do nothing, for what one costs.
EMPTY = 300

KEY, URL = os.environ["DOCUTRAY_API_KEY"], os.environ["DOCUTRAY_BASE_URL"]


def resident_mb() -> float:
    """Memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def sdk(inbox: Path, window: int) -> dict[str, Any]:
    from docutray import AsyncClient

    paths = sorted(inbox.iterdir())

    async def main() -> dict[str, Any]:
        async with AsyncClient(api_key=KEY, base_url=URL) as client:
            types = [row.codeType for row in (await client.document_types.list(limit=100)).data]
            room = asyncio.Semaphore(window)

            async def one(path: Path) -> None:
                async with room:
                    found = await client.identify.run_async(file=path, document_type_code_options=types)
                    found = await found.wait_async()
                    execution = await client.steps.run_async(f"extract-{found.document_type.code}", file=path)
                    assert (await execution.wait_async()).is_success()

            began, cpu = time.monotonic(), time.process_time()
            await asyncio.gather(*(one(path) for path in paths))
            return {"makespan": time.monotonic() - began, "cpu": time.process_time() - cpu}

    return asyncio.run(main())


def empty(_: Path, window: int) -> dict[str, Any]:
    """CPU seconds of this process for a task run that does nothing: what Prefect takes on this machine, now."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

    from prefect import flow

    from tasks.observed import observed

    @observed("nothing {number}")
    async def nothing(number: int) -> None:
        await asyncio.sleep(0.01)

    @flow(persist_result=False)
    async def idle() -> float:
        logging.getLogger("prefect.task_runs").setLevel(logging.WARNING)  # as a run does
        room = asyncio.Semaphore(window)

        async def one(number: int) -> None:
            async with room:
                await nothing(number)

        cpu = time.process_time()
        await asyncio.gather(*(one(number) for number in range(EMPTY)))
        await asyncio.sleep(1)  # what is still being sent counts as well
        return (time.process_time() - cpu) / EMPTY

    return {"empty_task_run": asyncio.run(idle())}


def ours(inbox: Path, _: int) -> dict[str, Any]:
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

    from prefect.client.orchestration import get_client

    import flows.run
    from flows.ingest import ingest
    from tasks.pace import Admission
    from trayflow.progress import Discovered, Ended, Event, listener

    begun: list[Admission] = []
    began: list[float] = []

    class Noted(Admission):
        async def __aenter__(self) -> Noted:
            begun.append(self)
            began.append(time.monotonic())
            return await super().__aenter__()

    flows.run.Admission = Noted  # type: ignore[misc]
    ended: list[float] = []
    memory: list[float] = []
    cpu: list[float] = []

    def hear(event: Event) -> None:
        if isinstance(event, Discovered) and not cpu:
            cpu.append(time.process_time())
        if isinstance(event, Ended):
            ended.append(time.monotonic())
            if len(ended) % 100 == 0:
                memory.append(resident_mb())

    async def main() -> dict[str, Any]:
        listener.set(hear)
        called = time.monotonic()
        state = await ingest(str(inbox), str(inbox.parent / "tables"), return_state=True)
        returned = time.monotonic()
        cpu.append(time.process_time())
        summary = await state.aresult()
        assert summary.written == len(ended), summary
        states: Counter[str] = Counter()
        async with get_client() as client:
            for kind in ("COMPLETED", "FAILED", "CRASHED", "RUNNING", "PENDING"):
                asked = {
                    "flow_run_id": {"any_": [str(state.state_details.flow_run_id)]},
                    "state": {"type": {"any_": [kind]}},
                }
                answer = await client.request("POST", "/task_runs/count", json={"task_runs": asked})
                states[kind] = int(answer.json())
        return {
            "makespan": ended[-1] - began[0],
            "start": began[0] - called,
            "lag": returned - ended[-1],
            "cpu": cpu[1] - cpu[0],
            "memory": memory,
            "task_runs": len(begun[0].started),
            "recorded": states,
        }

    return asyncio.run(main())


if __name__ == "__main__":
    measure = {"ours": ours, "sdk": sdk, "empty": empty}[sys.argv[1]]
    sys.stdout.write(json.dumps(measure(Path(sys.argv[2]), int(sys.argv[3]))))
