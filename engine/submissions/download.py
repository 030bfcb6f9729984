"""Documents that are submitted by their address."""

from __future__ import annotations

import asyncio
import ssl
from functools import cache

import httpx

from engine import errors
from engine.submissions.upload import Upload


async def download(url: str, upload: Upload, *, seconds: float) -> str:
    """Fetch `url` into `upload` and return the content type that it is served as ("" where it says none).

    Only http and https, redirects included: no files, no other schemes. Addresses are not restricted beyond that. The
    engine is a developer's own service that listens on this machine only, and whoever holds its key may fetch from here
    anyway; offered to others it would let them reach this machine's network.

    Raises `ApiError`: 400 for what is no such address, 404 when there is no document behind it, 408 when it is not
    there within `seconds` in all, 413.
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise errors.validation(["image_url: must be an http or https address"])
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(follow_redirects=True, max_redirects=5, timeout=seconds, verify=_tls()) as client,
            client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as response,
        ):
            if not response.is_success:
                raise errors.url_not_accessible(f"{response.status_code} {response.reason_phrase}".strip())
            async for chunk in response.aiter_bytes():
                upload.write(chunk)
            return str(response.headers.get("Content-Type", ""))
    except (TimeoutError, httpx.TimeoutException):
        raise errors.url_timeout(seconds) from None
    except httpx.UnsupportedProtocol:
        raise errors.validation(["image_url: redirects to something else than http or https"]) from None
    except httpx.HTTPError as error:
        raise errors.url_not_accessible(type(error).__name__) from None


def filename_of(url: str) -> str | None:
    """The last part of the address' path, if there is one."""
    return httpx.URL(url).path.rpartition("/")[2] or None


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the authorities' certificates takes a tenth of a second."""
    return httpx.create_ssl_context()
