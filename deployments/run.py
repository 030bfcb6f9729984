"""`trayflow run`: the ground, the flow on it, and what it says."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from deployments.display import Display, show_summary
from deployments.local import Ground
from trayflow.errors import RunStoppedError
from trayflow.progress import Summary
from trayflow.settings import load_settings

DONE, STOPPED = 0, 1


class _Notices(logging.Handler):
    """Warnings of ours, as notices."""

    def __init__(self, display: Display) -> None:
        super().__init__(logging.WARNING)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        self._display.notice(record.getMessage())


def run_documents(
    source: str, to: str, *, config: Path | None, ledger: str | None, as_json: bool, quiet: bool, verbose: bool
) -> int:
    """Run the flow over `source` and tell how it went. Returns the exit code; raises what stops it."""
    with Display(quiet=quiet) as display:
        display.notice(f"{source} → {to}")
        settings = load_settings(config, ledger=ledger)
        for package in ("trayflow", "tasks", "flows", "deployments"):
            logging.getLogger(package).addHandler(_Notices(display))
        with Ground(settings, display.notice) as ground:
            if not verbose:  # now, so that the server's own log holds what it has to say
                os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
            # The slowest import there is, while what was started above comes up.
            from deployments.flow_run import FlowRun

            ground.wait_until_answering()
            display.working()
            lasting = ground.server_is_lasting
            flow = FlowRun(source, to, str(config) if config else None, ledger, display.hear, display.notice, lasting)
            try:
                summary = flow.run(ground)
            except RunStoppedError as stopped:
                if stopped.summary:
                    _tell(stopped.summary, display, to, as_json, url=None)
                raise
            url = flow.url if lasting else None
        _tell(summary, display, to, as_json, url)
    if summary.in_progress:
        documents = "1 document is" if summary.in_progress == 1 else f"{summary.in_progress:,} documents are"
        raise RunStoppedError(f"{documents} still under way: the same command carries on.")
    return DONE


def _tell(summary: Summary, display: Display, to: str, as_json: bool, url: str | None) -> None:
    display.stop()
    if as_json:
        sys.stdout.write(f"{summary.model_dump_json()}\n")
    else:
        show_summary(summary, display.ended, to, url)
    sys.stdout.flush()
