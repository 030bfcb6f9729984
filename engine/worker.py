"""A worker process: jobs come in on standard input, one line of JSON each, and answers go out on standard output.

It says `{"ready": true}` once it has imported what it needs. For each `Work` it answers with any number of
`{"progress": [number, total, name]}` and then one of

    {"result": {…}}     what the processing function returned
    {"refused": {…}}    the document cannot be done: step, code, message
    {"failed": "…"}     something went wrong: the kind of error and where, without its text

It runs in a process of its own because readers of files from strangers crash, and ends when its service does.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import json
import logging
import os
import queue
import signal
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import Any, BinaryIO, cast

from engine.work import WORK, Process, WorkRefusedError

# Where Linux' prctl is told which signal the death of the parent sends (man 2 prctl).
_PR_SET_PDEATHSIG = 1


def main(processing: str, readings: str) -> None:
    """Serve until standard input ends. `processing` is the import path `module:function` of a `Process`."""
    jobs, answers = _take_streams()
    _end_with_the_service()
    faulthandler.enable()
    # Messages of the libraries may quote the document.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    module, _, function = processing.partition(":")
    process = cast(Process, getattr(importlib.import_module(module), function))
    _say(answers, {"ready": True})
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, waiting), daemon=True).start()
    while True:
        _do(waiting.get(), process, Path(readings), answers)


def _do(line: bytes, process: Process, readings: Path, answers: BinaryIO) -> None:
    try:
        result = process(WORK.validate_json(line), readings, lambda *stage: _say(answers, {"progress": stage}))
        _say(answers, {"result": result})
    except WorkRefusedError as error:
        _say(answers, {"refused": error.error})
    except Exception as error:  # whatever a reader raises is the failure of its job, not the end of the worker
        last = traceback.extract_tb(error.__traceback__)[-1]
        _say(answers, {"failed": f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"})


def _say(answers: BinaryIO, answer: dict[str, Any]) -> None:
    # What UTF-8 cannot say (halves of surrogate pairs, from broken fonts) becomes a question mark.
    answers.write(json.dumps(answer, ensure_ascii=False, allow_nan=False).encode(errors="replace") + b"\n")
    answers.flush()


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """The two streams of the protocol; what libraries print goes to standard error instead."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return jobs, answers


def _end_with_the_service() -> None:
    """Ctrl-C is for the service, which ends its workers; a killed one takes them along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # `_listen` sees the end of the stream everywhere, but cannot act while a library holds the interpreter's lock.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _listen(jobs: BinaryIO, waiting: queue.SimpleQueue[bytes]) -> None:
    for line in jobs:
        waiting.put(line)
    os._exit(0)
