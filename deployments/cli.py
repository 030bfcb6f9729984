"""The command line. What takes long to import is imported by the command that needs it: `--help` answers at once."""

from __future__ import annotations

import contextlib
import json as json_format
import os
import signal
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from trayflow.settings import Settings

DONE, STOPPED, WRONG, INTERRUPTED = 0, 1, 2, 130

EPILOGUE = """\
Examples:
  trayflow run samples --to tables
  trayflow run ~/invoices --to ~/tables --config trayflow.toml
  trayflow run s3://acme-inbox/invoices/ --to tables
  trayflow watch ~/scanner --to tables
  trayflow status
  trayflow reconcile
  trayflow retry --reason low_confidence
  trayflow up
  trayflow doctor

Exit codes:
  0    every document reached an outcome
  1    the run could not go on, or documents are still under way
  2    wrong usage or settings
  130  Ctrl-C; the same command carries on where it stopped
"""

app = App(
    name="trayflow",
    help="A bucket or folder of documents becomes tables.",
    help_format="plaintext",
    help_epilogue=EPILOGUE,
    default_parameter=Parameter(show_default=False, negative=""),
    version=lambda: version("trayflow"),
    version_flags=["--version"],
)
tables = App(
    name="tables",
    help="What was written.",
    help_epilogue="Example:\n  trayflow tables rebuild --to tables",
)
app.command(tables)
events = App(
    name="events",
    help="What arrives, as Prefect events.",
    help_epilogue="Example:\n  trayflow events forward --queue $QUEUE_URL",
)
app.command(events)

ConfigOption = Annotated[
    Path | None, Parameter(help="Settings file; by default trayflow.toml in this folder, if there is one.")
]
LedgerOption = Annotated[
    str | None, Parameter(help="Database URL of the ledger; by default .trayflow/ledger.db in this folder.")
]
JsonOption = Annotated[bool, Parameter(help="Print one JSON object on standard output.")]


@app.command(
    help_epilogue="""\
Examples:
  trayflow run samples --to tables
  trayflow run ~/invoices --to tables --json
  trayflow run s3://acme-inbox/invoices/ --to tables
  DOCUTRAY_API_KEY=… trayflow run scans --to tables --config trayflow.toml
"""
)
def run(
    source: Annotated[str, Parameter(help="Folder or s3://bucket/prefix: PDF, JPEG, PNG, GIF, BMP, WebP.")],
    /,
    *,
    to: Annotated[str, Parameter(help="Folder of the CSV tables; rows are appended.")],
    config: ConfigOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
    quiet: Annotated[bool, Parameter(help="No progress and no notices.")] = False,
    verbose: Annotated[bool, Parameter(help="Show Prefect's log lines.")] = False,
) -> int:
    """Bring every document of a folder or bucket into tables.

    Run it again at any time: only what is new or changed is submitted.

    Without DOCUTRAY_API_KEY an embedded engine does the reading on this machine.

    Without PREFECT_API_URL a Prefect server is started for the run.
    """
    from deployments.run import run_documents

    return run_documents(source, to, config=config, ledger=ledger, as_json=json, quiet=quiet, verbose=verbose)


@app.command(
    help_epilogue="""\
Examples:
  trayflow watch ~/scanner --to tables
  trayflow watch s3://acme-inbox/invoices/ --to tables
  trayflow watch s3://acme-inbox --to tables --queue https://sqs.eu-central-1.amazonaws.com/123456789012/arrivals
"""
)
def watch(
    source: Annotated[str, Parameter(help="Folder of documents, or s3://bucket/prefix.")],
    /,
    *,
    to: Annotated[str, Parameter(help="Folder of the CSV tables; rows are appended.")],
    queue: Annotated[str | None, Parameter(help="URL of the SQS queue that the bucket's events go to.")] = None,
    config: ConfigOption = None,
    ledger: LedgerOption = None,
    quiet: Annotated[bool, Parameter(help="No progress and no notices.")] = False,
    verbose: Annotated[bool, Parameter(help="Show Prefect's log lines.")] = False,
) -> int:
    """Bring documents into tables as they arrive, in small batches, until Ctrl-C or SIGTERM.

    A folder tells by itself what arrives; a bucket tells its queue. Both are looked at as a whole when the watch begins
    and every watch.rescan seconds, since events get lost. Each batch is a flow run of its own.

    On Ctrl-C, batches under way get watch.farewell seconds to end in. What is under way after that stays in the ledger:
    the same command carries on.
    """
    from deployments.run import watch_documents

    return watch_documents(source, to, config=config, ledger=ledger, queue=queue, quiet=quiet, verbose=verbose)


