"""`trayflow run` and `trayflow watch`: the ground, the flow on it, and what it says."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
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
        with _ground(config, ledger, display, verbose) as ground:
            # The slowest imports there are, while what was started comes up.
            from deployments.flow_run import FlowRun
            from flows.ingest import ingest

            ground.wait_until_answering()
            display.working()
            lasting = ground.server_is_lasting
            call = partial(ingest, source, to, str(config) if config else None, ledger)
            flow = FlowRun(call, display.hear, display.notice, lasting)
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


def watch_documents(
    source: str, to: str, *, config: Path | None, ledger: str | None, queue: str | None, quiet: bool, verbose: bool
) -> int:
    """Run the flow that watches `source`, until Ctrl-C or SIGTERM. Returns the exit code; raises what stops it."""
    with Display(quiet=quiet, remembers=False) as display, _ground(config, ledger, display, verbose) as ground:
        from deployments.flow_run import FlowRun
        from flows.watch import watch

        ground.wait_until_answering()
        display.working()
        display.notice(f"Watching {source} → {to}. Ctrl-C ends it once the documents under way are home.")
        call = partial(watch, source, to, str(config) if config else None, ledger, queue)
        FlowRun(call, display.hear, display.notice, ground.server_is_lasting).run(ground)
        display.notice("Ended. What is under way is in the ledger: the same command carries on.")
    return DONE


@contextmanager
def _ground(config: Path | None, ledger: str | None, display: Display, verbose: bool) -> Iterator[Ground]:
    settings = load_settings(config, ledger=ledger)
    notices = _Notices(display)
    for package in ("trayflow", "tasks", "flows", "deployments"):
        logging.getLogger(package).addHandler(notices)
    with Ground(settings, display.notice) as ground:
        if not verbose:  # now, so that the server's own log holds what it has to say
            os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
        yield ground


def _tell(summary: Summary, display: Display, to: str, as_json: bool, url: str | None) -> None:
    display.stop()
    if as_json:
        sys.stdout.write(f"{summary.model_dump_json()}\n")
    else:
        show_summary(summary, display.ended, to, url)
    sys.stdout.flush()
