"""What a run stands on: a Prefect server and a DocuTray API, found where they are, started where they are not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from deployments import embedded, prefect_server
from deployments.children import LOCALHOST, Child, free_port, is_locked
from deployments.lasting import Up, find_up
from trayflow.errors import SettingsError
from trayflow.settings import Service, Settings

Notice = Callable[[str], None]


class Ground:
    """A context in which this process's environment names a Prefect server and a DocuTray API.

    What had to be started for it ends with it. Entering raises `SettingsError` when an address is set without its key.
    """

    def __init__(self, settings: Settings, notice: Notice) -> None:
        self.server_is_lasting = True
        self._settings = settings
        self._notice = notice
        self._starting: list[tuple[Child, str]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        refuse_address_without_key(self._settings)
        with self._stack as stack:
            env = {**prefect_server.QUIET, **_around_proxies()}
            if needs_engine(self._settings):
                env |= self._engine(stack)
            if prefect_server.configured_url() is None:
                env |= self._server(stack)
            stack.enter_context(_Environment(env))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def wait_until_answering(self) -> None:
        """Wait for what was started. Raises `StartError` when some of it does not come up."""
        for child, url in self._starting:
            child.wait_until_answering(url)

    def fallen(self) -> Child | None:
        """A process of ours that ended although nobody told it to."""
        return next((child for child, _ in self._starting if not child.is_alive()), None)

    def _engine(self, stack: ExitStack) -> dict[str, str]:
        up = self._up_or_free(embedded.lock_file(self._settings.home), lambda up: up.engine_url)
        if up and up.engine_url and up.engine_key:
            self._notice("No key is set (DOCUTRAY_API_KEY): the embedded engine of `trayflow up` does the reading.")
            return embedded.Account(up.engine_url, up.engine_key).env()
        self._notice("No key is set (DOCUTRAY_API_KEY): an embedded engine does the reading, on this machine.")
        engine, account = embedded.start(self._settings)
        stack.callback(engine.stop)
        self._starting.append((engine, embedded.health_url(account)))
        return account.env()

    def _server(self, stack: ExitStack) -> dict[str, str]:
        home = self._settings.home
        up = self._up_or_free(prefect_server.lock_file(home), lambda up: up.api_url)
        if up:
            return prefect_server.client_env(up.api_url, home) | pace(self._settings)
        self.server_is_lasting = False
        port = free_port()
        url = prefect_server.api_url(port)
        server = prefect_server.start(home, port, lasting=False)
        stack.callback(server.stop)
        self._starting.append((server, f"{url}/health"))
        return prefect_server.client_env(url, home) | pace(self._settings)

    def _up_or_free(self, lock: Path, offers: Callable[[Up], object]) -> Up | None:
        """What `trayflow up` offers in this folder; or `None`, once nobody else works on the files behind the lock."""
        told = False
        while True:
            up = find_up(self._settings.home)
            if up and offers(up):
                return up
            if not is_locked(lock):
                return None
            if not told:
                self._notice("Another trayflow works in this folder: this one begins when that one has ended.")
                told = True
            time.sleep(0.3)


def needs_engine(settings: Settings) -> bool:
    """Whether there is no key, neither in the environment nor in a Prefect Secret block."""
    return settings.api_key is None and settings.service.api_key_block is None


def pace(settings: Settings) -> dict[str, str]:
    """How fast task runs may come to a server of ours, unless the user says otherwise."""
    if settings.prefect.task_runs_per_second is not None:
        return {}
    return {"TRAYFLOW_PREFECT__TASK_RUNS_PER_SECOND": str(prefect_server.TASK_RUNS_PER_SECOND)}


def refuse_address_without_key(settings: Settings) -> None:
    """Somebody who names a service means that one: documents must not quietly go elsewhere."""
    address = settings.service.base_url
    if needs_engine(settings) and address != Service.model_fields["base_url"].default:
        raise SettingsError(f"The service's address is set ({address}), but not its key: set DOCUTRAY_API_KEY.")


def _around_proxies() -> dict[str, str]:
    """Our own processes are on this machine: no proxy leads there."""
    here = f"{LOCALHOST},localhost"
    return {name: f"{os.environ[name]},{here}" if os.environ.get(name) else here for name in ("NO_PROXY", "no_proxy")}


class _Environment:
    """Variables of this process that are as before afterwards."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._env}
        os.environ.update(self._env)

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
