"""What the library says while a flow runs belongs to the flow run's log: an operator reads it there."""

from __future__ import annotations

import logging

from prefect.context import FlowRunContext
from prefect.logging.handlers import APILogHandler

#: Loggers of ours that know nothing of Prefect.
OURS = ("trayflow", "tasks")


class _ToFlowRun(APILogHandler):
    """Sends what is logged inside of a flow run to the server, with that run."""

    def emit(self, record: logging.LogRecord) -> None:
        if FlowRunContext.get() is not None:
            super().emit(record)


def show_in_flow_run() -> None:
    """Have our loggers heard in flow runs; to be called as often as one likes."""
    for name in OURS:
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _ToFlowRun) for handler in logger.handlers):
            logger.addHandler(_ToFlowRun())
            logger.setLevel(logging.INFO)
