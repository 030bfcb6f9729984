"""`trayflow up`: a Prefect server with its UI, a worker, the deployments and, without a key, the engine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from deployments import embedded, lasting, prefect_server
from deployments.children import PYTHON, Child, StartError, is_locked
from deployments.local import needs_engine, pace, refuse_address_without_key
from trayflow.settings import Settings

POOL = "local"

#: Our copy, for folders that have no deployments of their own.
PACKAGED = Path(__file__).with_name("prefect.yaml")


def keep_up(settings: Settings, port: int, say: Callable[[str], None]) -> None:
    """Start everything, say where it is, and keep it until `KeyboardInterrupt` reaches the caller.

    Raises `StartError` when something does not start or ends by itself, and when trayflow works in this folder already.
    """
    refuse_address_without_key(settings)
    home = settings.home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    if is_locked(prefect_server.lock_file(home)):
        raise StartError("Another trayflow works in this folder: end it first, or wait until its run has ended.")
    say("Starting the Prefect server; this takes some seconds.")
    api_url = prefect_server.api_url(port)
    env = prefect_server.client_env(api_url, home) | pace(settings)
    up = lasting.Up(api_url=api_url, ui_url=api_url.removesuffix("/api"))
    children: list[Child] = []

    with ExitStack() as stack:

        def keep(child: Child) -> Child:
            stack.callback(child.stop)
            children.append(child)
            return child

        server = keep(prefect_server.start(home, port, lasting=True))
        if needs_engine(settings):
            engine, account = embedded.start(settings)
            keep(engine).wait_until_answering(embedded.health_url(account))
            env |= account.env()
            up = up.model_copy(update={"engine_url": account.base_url, "engine_key": account.key})
        server.wait_until_answering(f"{api_url}/health")
        _prepare(env)
        worker_env = {**env, "PREFECT_WORKER_QUERY_SECONDS": "2"}
        worker = [*PYTHON, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
        keep(Child("Prefect worker", worker, env=worker_env, log=home / "logs" / "worker.log"))
        deployed = _deploy(env)

        stack.callback(lasting.withdraw, home)
        up.publish(home)
        say(f"Prefect UI   {up.ui_url}")
        say(f"Prefect API  {up.api_url}  (PREFECT_API_URL for other folders)")
        service = f"{up.engine_url}  (embedded: no key is set)" if up.engine_url else settings.service.base_url
        say(f"Service      {service}")
        say(f"Deployments  {deployed}")
        say(f"Logs         {home / 'logs'}")
        say("`trayflow run` in this folder uses them. Ctrl-C ends them.")
        _watch(children)


def _watch(children: Sequence[Child]) -> None:
    while all(child.is_alive() for child in children):
        time.sleep(0.5)
    fallen = next(child for child in children if not child.is_alive())
    raise StartError(f"The {fallen.name} ended unexpectedly: see {fallen.log}.")


def _prepare(env: Mapping[str, str]) -> None:
    """A work pool to deploy to, and no flow run that only seems to run."""
    with ThreadPoolExecutor() as threads:
        pool = threads.submit(_prefect, env, "work-pool", "create", POOL, "--type", "process", "--overwrite")
        leftovers = threads.submit(_run_python, env, "-m", "deployments.leftovers")
        pool.result()
        leftovers.result()


def _deploy(env: Mapping[str, str]) -> str:
    """Make the deployments of this folder's prefect.yaml, or else of ours."""
    definition = next((file for file in (Path("prefect.yaml"), PACKAGED) if file.is_file()), None)
    if definition is None:
        return "none: there is no prefect.yaml in this folder"
    _prefect(env, "--no-prompt", "deploy", "--all", "--prefect-file", str(definition.absolute()))
    return f"those of {definition}, in the work pool `{POOL}`"


def _prefect(env: Mapping[str, str], *arguments: str) -> None:
    _run_python(env, "-m", "prefect", *arguments)


def _run_python(env: Mapping[str, str], *arguments: str) -> None:
    command = [*PYTHON, *arguments]
    env = {**os.environ, **env}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise StartError(f"`python {' '.join(arguments)}` failed: {' '.join(last)}")
