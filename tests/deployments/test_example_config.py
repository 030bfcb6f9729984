"""deployments/trayflow.example.toml: valid, complete, and honest about defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.deployments.commands import ROOT
from trayflow.settings import Settings, load_settings

EXAMPLE = ROOT / "deployments" / "trayflow.example.toml"


def names(model: type[BaseModel], place: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from names(field.annotation, f"{place}{name}.")
        elif not field.exclude:
            yield f"{place}{name}"


def flat(table: dict[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict) and f"{place}{name}" != "routing.types":
            yield from flat(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value


def test_it_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied as it is, it is a settings file."""
    monkeypatch.delenv("DOCUTRAY_BASE_URL", raising=False)
    assert load_settings(EXAMPLE).routing.types["invoice"].minimum_confidence == 0.8


def test_it_names_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is commented out has no default of its own; what is not is as if it were not there."""
    monkeypatch.delenv("TRAYFLOW_SOURCE__SETTLE")
    monkeypatch.delenv("TRAYFLOW_PREFECT__REPORT")
    without_comments = "\n".join(
        line.removeprefix("# ") if " = " in line and line.startswith("# ") else line
        for line in EXAMPLE.read_text().splitlines()
    )
    shown, defaults = dict(flat(tomllib.loads(EXAMPLE.read_text()))), Settings()
    assert set(dict(flat(tomllib.loads(without_comments)))) == set(names(Settings))
    shown.pop("routing.types")
    for place, value in shown.items():
        default: Any = defaults
        for name in place.split("."):
            default = getattr(default, name)
        assert value == (str(default) if isinstance(default, Path) else list(default) if value == [] else default), (
            place
        )
