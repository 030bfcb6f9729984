"""The embedded engine, started once for all contract tests of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines import RunningEngine, start_engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    with start_engine(tmp_path_factory.mktemp("engine")) as running:
        yield running