@app.command(help_epilogue="Examples:\n  trayflow status\n  trayflow status --json")
def status(*, config: ConfigOption = None, ledger: LedgerOption = None, json: JsonOption = False) -> int:
    """How many documents ended where, and which one has been under way for longest."""
    from deployments.status import read_status, status_lines

    found = read_status(_settings(config, ledger))
    _say(found.model_dump_json() if json else "\n".join(status_lines(found)))
    return DONE


@app.command(
    help_epilogue="""\
Examples:
  trayflow engine --port 8600 --key my-key
  DOCUTRAY_BASE_URL=http://127.0.0.1:8600 DOCUTRAY_API_KEY=my-key trayflow run samples --to tables
  trayflow engine --port 8600 --key my-key --simulate 2 --at-once 50 --faults faults.toml
"""
)
def engine(
    *,
    port: Annotated[int, Parameter(help="Port on 127.0.0.1; 0 takes a free one, named in DATA/address.")],
    key: Annotated[
        str | None, Parameter(help="Key that callers bring.", env_var="TRAYFLOW_ENGINE_KEY", show_env_var=True)
    ] = None,
    types: Annotated[Path | None, Parameter(help="Folder with further document types and steps.")] = None,
    workers: Annotated[int | None, Parameter(help="Processes that read documents.")] = None,
    data: Annotated[
        Path | None, Parameter(help="Folder of the queue; by default .trayflow/engine in this folder.")
    ] = None,
    simulate: Annotated[
        float | None, Parameter(help="Read nothing: answer with made-up fields after about so many seconds.")
    ] = None,
    at_once: Annotated[int, Parameter(help="Documents under way at the same time in a simulation.")] = 50,
    faults: Annotated[Path | None, Parameter(help="Misbehave on purpose as this TOML file says.")] = None,
    webhook_url: Annotated[
        str | None, Parameter(help="Receiver of webhooks, signed with the secret in DOCUTRAY_WEBHOOK_SECRET.")
    ] = None,
) -> int:
    """Serve the embedded engine alone: the DocuTray API on this machine, until Ctrl-C."""
    from engine.serve import serve
    from trayflow.errors import RunStoppedError, SettingsError

    if not key:
        raise SettingsError("The engine wants a key: give one with --key, or in TRAYFLOW_ENGINE_KEY.")
    settings = _settings()
    data = data or settings.home / "engine"
    where = f"http://127.0.0.1:{port}" if port else f"the address in {data / 'address'}"
    sys.stderr.write(f"Starting the engine on {where}. Ctrl-C ends it.\n")
    try:
        serve(
            port,
            key,
            data_dir=data,
            types_dir=types or settings.engine.types,
            workers=workers or settings.engine.workers,
            simulate=simulate,
            at_once=at_once,
            faults=faults,
            webhook_url=webhook_url,
        )
    except ValueError as error:
        raise SettingsError(f"{error}") from None
    except (RuntimeError, OSError) as error:
        raise RunStoppedError(f"The engine cannot start: {error}.") from None
    return DONE


