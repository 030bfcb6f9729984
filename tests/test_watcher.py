"""A source that is watched: what arrives is taken once, in batches, whatever the events do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from trayflow.arrivals import watcher as watcher_module
from trayflow.arrivals.folder import changes
from trayflow.arrivals.watcher import Watcher
from trayflow.errors import ServiceUnreachableError
from trayflow.ledger import Ledger
from trayflow.models import Ending, Outcome
from trayflow.settings import Watch
from trayflow.sources import Folder, Source

NOWHERE = "file:///nowhere"


class Home:
    """Brings documents home as a run does, as far as the ledger sees, and remembers the batches."""

    def __init__(self, source: Source, ledger: Ledger) -> None:
        self.batches: list[list[str]] = []
        self.source, self.ledger = source, ledger
        self.ready = asyncio.Event()
        self.ready.set()
        self.failures: list[Exception] = []
        ledger.runs.start("run", lease=3600)

    @property
    def keys(self) -> list[str]:
        return [key for batch in self.batches for key in batch]

    async def run(self, keys: list[str]) -> None:
        self.batches.append(keys)
        if self.failures:
            raise self.failures.pop(0)
        await self.ready.wait()
        page = self.ledger.discover(self.source.uri, self.source.find(keys).found, NOWHERE)
        for document in page.documents:
            assert self.ledger.runs.claim(document.id, "run")
            assert self.ledger.end(document.id, "run", Ending(Outcome.DUPLICATE, "as a test wants it"))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@asynccontextmanager
async def watching(
    inbox: Path, ledger: Ledger, *, events: bool = True, settle: float = 0.0, **options: float
) -> AsyncIterator[Home]:
    folder = Folder(inbox, settle=settle)
    home = Home(folder, ledger)
    settings = Watch(**{"seconds": 0.05, "rescan": 3600, "farewell": 0.3, **options})
    told = changes(folder) if events else None
    task = asyncio.create_task(Watcher(folder, ledger, NOWHERE, settings, home.run, changes=told).watch())
    try:
        yield home
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        ledger.close()


async def eventually(condition: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def ready_to_hear(inbox: Path, home: Home) -> None:
    """The file system tells of what changes from some moment on: until then, make something that it may tell of."""
    for number in range(600):
        (inbox / f"hello-{number}").write_bytes(b"1")
        await asyncio.sleep(0.1)
        if home.batches:
            (inbox / "last").write_bytes(b"1")
            await eventually(lambda: "last" in home.keys)
            home.batches.clear()
            return
    raise AssertionError("nothing was told")


def sizes(ledger: Ledger) -> list[int]:
    """The sizes of the versions of `slow.pdf` that the ledger knows."""
    with ledger._database.reading() as connection:
        asked = "SELECT size FROM documents WHERE key = 'slow.pdf' ORDER BY discovered_at"
        return list(connection.exec_driver_sql(asked).scalars())


def test_what_is_there_at_the_beginning_is_taken(inbox: Path, ledger: Ledger) -> None:
    """Nobody has told of it, since nobody was listening: the first look finds it."""
    (inbox / "a.pdf").write_bytes(b"1")

    async def scenario() -> None:
        async with watching(inbox, ledger, events=False) as home:
            await eventually(lambda: home.batches)
            assert home.batches == [["a.pdf"]]

    asyncio.run(scenario())


def test_what_arrives_is_taken_once(inbox: Path, ledger: Ledger) -> None:
    """A file is a document when it is there; another word about it changes nothing, and new bytes are a new version."""

    async def scenario() -> None:
        async with watching(inbox, ledger) as home:
            await ready_to_hear(inbox, home)
            (inbox / "a.pdf").write_bytes(b"1")
            await eventually(lambda: home.keys == ["a.pdf"])
            (inbox / "a.pdf").chmod(0o600)
            (inbox / "b.pdf").write_bytes(b"1")
            await eventually(lambda: home.keys == ["a.pdf", "b.pdf"])
            (inbox / "a.pdf").write_bytes(b"22")
            await eventually(lambda: home.keys == ["a.pdf", "b.pdf", "a.pdf"])

    asyncio.run(scenario())


def test_a_file_that_is_copied_slowly_is_taken_as_a_whole(inbox: Path, ledger: Ledger) -> None:
    """As long as bytes come, it is left alone; then it is taken once."""

    async def scenario() -> None:
        async with watching(inbox, ledger, settle=0.5) as home:
            await ready_to_hear(inbox, home)
            with (inbox / "slow.pdf").open("wb", buffering=0) as file:
                for _ in range(30):
                    file.write(b"1" * 100)
                    await asyncio.sleep(0.1)
            assert home.batches == []
            await eventually(lambda: home.batches)
            assert home.keys == ["slow.pdf"]
            assert sizes(ledger) == [3000]

    asyncio.run(scenario())


def test_two_thousand_files_at_once(inbox: Path, ledger: Ledger, tmp_path: Path) -> None:
    """Each comes home once, in batches of the size that was set."""
    (tmp_path / "made").mkdir()
    for number in range(2000):
        (tmp_path / "made" / f"{number:04}.pdf").write_bytes(b"1")

    async def scenario() -> None:
        async with watching(inbox, ledger, batch=50, rescan=2) as home:
            await ready_to_hear(inbox, home)
            (tmp_path / "made").rename(inbox / "moved in")
            await eventually(lambda: len(home.keys) >= 2000, 120)
            assert sorted(home.keys) == [f"moved in/{number:04}.pdf" for number in range(2000)]
            assert max(map(len, home.batches)) == 50

    asyncio.run(scenario())


def test_files_in_new_subfolders_are_found(inbox: Path, ledger: Ledger, tmp_path: Path) -> None:
    """The file system may not tell of those that are made at once in a folder that is new: the timer finds them."""

    async def scenario() -> None:
        async with watching(inbox, ledger, rescan=0.5) as home:
            await ready_to_hear(inbox, home)
            for number in range(20):
                deep = inbox / f"{number}" / "a" / "b"
                deep.mkdir(parents=True)
                (deep / "c.pdf").write_bytes(b"1")
            await eventually(lambda: len(home.keys) >= 20)
            assert len(home.keys) == len(set(home.keys)) == 20

    asyncio.run(scenario())


def test_what_another_run_holds_is_left_to_it(inbox: Path, ledger: Ledger) -> None:
    """A manual run and a watch share the work through the ledger."""
    for name in ("held.pdf", "free.pdf"):
        (inbox / name).write_bytes(b"1")
    source = Folder(inbox)
    (page,) = source.pages()
    documents = ledger.discover(source.uri, page.found, NOWHERE).documents
    ledger.runs.start("manual", lease=3600)
    assert ledger.runs.claim(next(item.id for item in documents if item.key == "held.pdf"), "manual")

    async def scenario() -> None:
        async with watching(inbox, ledger, events=False, rescan=0.05) as home:
            await eventually(lambda: home.batches)
            ledger.runs.end("manual")
            await eventually(lambda: len(home.keys) == 2)
            assert home.batches == [["free.pdf"], ["held.pdf"]]

    asyncio.run(scenario())


def test_a_batch_that_cannot_run_is_run_again(inbox: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is away for a while costs time: the documents wait, and nothing is given up."""
    monkeypatch.setattr(watcher_module, "FIRST", 0.01)
    (inbox / "a.pdf").write_bytes(b"1")

    async def scenario() -> None:
        async with watching(inbox, ledger, events=False) as home:
            home.failures += [ServiceUnreachableError("away")] * 3
            await eventually(lambda: len(home.batches) == 4)
            await eventually(lambda: ledger.counts() == {"duplicate": 1})

    asyncio.run(scenario())


