"""Faults on purpose: what a file asks for, and that the same documents meet the same faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.faults import Faults, FaultsError, FaultSettings, load_faults
from engine.queue import Job, Kind

SHARES = {"error": 0.2, "unavailable": 0.1, "cut_before": 0.1, "cut": 0.2, "garbage": 0.1, "gateway": 0.1}


def job(number: int, kind: Kind = Kind.STEP) -> Job:
    return Job(f"id {number}", kind, "extract-invoice", (), "application/pdf", f"{number:064}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("seed = 'one'", "seed: Input should be a valid integer"),
        ("[submissions]\nerorr = 0.1", "submissions.erorr: there is no such setting, did you mean 'error'?"),
        ("[webhook]\nlost = 1", "webhook: there is no such setting, did you mean 'webhooks'?"),
        ("[status]\ncut = 1.5", "status.cut: Input should be less than or equal to 1"),
        ("[status]\ncut = nan", "status.cut: "),
        ("[status]\ncut = 0.6\nerror = 0.6", "status: the shares error, cut add up to 1.2, more than 1"),
        ("[everywhere]\nrate_limit_form = 'none'", "everywhere.rate_limit_form: Input should be 'both', 'body'"),
        ("[everywhere", "not TOML: "),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, problem: str) -> None:
    """One line says which file and which setting is wrong."""
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(FaultsError) as caught:
        load_faults(path)
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A file that cannot be read is named, too."""
    with pytest.raises(FaultsError, match=r"nothing\.toml: No such file"):
        load_faults(tmp_path / "nothing.toml")


def met(jobs: list[Job], seed: int = 1) -> dict[str, str | None]:
    """The faults that some documents meet on their first submission."""
    faults = Faults(FaultSettings.model_validate({"seed": seed, "submissions": SHARES}))
    for one in jobs:
        faults.sent(one)
    return {one.sha256: faults.of_submission(one) for one in jobs}


def test_faults_do_not_depend_on_the_order() -> None:
    """The same seed has the same faults for the same documents, in whatever order they come; another seed others."""
    jobs = [job(number) for number in range(200)]
    assert met(jobs) == met(jobs[::-1])
    assert met(jobs) != met(jobs, seed=2)


def test_shares_are_kept() -> None:
    """Each fault meets about its share of the documents."""
    found = list(met([job(number) for number in range(5000)]).values())
    for name, share in {**SHARES, None: 0.2}.items():
        assert found.count(name) / 5000 == pytest.approx(share, abs=0.03)


def test_the_next_time_is_drawn_anew() -> None:
    """A document that is sent again may be luckier, and its first job keeps what it met."""
    faults = Faults(FaultSettings.model_validate({"executions": {"failed": 0.5}}))
    first, again = job(1), Job("id again", Kind.STEP, "extract-invoice", (), "application/pdf", job(1).sha256)
    faults.sent(first)
    before = faults.of_execution(first)
    assert faults.sent(again) == 2
    assert faults.of_execution(first) == before
    assert {faults.of_execution(one) for one in (first, again)} == {None, "failed"}


def test_every_setting_is_documented(tmp_path: Path) -> None:
    """The file in the documentation names every setting there is, and can be used."""
    text = (Path(__file__).parents[2] / "docs" / "rehearsal.md").read_text(encoding="utf-8")
    path = tmp_path / "faults.toml"
    path.write_text(text.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    shown = load_faults(path).model_dump(exclude_unset=True)
    assert {group: set(names) for group, names in shown.items() if group != "seed"} == {
        group: set(names) for group, names in FaultSettings().model_dump().items() if group != "seed"
    }
    assert "seed" in shown
