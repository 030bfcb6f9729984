"""The event that a document's end is to Prefect: automations hang on it."""

from __future__ import annotations

from prefect.events import emit_event

from trayflow.columns.names import table_name
from trayflow.models import Ending, Outcome
from trayflow.tally import Way

#: `trayflow.document.written`, `.review`, `.quarantined`, `.duplicate`.
EVENT = "trayflow.document.{outcome}"


def emit_ended(gone: Way, ending: Ending) -> None:
    """Say that a document has reached its outcome, once the ledger has it. Prefect adds the flow run that did it.

    The payload holds `type`, `reason` (null for one that was written), `table` (null unless it was written), `source`,
    `key` and `document_id`. No message: a service's words may be a document's text. Nothing is raised: what a run does
    does not hang on who listens.
    """
    document, code = gone.document, gone.document_type
    emit_event(
        EVENT.format(outcome=ending.outcome),
        resource={"prefect.resource.id": document.uri, "prefect.resource.name": document.label},
        payload={
            "type": code,
            "reason": ending.reason,
            "table": table_name(code) if code and ending.outcome is Outcome.WRITTEN else None,
            "source": document.source,
            "key": document.key,
            "document_id": document.id,
        },
    )