@app.command(help_epilogue="Examples:\n  trayflow up\n  trayflow up --port 4300")
def up(
    *,
    port: Annotated[int, Parameter(help="Port of the Prefect server and its UI, on 127.0.0.1.")] = 4200,
    config: ConfigOption = None,
) -> int:
    """Keep a Prefect server with UI, a worker, the deployments and, without a key, the engine running until Ctrl-C.

    `trayflow run` in the same folder uses them.
    """
    from deployments.up import keep_up

    with contextlib.suppress(KeyboardInterrupt):
        keep_up(_settings(config), port, _say)
    _say("Ended.")
    return DONE


@app.command(
    help_epilogue="""\
Examples:
  DOCUTRAY_WEBHOOK_SECRET=… trayflow webhooks --port 8700
  trayflow webhooks --port 8700 --ledger postgresql://trayflow@db/trayflow
"""
)
def webhooks(
    *,
    port: Annotated[int, Parameter(help="Port to listen on; 0 takes a free one.")],
    host: Annotated[str, Parameter(help="Address to listen on; by default 127.0.0.1, behind a proxy of yours.")] = (
        "127.0.0.1"
    ),
    config: ConfigOption = None,
    ledger: LedgerOption = None,
) -> int:
    """Receive the events of the DocuTray service until Ctrl-C: runs then need not wait for their next poll.

    The secret of the webhook endpoint is read from DOCUTRAY_WEBHOOK_SECRET.
    """
    from deployments.webhooks import serve

    with contextlib.suppress(KeyboardInterrupt):
        serve(_settings(config, ledger), port, host, _say)
    return DONE


@app.command(help_epilogue="Examples:\n  trayflow doctor\n  trayflow doctor --json")
def doctor(*, config: ConfigOption = None, ledger: LedgerOption = None, json: JsonOption = False) -> int:
    """Look at settings, ledger, service, steps and Prefect server, and say what to do where something is wrong."""
    from deployments.doctor import examine

    checks = list(examine(config, ledger))
    well = all(check.ok for check in checks)
    if json:
        _say(json_format.dumps({"ok": well, "checks": [check.model_dump() for check in checks]}, ensure_ascii=False))
    else:
        _say("\n".join(line for check in checks for line in check.lines()))
    return DONE if well else STOPPED


