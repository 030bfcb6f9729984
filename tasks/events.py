"""The event that a document's arrival is to Prefect: a trigger hangs on it."""

from __future__ import annotations

from uuid import UUID, uuid5

from prefect.events import Event

from trayflow.arrivals import Created

#: A document lies in a bucket, and nobody has looked at it yet.
DOCUMENT_ARRIVED = "trayflow.document.arrived"

#: Made up once: the namespace of our events' ids.
IDS = UUID("8d0c1f5e-5d5b-4f0a-9a53-6a1c0c6f2f67")


def arrived(created: Created, message_id: str) -> Event:
    """The event that an object has arrived. A message that comes again makes it again, with the same id."""
    return Event(
        id=uuid5(IDS, f"{message_id} {created.uri}"),
        event=DOCUMENT_ARRIVED,
        resource={
            "prefect.resource.id": created.uri,
            "prefect.resource.name": created.key,
            "bucket": created.bucket,
            "key": created.key,
        },
        payload={"uri": created.uri, "bucket": created.bucket, "key": created.key, "message_id": message_id},
    )
