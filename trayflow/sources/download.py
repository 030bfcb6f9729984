"""A download that goes on where it broke."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import FlexibleChecksumError

from trayflow.errors import FetchError
from trayflow.failures import back_off, jittered
from trayflow.settings import Limits
from trayflow.sources.aws import TROUBLE, code_of, passes

#: Bytes read at once: what a line that is reset takes along at most.
BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Part:
    """An object's bytes from a position on, and the size of the whole object."""

    body: Any
    size: int


class Download(io.RawIOBase):
    """The bytes of one object, in order, each once, and all of them.

    `get` asks for the rest from a position on. Raises what `get` raises; `FetchError` once it, or the line, failed
    `limits.attempts` times in a row without another byte.
    """

    def __init__(self, get: Callable[[int], Part], limits: Limits) -> None:
        super().__init__()
        self._get = get
        self._delays = back_off(limits)
        self._failed = 0
        self._position = 0
        self._part: Part | None = None
        self._ended = False

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, perhaps fewer; none at the end alone."""
        if size is None or size < 0:
            return self.readall()
        while size and not self._ended:
            try:
                self._part = self._part or self._get(self._position)
                chunk: bytes = self._part.body.read(min(size, BLOCK))
            except FlexibleChecksumError:
                raise FetchError(
                    "Its bytes arrived damaged: they do not have the checksum that the bucket keeps."
                ) from None
            except TROUBLE as error:
                self._broke(error)
                continue
            if chunk:
                self._failed = 0
                self._position += len(chunk)
                return chunk
            self._ended = self._position == self._part.size
            if not self._ended:
                self._broke(None)
        return b""

    def close(self) -> None:
        """Let go of the line."""
        self._hang_up()
        super().close()

    def _broke(self, error: Exception | None) -> None:
        """Wait before the next try, or give up."""
        self._hang_up()
        how = code_of(error) if error else "the end came too early"
        if error is not None and not passes(error):
            raise FetchError(f"Its bytes cannot be had: {how}.") from None
        if self._failed == len(self._delays):
            raise FetchError(f"The download broke off {self._failed + 1} times in a row: {how}.") from None
        time.sleep(jittered(self._delays[self._failed]))
        self._failed += 1

    def _hang_up(self) -> None:
        if self._part is not None:
            self._part.body.close()
            self._part = None
