"""What all our tasks have in common: a name one can find, retries for what may pass, and nothing kept by Prefect.

The ledger remembers what is done. Prefect's results and cache are switched off: they would keep document text, cost
more than half of the pace, and be one more opinion on what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun

from tasks.pace import note
from trayflow.failures import Retried, back_off, failure_of
from trayflow.settings import Limits

P = ParamSpec("P")
R = TypeVar("R")


def may_pass(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether a failed task run is worth another try: the table of failures knows."""
    return isinstance(state.data, Exception) and failure_of(state.data).retried is Retried.TASK


def observed(
    run_name: str,
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Task[P, Coroutine[Any, Any, R]]]:
    """Make a task that shows as `run_name` (a format string over its parameters) and retries what may pass."""

    def decorate(function: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Coroutine[Any, Any, R]]:
        @wraps(function)
        async def noted(*arguments: P.args, **named: P.kwargs) -> R:
            note()  # the run must not end before the server has recorded this task run
            return await function(*arguments, **named)

        return task(
            task_run_name=run_name,
            retry_condition_fn=may_pass,
            retry_jitter_factor=0.5,
            persist_result=False,
            cache_policy=NO_CACHE,
        )(noted)

    return decorate


def with_budget(observed_task: Task[P, R], limits: Limits) -> Task[P, R]:
    """The same task with the attempts and the back-off that the user set."""
    delays = back_off(limits)
    return observed_task.with_options(retries=len(delays), retry_delay_seconds=delays or 0)
