"""How much memory it takes to submit a large document, against the document's size.

    uv run benchmarks/upload.py [--size MB]

A server in a process of its own takes the upload in and drops it. Each client runs in a fresh process, uploads a small
file first so that what is loaded once is not counted, and then the large one; its resident memory (RSS) may grow by
30 % of the file's size at most, or the exit code is 1. The Python heap's peak is taken in a second run, since tracing
it costs memory itself. For comparison: the vendor's SDK with its defaults, and our own base64 form, which is documented
to hold the document in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MB = 1_000_000
KEY = "dt_live_benchmark"
MOST = 0.3
OURS = "trayflow, multipart"


async def ours(url: str, file: Path) -> str:
    from trayflow.client import DocuTray, FileUpload

    async with DocuTray(url, KEY) as client:
        document = FileUpload(file, "large.pdf", "application/pdf")
        return (await client.submit_execution(document, step_id="s", metadata={})).remote_id


async def ours_in_base64(url: str, file: Path) -> str:
    from trayflow.client import Base64Upload, DocuTray

    async with DocuTray(url, KEY) as client:
        document = Base64Upload(await asyncio.to_thread(file.read_bytes), "application/pdf")
        return (await client.submit_execution(document, step_id="s", metadata={})).remote_id


async def sdk(url: str, file: Path) -> str:
    from docutray import AsyncClient

    async with AsyncClient(api_key=KEY, base_url=url, max_retries=0) as client:
        return (await client.steps.run_async("s", file=file, content_type="application/pdf")).execution_id


CLIENTS: dict[str, Callable[[str, Path], Awaitable[str]]] = {
    OURS: ours,
    "trayflow, base64": ours_in_base64,
    "docutray SDK, multipart": sdk,
}


def serve() -> None:
    """Take uploads in, keep nothing, and answer with their size as the id. Prints the port."""
    import uvicorn

    async def app(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        answer = json.dumps({"id": f"{size}", "status": "ENQUEUED"}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none", http="h11"))
    server.run(sockets=[listener])


def measure(client: str, url: str, small: Path, large: Path, traced: bool) -> None:
    """Upload both files and print what the large one took: bytes of memory and seconds."""
    upload = CLIENTS[client]
    asyncio.run(upload(url, small))  # type: ignore[arg-type]
    if traced:
        tracemalloc.start()
    before = _start_peak()
    started = time.perf_counter()
    received = int(asyncio.run(upload(url, large)))  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    if received < large.stat().st_size:
        sys.exit(f"only {received} bytes arrived")
    grown = tracemalloc.get_traced_memory()[1] if traced else _peak() - before
    print(json.dumps({"bytes": grown, "seconds": seconds}))


def _start_peak() -> int:
    """Forget the peak so far, where the system can, and return the resident bytes to count from."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # then imports may have gone higher than the upload does, and the figure is too low
        return _peak()
    return _linux("VmRSS")


def _peak() -> int:
    """The most resident bytes at once."""
    if Path("/proc/self/status").exists():
        return _linux("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _linux(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


@contextmanager
def _server() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def _child(client: str, url: str, small: Path, large: Path, how: str) -> dict[str, float]:
    command = [sys.executable, __file__, "measure", client, url, str(small), str(large), how]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _file(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        for at in range(9, size, MB):
            file.write(os.urandom(min(MB, size - at)))
    return path


def main() -> int:
    """Print a line a client; 1 when ours takes more than it may."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--size", type=int, default=100, help="size of the document in MB (default: 100)")
    size = arguments.parse_args().size * MB
    ratios = {}
    with tempfile.TemporaryDirectory() as folder, _server() as url:
        small, large = _file(Path(folder) / "small", 100_000), _file(Path(folder) / "large", size)
        print(f"one document of {size / MB:.0f} MB            RSS growth     Python heap   seconds")
        for client in CLIENTS:
            rss, heap = (_child(client, url, small, large, how) for how in ("rss", "heap"))
            ratios[client] = rss["bytes"] / size
            print(
                f"{client:28}{rss['bytes'] / MB:8.1f} MB {ratios[client]:4.0%}"
                f"{heap['bytes'] / MB:9.1f} MB {heap['bytes'] / size:4.0%}{rss['seconds']:8.2f}"
            )
    if ratios[OURS] > MOST:
        print(f"FAILED: more than {MOST:.0%} of the file's size.")
        return 1
    return 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve()
        case ["measure", client, url, small, large, how]:
            measure(client, url, Path(small), Path(large), how == "heap")
        case _:
            sys.exit(main())
