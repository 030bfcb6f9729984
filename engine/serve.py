"""Starting the engine: `serve` runs it in this process until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from filelock import FileLock, Timeout

from engine.access import Access
from engine.app import create_app
from engine.catalog import load_catalog
from engine.faults import Faults, load_faults
from engine.faulty import CuttableProtocol
from engine.service import Service
from engine.settings import WEBHOOK_SECRET, EngineSettings

#: In the data folder, once the engine listens: its base URL. How to find one that was started on port 0.
ADDRESS_FILE = "address"

# Seconds that calls under way get to end when the engine is told to.
_GRACE = 3
# Seconds that idle connections stay open: longer than clients keep theirs, or a POST may meet one that is just closing.
_KEEP_ALIVE = 75


class DataDirInUseError(RuntimeError):
    """Another engine works in this data folder."""


def serve(
    port: int,
    key: str,
    *,
    data_dir: Path,
    types_dir: Path | None = None,
    workers: int | None = None,
    host: str = "127.0.0.1",
    **settings: Any,
) -> None:
    """Serve the DocuTray API on `host`:`port` to callers that bring `key`, until SIGINT or SIGTERM (main thread only).

    Port 0 takes a free one; `data_dir`/address tells which. What was accepted and not done by an earlier engine in the
    same `data_dir` is carried on. `types_dir` adds types and steps (see engine.catalog). `settings` are further fields
    of `EngineSettings`; the secret of webhooks comes from the environment (DOCUTRAY_WEBHOOK_SECRET).

    Raises `CatalogError` for types and `FaultsError` for faults that cannot be used, `DataDirInUseError`, `ValueError`
    for wrong settings and `OSError` when the address is taken.
    """
    settings.setdefault("webhook_secret", os.environ.get(WEBHOOK_SECRET))
    if workers is not None:
        settings["workers"] = workers
    chosen = EngineSettings(key=key, data_dir=data_dir.absolute(), types_dir=types_dir, **settings)
    catalog = load_catalog(chosen.types_dir)
    faults = Faults(load_faults(chosen.faults)) if chosen.faults else None
    chosen.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = chosen.data_dir / ADDRESS_FILE
    with _only_engine_in(chosen.data_dir), _listening(host, port) as listener:
        app = create_app(Service(chosen, catalog, faults), Access(key, chosen.rate_limit_per_minute))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                loop="asyncio",
                http=CuttableProtocol if faults else "h11",
                ws="none",
                lifespan="on",
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        # Clients that come before the first answer is ready wait in the listener's queue.
        taken = listener.getsockname()
        address.write_text(f"http://{f'[{taken[0]}]' if ':' in taken[0] else taken[0]}:{taken[1]}")
        # uvicorn ends in good order and then raises the signal once more: that must not cost us our own end.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(server.serve(sockets=[listener]))
        finally:
            address.unlink(missing_ok=True)


@contextlib.contextmanager
def _only_engine_in(data_dir: Path) -> Iterator[None]:
    try:
        held = FileLock(data_dir / "lock").acquire(timeout=0)
    except Timeout:
        raise DataDirInUseError(f"another engine works in {data_dir}") from None
    with held:
        yield


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, since asyncio turns off Nagle's algorithm only then: it would delay each answer by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
