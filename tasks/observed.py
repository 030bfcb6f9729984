"""What all our tasks have in common: a name one can find, retries for what may pass, and nothing kept by Prefect.

The ledger remembers what is done. Prefect's results and cache are switched off: they would keep document text, cost
more than half of the pace, and be one more opinion on what was done.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar

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


class _Call:
    """What a task run is about, and what came of it, closed to Prefect.

    Prefect looks through every argument for other task runs, and keeps every result as long as the flow runs: with
    thousands of documents that is time and memory for nothing.
    """

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name = name
        self.arguments = arguments
        self.result: Any = None


class Observed(Generic[P, R]):
    """A function of which every call is a task run; made by `observed`."""

    def __init__(self, run_name: str, function: Callable[P, Coroutine[Any, Any, R]], limits: Limits | None) -> None:
        body: Callable[..., Coroutine[Any, Any, R]] = function

        async def noted(call: _Call) -> None:
            note()  # the run must not end before the server has recorded this task run
            call.result = await body(*call.arguments)

        noted.__name__, noted.__qualname__, noted.__doc__ = function.__name__, function.__qualname__, function.__doc__
        delays = back_off(limits) if limits else []
        self._run_name = run_name
        self._function = function
        self._signature = inspect.signature(function)
        self._task = task(
            name=function.__name__.replace("_", " "),
            task_run_name="{call.name}",
            retries=len(delays),
            retry_delay_seconds=delays or 0,
            retry_condition_fn=may_pass,
            retry_jitter_factor=0.5,
            persist_result=False,
            cache_policy=NO_CACHE,
        )(noted)

    async def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        bound = self._signature.bind(*arguments, **named)
        call = _Call(self._run_name.format(**bound.arguments), bound.args)
        await self._task(call)
        result: R = call.result
        return result

    def with_budget(self, limits: Limits) -> Observed[P, R]:
        """The same with the attempts and the back-off that the user set."""
        return Observed(self._run_name, self._function, limits)


def observed(run_name: str) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Observed[P, R]]:
    """Make each call a task run that shows as `run_name` (a format string over its parameters)."""

    def decorate(function: Callable[P, Coroutine[Any, Any, R]]) -> Observed[P, R]:
        return Observed(run_name, function, None)

    return decorate
