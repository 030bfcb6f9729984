"""Kills processes that write CSV tables, for real, and looks at what is left: run by `test_csv_kills.py`.

A program of its own, because it forks: each process to be killed is a copy of this one, which has everything imported
and no threads. Prints a JSON object with the number of kills and what was wrong after them.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.filled import fill, invoice
from trayflow import destinations
from trayflow.destinations import CsvFolder, destination_at
from trayflow.ledger import Ledger
from trayflow.models import Extraction

Rows = dict[str, list[dict[str, str]]]

OURS = str(Path(destinations.__file__).parent)


class Place:
    """A ledger and a folder of tables, put back to where they were before each kill."""

    def __init__(self, root: Path) -> None:
        self.here, self.kept = root / "here", root / "kept"
        self.here.mkdir()
        self.tables = self.here / "tables"

    def ledger(self) -> Ledger:
        return Ledger.open(f"sqlite:///{self.here / 'ledger.db'}")

    def keep(self) -> None:
        shutil.copytree(self.here, self.kept)

    def put_back(self) -> None:
        shutil.rmtree(self.here)
        shutil.copytree(self.kept, self.here)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.tables.glob("*.csv")} if self.tables.exists() else {}

    def rows(self) -> Rows:
        """Rows by table, without empty cells: a table that was widened holds the same as before."""
        found: Rows = {}
        for name, content in self.files().items():
            lines = list(csv.reader(content.decode().splitlines(keepends=True), strict=True))
            cells = [[(h, cell) for h, cell in zip(lines[0], line, strict=True) if cell] for line in lines[1:]]
            if cells:
                found[name] = [dict(row) for row in cells]
        return found


def run(act: Callable[[CsvFolder], object], place: Place) -> None:
    ledger = place.ledger()
    act(destination_at(str(place.tables), ledger))
    ledger.close()


def fork(work: Callable[[], object]) -> int:
    """Run `work` in a copy of this process; its process id."""
    if pid := os.fork():
        return pid
    try:
        work()
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


def traced(work: Callable[[], object], reached: Callable[[str], None]) -> None:
    """Run `work`, telling `reached` of each line of the destination before it runs."""

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            reached(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        return line

    def call(frame: FrameType, event: str, _: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(OURS) else None

    sys.settrace(call)
    work()
    sys.settrace(None)


def moments_of(act: Callable[[CsvFolder], object], place: Place) -> dict[int, str]:
    """The lines before which something has changed on the disk, by when they run, counted in lines.

    Killed at any other line, a process leaves what it leaves at one of these.
    """
    report = place.here.parent / "moments"

    def record() -> None:
        passed, before, found = 0, b"", {}

        def reached(line: str) -> None:
            nonlocal passed, before
            now = hashlib.sha256()
            for path in sorted(path for path in place.here.rglob("*") if path.is_file()):
                if not path.name.endswith("-shm"):  # SQLite's scratch memory
                    now.update(path.name.encode() + b"\0" + path.read_bytes())
            if now.digest() != before:
                found[passed] = line
            before = now.digest()
            passed += 1

        traced(lambda: run(act, place), reached)
        report.write_text(json.dumps(found))

    assert os.waitpid(fork(record), 0)[1] == 0
    return {int(n): line for n, line in json.loads(report.read_text()).items()}


def kill_everywhere(place: Place, act: Callable[[CsvFolder], object], *, whole_files: bool) -> dict[str, Any]:
    """Kill `act` after each change that it makes; then recover, look, and do it again to its end.

    `whole_files`: no reader may ever see a file that is neither the old nor the new one.
    """
    place.keep()
    old_files, old_rows = place.files(), place.rows()
    moments = moments_of(act, place)
    new_files, new_rows = place.files(), place.rows()
    problems = []
    for moment, line in moments.items():
        place.put_back()
        passed = 0

        def reached(_: str, moment: int = moment) -> None:
            nonlocal passed
            if passed == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            passed += 1

        status = os.waitpid(fork(lambda: traced(lambda: run(act, place), reached)), 0)[1]
        assert os.WIFSIGNALED(status), f"{line} was not reached again"
        if whole_files and any(text not in (old_files.get(n), new_files.get(n)) for n, text in place.files().items()):
            problems.append(f"{line}: a reader sees half a table")
        run(CsvFolder.open, place)
        if place.rows() not in (old_rows, new_rows):
            problems.append(f"{line}: neither as before nor as after")
        run(act, place)
        if place.files() != new_files:
            problems.append(f"{line}: not repeated as if nothing had happened")
        if left := {path.name for path in place.tables.iterdir()} - {*new_files, "_trayflow.json", "_trayflow.lock"}:
            problems.append(f"{line}: left {left}")
    return {"kills": len(moments), "problems": problems}


def prepared(place: Place, count: int, start: int = 0, **more: Any) -> list[Extraction]:
    ledger = place.ledger()
    extractions = fill(ledger, {f"{n}.pdf": invoice(n, **more) for n in range(start, start + count)})
    ledger.close()
    return extractions


def first_append(place: Place) -> dict[str, Any]:
    """Into an empty folder, all tables new."""
    wanted = prepared(place, 3)
    return kill_everywhere(place, lambda to: to.append(wanted), whole_files=False)


def wider_append(place: Place) -> dict[str, Any]:
    """Onto tables that are there, with a new column and a new child table."""
    there = prepared(place, 3)
    run(lambda to: to.append(there), place)
    wanted = prepared(place, 3, start=10, colour="red", parts=[{"part": "a"}])
    return kill_everywhere(place, lambda to: to.append(wanted), whole_files=False)


def rebuild(place: Place) -> dict[str, Any]:
    """Over a table that was changed, with documents from elsewhere, and one table that is not made any more."""
    there = prepared(place, 3)
    run(lambda to: to.append(there), place)
    elsewhere = prepared(place, 3, start=10, colour="red")
    ledger = place.ledger()
    destination_at(str(place.here / "elsewhere"), ledger).append(elsewhere)
    ledger.close()
    return kill_everywhere(place, CsvFolder.rebuild, whole_files=True)


def restore(place: Place) -> dict[str, Any]:
    """A table was deleted and comes back by itself."""
    there = prepared(place, 3, colour="red")
    run(lambda to: to.append(there), place)
    (place.tables / "invoice.csv").unlink()
    return kill_everywhere(place, CsvFolder.open, whole_files=True)


def torn_write(place: Place) -> dict[str, Any]:
    """The process dies when only a part of its bytes has reached the file."""
    there, wanted = prepared(place, 3), prepared(place, 3, start=10)
    run(lambda to: to.append(there), place)
    place.keep()
    old = place.files()
    run(lambda to: to.append(wanted), place)
    new = place.files()
    problems = []
    lengths = range(1, len(new["invoice.csv"]) - len(old["invoice.csv"]), 97)
    for missing in lengths:
        place.put_back()

        def tear(handle: int, missing: int = missing) -> None:
            os.ftruncate(handle, os.fstat(handle).st_size - missing)
            os.kill(os.getpid(), signal.SIGKILL)

        def append() -> None:
            os.fsync = tear
            run(lambda to: to.append(wanted), place)

        assert os.WIFSIGNALED(os.waitpid(fork(append), 0)[1])
        if place.files() == old:
            problems.append(f"{missing}: nothing was torn")
        run(CsvFolder.open, place)
        if place.files() != old:
            problems.append(f"{missing}: the torn row is still there")
        run(lambda to: to.append(wanted), place)
        if place.files() != new:
            problems.append(f"{missing}: not the same after another try")
    return {"kills": len(lengths), "problems": problems}


def random_moments(place: Place) -> dict[str, Any]:
    """A process that appends without end is killed whenever it is; the next one carries on."""
    wanted = [*prepared(place, 8), *prepared(place, 8, start=20, colour="red"), *prepared(place, 8, start=40)]
    place.keep()

    def work() -> None:
        run(lambda to: [to.append([item]) for item in wanted], place)

    assert os.waitpid(fork(work), 0)[1] == 0
    undisturbed = place.files()
    chance, kills, problems = random.Random(7), 0, []  # noqa: S311 - moments, not secrets
    while kills < 5:  # a fast machine may come to the end before it is killed
        place.put_back()
        longest, survived = 0.1, False
        while not survived:
            pid = fork(work)
            # The moment of the kill, not a wait for anything; later each time, so that a slow machine gets to the end.
            time.sleep(chance.uniform(0.01, longest))
            os.kill(pid, signal.SIGKILL)
            survived = not os.WIFSIGNALED(os.waitpid(pid, 0)[1])
            kills += not survived
            longest += 0.1
        if place.files() != undisturbed:
            problems.append("the tables differ from those of an undisturbed process")
    return {"kills": kills, "problems": problems}


def side_by_side(place: Place) -> dict[str, Any]:
    """Two processes write the same documents into one folder, each in its own order; one is killed."""
    wanted = prepared(place, 30)
    alive = fork(lambda: run(lambda to: [to.append([item]) for item in wanted], place))
    killed = fork(lambda: run(lambda to: [to.append([item]) for item in reversed(wanted)], place))
    while place.files().get("invoice.csv", b"").count(b"\n") < 20:
        time.sleep(0.001)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    assert os.waitpid(alive, 0)[1] == 0
    rows = place.rows()
    ids = sorted(row["document_id"] for row in rows["invoice.csv"])
    lines = sorted((row["document_id"], row["line"]) for row in rows["invoice_line_items.csv"])
    problems = []
    if ids != sorted(item.document.id for item in wanted):
        problems.append("a document is missing or there twice")
    if lines != sorted((item.document.id, str(n + 1)) for item in wanted for n in range(len(item.data["line_items"]))):
        problems.append("a line is missing or there twice")
    return {"kills": 1, "problems": problems}


if __name__ == "__main__":
    scenario, root = sys.argv[1:]
    sys.stdout.write(json.dumps(globals()[scenario](Place(Path(root)))))
