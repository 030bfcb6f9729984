"""An automation that tells a webhook of quarantined documents: `python -m deployments.notify URL`.

It fires with the first document, and then not for a minute: a folder full of bad files makes one message a minute,
whose link leads to the run with the others. Done again, it takes the place of what it made before.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from uuid import UUID

from prefect.automations import Automation
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import get_client
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture

NAME = "trayflow-document-quarantined"

#: Of the payload, and of what Prefect knows of the run that sent it: no word of the document is in them.
SUBJECT = "Quarantined: {{ event.resource.name }}"
BODY = """\
{{ event.resource.id }} was quarantined: {{ event.payload.reason }}.
{{ flow_run.name }}: {{ flow_run|ui_url }}"""


async def notify(url: str, within: timedelta = timedelta(minutes=1)) -> UUID:
    """Make the block and the automation on the server that is configured; returns the automation's id.

    A POST carries `{"text": …}`, which Slack and Mattermost understand.
    """
    message = {"text": "{{subject}}\n{{body}}"}
    webhook = CustomWebhookNotificationBlock(name=NAME, url=url, json_data=message)
    block = await webhook.asave(NAME, overwrite=True)
    async with get_client() as client:
        for old in await client.read_automations_by_name(NAME):
            await client.delete_automation(old.id)
    automation = Automation(
        name=NAME,
        description="A document could not be processed, now or later.",
        trigger=EventTrigger(
            expect={"trayflow.document.quarantined"}, posture=Posture.Reactive, threshold=1, within=within
        ),
        actions=[SendNotification(block_document_id=block, subject=SUBJECT, body=BODY)],
    )
    return UUID(str((await automation.acreate()).id))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m deployments.notify URL")
    asyncio.run(notify(sys.argv[1]))