@app.command(
    help_epilogue="""\
Examples:
  trayflow reconcile
  trayflow reconcile --id 0b9f5c2e-6a0c-4c39-9d0a-4f6f7a3d9a11
  trayflow reconcile --never-arrived 3f0c5d1e9a7b4c628d1f0e2a3b4c5d6e
"""
)
def reconcile(
    *,
    ids: Annotated[
        tuple[str, ...], Parameter(name="--id", help="An id that the service has: ask it whose that is.")
    ] = (),
    never_arrived: Annotated[
        tuple[str, ...], Parameter(help="An intent that the service never got: the next run sends it again.")
    ] = (),
    config: ConfigOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> int:
    """Show submissions that may have been accepted without anybody seeing it, or settle them.

    --id and --never-arrived may be given several times.
    """
    from deployments.reconcile import Settled, doubt_lines, doubts, settle

    settings = _settings(config, ledger)
    if not ids and not never_arrived:
        found = doubts(settings)
        in_doubt = {"in_doubt": [doubt.model_dump(mode="json") for doubt in found]}
        _say(json_format.dumps(in_doubt, ensure_ascii=False) if json else "\n".join(doubt_lines(found)))
        return DONE
    settled: list[Settled] = []

    def tell(one: Settled) -> None:
        settled.append(one)
        if not json:
            (_say if one.ok else _complain)(f"{one.name}: {one.message}")

    well = settle(settings, ids, never_arrived, tell)
    if json:
        _say(json_format.dumps({"ok": well, "settled": [one.model_dump() for one in settled]}, ensure_ascii=False))
    return DONE if well else STOPPED


@app.command(
    help_epilogue="""\
Examples:
  trayflow retry --reason rejected
  trayflow retry --reason low_confidence --type invoice --key '2026/*'
  trayflow retry --reason execution_failed --again --dry-run
  trayflow retry --all
"""
)
def retry(
    *,
    reason: Annotated[tuple[str, ...], Parameter(help="Reason code, such as low_confidence or rejected.")] = (),
    type_: Annotated[tuple[str, ...], Parameter(name="--type", help="Document type that it was identified as.")] = (),
    key: Annotated[str | None, Parameter(help="Glob over the whole key: * crosses folders.")] = None,
    all_: Annotated[bool, Parameter(name="--all", help="Every document in review or quarantine.")] = False,
    again: Annotated[bool, Parameter(help="Submit anew what was paid for: the last submission of each.")] = False,
    yes: Annotated[bool, Parameter(help="Do not ask before something is paid for again.")] = False,
    dry_run: Annotated[bool, Parameter(help="Show what would be put back, and change nothing.")] = False,
    config: ConfigOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> int:
    """Put documents that ended in review or in quarantine back: the next run takes them up.

    Without --again nothing that was paid for is submitted anew. --reason and --type may be given several times.
    """
    from deployments import retry as retrying

    meant = retrying.wanted(reason, type_, key, all_)
    agree = (lambda _: True) if yes else retrying.ask
    retried = retrying.retry(_settings(config, ledger), meant, again=again, dry_run=dry_run, agree=agree)
    if retried is None:
        _complain("trayflow: nothing was changed.")
        return STOPPED
    _say(retried.model_dump_json() if json else "\n".join(retrying.retry_lines(retried)))
    return DONE


@tables.command(help_epilogue="Example:\n  trayflow tables rebuild --to tables")
def rebuild(
    *,
    to: Annotated[str, Parameter(help="Folder of the CSV tables.")],
    config: ConfigOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> int:
    """Write all tables anew from the results in the ledger. Nothing is submitted."""
    from trayflow.destinations import destination_at
    from trayflow.ledger import Ledger

    opened = Ledger.open(_settings(config, ledger).ledger_url)
    try:
        rows = destination_at(to, opened).rebuild()
    finally:
        opened.close()
    if json:
        _say(json_format.dumps({"tables": rows}))
    else:
        _say(
            "\n".join(f"{name}  {count:,} rows" for name, count in sorted(rows.items())) or "There is nothing to write."
        )
    return DONE


@events.command(
    help_epilogue="""\
Examples:
  QUEUE_URL=$(aws sqs get-queue-url --queue-name arrivals --query QueueUrl --output text)
  trayflow events forward --queue $QUEUE_URL
  PREFECT_API_URL=http://prefect:4200/api trayflow events forward --queue $QUEUE_URL
"""
)
def forward(
    *,
    queue: Annotated[
        str | None, Parameter(help="URL of the SQS queue of the bucket's events; by default watch.queue.")
    ] = None,
    visibility: Annotated[
        int | None,
        Parameter(
            help="Seconds for which a message is ours; by default watch.visibility.",
            validator=Number(gte=10, lte=43200),
        ),
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Turn each new object in a bucket into a Prefect event, trayflow.document.arrived, until Ctrl-C.

    Automations then decide what happens. Credentials and region of the queue are found the AWS way.

    The Prefect server is that of PREFECT_API_URL, or of `trayflow up` in this folder.
    """
    from deployments.events import forward as forward_events

    with contextlib.suppress(KeyboardInterrupt):
        forward_events(_settings(config), queue, visibility, _say)
    return DONE


def _settings(config: Path | None = None, ledger: str | None = None) -> Settings:
    from trayflow.settings import load_settings

    return load_settings(config, ledger=ledger)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns the exit code; says in one line what went wrong."""
    from trayflow.errors import SettingsError, TrayflowError

    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False)
        return command(*bound.args, **bound.kwargs) or DONE
    except CycloptsError:
        return WRONG  # cyclopts has said what
    except SettingsError as error:
        sys.stderr.write(f"trayflow: {error}\n")
        return WRONG
    except TrayflowError as error:
        sys.stderr.write(f"trayflow: {error}\n")
        return STOPPED
    except KeyboardInterrupt:
        sys.stderr.write("trayflow: interrupted. The same command carries on where this one stopped.\n")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
