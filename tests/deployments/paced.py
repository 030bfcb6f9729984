"""A flow of many small task runs, started by a test in a process of its own; says what the server has of them."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from tasks.pace import Admission, note
from tasks.record import backlog, wait_until_recorded
from trayflow.settings import Limits, Prefect, Settings

#: Of each document.
TASK_RUNS = 6


@task(persist_result=False, cache_policy=NO_CACHE, task_run_name="small {number}")
async def small(number: int) -> None:
    note()


@flow(persist_result=False)
async def many(documents: int) -> dict[str, int]:
    settings = Settings(limits=Limits(window=50), prefect=Prefect(task_runs_per_second=1000))

    async def work(number: int) -> None:
        try:
            for _ in range(TASK_RUNS):
                await small(number)
        finally:
            admission.leave(str(number))

    async with Admission(settings) as admission, asyncio.TaskGroup() as group:
        for number in range(documents):
            await admission.enter()
            group.create_task(work(number))
    started, this_run = admission.started, str(flow_run.get_id())
    return {
        "started": len(started),
        "missing": await wait_until_recorded(started, this_run, patience=0),
        "missing_by_number": await wait_until_recorded(len(started), this_run, patience=0),
        "missing_unknown": await wait_until_recorded({*started, uuid.uuid4()}, this_run, patience=0.5),
        "backlog": await backlog(len(started) + 7, this_run),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(many(int(sys.argv[1])))))
