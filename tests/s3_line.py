"""A line to an S3 server that breaks where a test says so."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.s3_servers import Bucket


class Line:
    """What becomes of the next downloads, and what was asked for.

    Each of `downloads` is the number of bytes after which the line is cut, or an HTTP status to answer with, as a
    negative number, or a call to make before the answer; none left: all is well. `rewrite` makes other bodies of those
    that come.
    """

    def __init__(self) -> None:
        self.downloads: deque[int | Callable[[], Any]] = deque()
        self.reset = False
        self.rewrite: Callable[[bytes], bytes] | None = None
        self.ranges: list[str | None] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""


@contextmanager
def line_to(bucket: Bucket) -> Iterator[Line]:
    """A line to a bucket's server, as long as the block lasts."""
    line = Line()
    upstream = urlsplit(bucket.endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_download = self.path.startswith(f"/{bucket.name}/") and "?" not in self.path
            line.headers.append({name.lower(): value for name, value in self.headers.items()})
            cut = None
            if is_download:
                line.ranges.append(self.headers["Range"])
                step = line.downloads.popleft() if line.downloads else None
                if callable(step):
                    step()
                elif step is not None and step < 0:
                    self._refuse(-step)
                    return
                else:
                    cut = step
            connection = http.client.HTTPConnection(upstream)
            # The signature covers the name of the host that was called: it is handed on as it came.
            connection.request(self.command, self.path, headers=dict(self.headers.items()))
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            if line.rewrite is not None:
                body = line.rewrite(body)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "content-length", "transfer-encoding", "server", "date"):
                    self.send_header(name, value)
            length = answer.getheader("content-length", "0") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(body[:cut] if self.command == "GET" else b"")
            self.wfile.flush()
            if cut is not None and line.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def _refuse(self, status: int) -> None:
            body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    line.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
