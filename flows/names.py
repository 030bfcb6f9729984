"""What flow runs are called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from prefect.runtime import flow_run

from trayflow.labels import many, short


def run_name(what: str) -> Callable[[], str]:
    """Names a flow run: what it does, its source in a few words, the day (UTC), how many documents it is given."""

    def name() -> str:
        given = flow_run.get_parameters()
        keys = given.get("keys")
        name = f"{what} {short(str(given.get('source')))} {datetime.now(UTC):%Y-%m-%d}"
        return name if keys is None else f"{name} · {many(len(keys), 'document')}"

    return name