def test_a_fault_in_a_batch_does_not_end_the_watch(inbox: Path, ledger: Ledger) -> None:
    """The next look at everything brings its documents again."""
    (inbox / "a.pdf").write_bytes(b"1")

    async def scenario() -> None:
        async with watching(inbox, ledger, events=False, rescan=0.05) as home:
            home.failures.append(ZeroDivisionError())
            await eventually(lambda: ledger.counts() == {"duplicate": 1})
            assert home.batches == [["a.pdf"], ["a.pdf"]]

    asyncio.run(scenario())


def test_a_watch_ends_after_its_batch(inbox: Path, ledger: Ledger) -> None:
    """Documents under way get their time to come home; nothing new is begun."""
    (inbox / "a.pdf").write_bytes(b"1")
    states: list[dict[str, int]] = []

    async def scenario() -> None:
        async with watching(inbox, ledger, events=False, farewell=60) as home:
            home.ready.clear()
            await eventually(lambda: home.batches)
            (inbox / "b.pdf").write_bytes(b"1")
            asyncio.get_running_loop().call_later(0.2, home.ready.set)
        reopened = Ledger.open(f"sqlite:///{inbox.parent / 'ledger.db'}")
        states.append(reopened.counts())
        reopened.close()

    asyncio.run(scenario())
    assert states == [{"duplicate": 1}]


def test_a_watch_does_not_wait_for_ever(inbox: Path, ledger: Ledger) -> None:
    """What is not home in time stays under way in the ledger; the next watch takes it up."""
    (inbox / "a.pdf").write_bytes(b"1")

    async def scenario() -> None:
        async with watching(inbox, ledger, events=False, farewell=0.05) as home:
            home.ready.clear()
            await eventually(lambda: home.batches)
        again = Ledger.open(f"sqlite:///{inbox.parent / 'ledger.db'}")
        assert again.counts() == {"in_progress": 1}
        async with watching(inbox, again, events=False) as home:
            await eventually(lambda: again.counts() == {"duplicate": 1})

    asyncio.run(scenario())


def test_no_more_batches_at_once_than_were_set(inbox: Path, ledger: Ledger) -> None:
    """The others wait their turn."""
    for number in range(10):
        (inbox / f"{number}.pdf").write_bytes(b"1")

    async def scenario() -> None:
        async with watching(inbox, ledger, events=False, batch=2, at_once=2) as home:
            home.ready.clear()
            await eventually(lambda: len(home.batches) == 2)
            await asyncio.sleep(0.2)
            assert len(home.batches) == 2
            home.ready.set()
            await eventually(lambda: len(home.batches) == 5)

    asyncio.run(scenario())


def test_a_version_left_behind_is_seen_to(inbox: Path, ledger: Ledger) -> None:
    """What a dead run had listed, and nobody finds any more, is handed to a batch, which says what became of it."""
    (inbox / "gone.pdf").write_bytes(b"1")
    source = Folder(inbox)
    (page,) = source.pages()
    ledger.discover(source.uri, page.found, NOWHERE)
    (inbox / "gone.pdf").unlink()

    async def scenario() -> None:
        async with watching(inbox, ledger, events=False) as home:
            await eventually(lambda: home.batches == [["gone.pdf"]])

    asyncio.run(scenario())
