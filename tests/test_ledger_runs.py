"""How the runs over one ledger share what an account allows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from trayflow.ledger import Ledger, Share

LIMIT = 10


@dataclass
class Run:
    """A run as its gate behaves: it takes nothing more once it uses its part, and lets go when calls have ended."""

    ledger: Ledger
    name: str
    limit: int = LIMIT
    account: str = "account"
    part: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        self.ledger.runs.start(self.name, 3600, self.account)

    def take(self, wanted: int) -> None:
        self.used = max(self.used, min(self.part, self.used + wanted))

    def let_go(self, ended: int) -> None:
        self.used = max(0, self.used - ended)

    def beat(self) -> None:
        dealt = self.ledger.runs.renew(
            self.name, 3600, self.account, Share(self.limit, self.limit), Share(self.used, self.used)
        )
        assert dealt.requests == dealt.in_flight
        assert dealt.in_flight is not None
        self.part = dealt.in_flight

    def die(self) -> None:
        """No heartbeat comes any more, and the lease has run out."""
        self.ledger.runs.renew(self.name, -1, self.account, Share(self.limit, self.limit), Share(self.used, self.used))


def runs(ledger: Ledger, count: int, limit: int = LIMIT) -> list[Run]:
    return [Run(ledger, f"run-{number}", limit) for number in range(count)]


def test_one_run_alone_has_all_of_it(ledger: Ledger) -> None:
    """The first heartbeat deals the whole limit; where none is stated there is none."""
    (only,) = runs(ledger, 1)
    only.beat()
    assert only.part == LIMIT
    assert ledger.runs.renew("run-0", 60, "account") == Share(None, None)


def test_another_account_takes_no_part(ledger: Ledger) -> None:
    """Runs share with those that use the same key at the same service, and with no others."""
    (mine,) = runs(ledger, 1)
    ledger.runs.start("stranger", 60, "elsewhere")
    mine.beat()
    assert ledger.runs.renew("stranger", 60, "elsewhere", Share(7, 7)) == Share(7, 7)
    mine.beat()
    assert mine.part == LIMIT


def test_a_busy_run_makes_room_for_a_new_one(ledger: Ledger) -> None:
    """One that always has more to do keeps what is in flight, and takes nothing more until it is down to its part."""
    busy, new = runs(ledger, 2)
    new.die()
    busy.beat()
    busy.take(LIMIT)
    new = Run(ledger, "new")
    new.beat()
    assert new.part == 0
    for _ in range(LIMIT):
        busy.beat()
        busy.let_go(1)
        busy.take(LIMIT)
        new.beat()
        assert busy.used + new.part <= LIMIT
    assert (busy.part, new.part) == (LIMIT // 2, LIMIT // 2)


def test_a_dead_run_frees_its_part(ledger: Ledger) -> None:
    """Killed or ended, the others have all of it from their next heartbeat on."""
    first, second, third = runs(ledger, 3)
    for run in (first, second, third) * 2:
        run.beat()
    assert [run.part for run in (first, second, third)] == [3, 3, 3]
    second.die()
    ledger.runs.end("run-2")
    first.beat()
    assert first.part == LIMIT


def test_more_runs_than_the_limit_allows(ledger: Ledger) -> None:
    """As many as there are parts get one each; the next gets its part when one of them has ended."""
    first, second, third = runs(ledger, 3, limit=2)
    for run in (first, second, third) * 3:
        run.beat()
    assert [run.part for run in (first, second, third)] == [1, 1, 0]
    ledger.runs.end("run-0")
    third.beat()
    assert third.part == 1


class Sharing(RuleBasedStateMachine):
    """Runs that come, take, let go, renew and die in any order; each story has an account of its own."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.account = uuid.uuid4().hex
        self.living: list[Run] = []
        self.limit = 0
        self.born = 0

    @precondition(lambda self: not self.limit)
    @rule(limit=st.integers(1, 12))
    def agree(self, limit: int) -> None:
        self.limit = limit

    @precondition(lambda self: self.limit and len(self.living) < 5)
    @rule()
    def come(self) -> None:
        self.born += 1
        self.living.append(Run(self.ledger, f"{self.account[:8]}-{self.born}", self.limit, self.account))

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def renew(self, data: Any) -> None:
        data.draw(st.sampled_from(self.living)).beat()

    @precondition(lambda self: self.living)
    @rule(data=st.data(), wanted=st.integers(1, 12))
    def take(self, data: Any, wanted: int) -> None:
        data.draw(st.sampled_from(self.living)).take(wanted)

    @precondition(lambda self: self.living)
    @rule(data=st.data(), ended=st.integers(1, 12))
    def let_go(self, data: Any, ended: int) -> None:
        data.draw(st.sampled_from(self.living)).let_go(ended)

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def die(self, data: Any) -> None:
        run = data.draw(st.sampled_from(self.living))
        run.die()
        self.living.remove(run)

    @invariant()
    def parts_fit_into_the_limit(self) -> None:
        assert sum(max(run.part, run.used) for run in self.living) <= self.limit

    def teardown(self) -> None:
        """At last, with nothing in flight, each living run has an equal part, as far as there are parts."""
        for _ in self.living:
            for run in self.living:
                run.let_go(run.used)
                run.beat()
        if self.living:
            fair = max(self.limit // len(self.living), 1)
            assert sum(run.part for run in self.living) == min(self.limit, fair * len(self.living))


def test_parts_never_add_up_to_more_than_the_limit(tmp_path: Path) -> None:
    """Whatever the order of heartbeats; and everyone living gets a part at last."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        run_state_machine_as_test(
            lambda: Sharing(ledger), settings=settings(max_examples=40, stateful_step_count=30, database=None)
        )
    finally:
        ledger.close()
