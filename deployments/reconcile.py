"""`trayflow reconcile`: submissions that may have been accepted, and what a person knows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import BaseModel

from deployments.embedded import Account
from deployments.lasting import find_up
from deployments.local import needs_engine, refuse_address_without_key
from trayflow.client import DocuTray
from trayflow.errors import RejectedError, SettingsError, TransientError
from trayflow.gate import Gate
from trayflow.ledger import InDoubt, Ledger, Share, Submission, SubmissionState
from trayflow.ledger.submission import UNSETTLED
from trayflow.models import Kind, Outcome, Progress
from trayflow.settings import Settings

#: What travels with each submission, under this name in its metadata.
INTENT = "trayflow_intent"

WHAT_TO_DO = """\
What can be done about each:
  the service has it    trayflow reconcile --id ID, with the service's id for it
  it never got there    trayflow reconcile --never-arrived INTENT: the next run sends it again
  nobody can tell       trayflow retry --reason submission_unknown --again: sent anew, and perhaps paid for twice"""


class Doubt(BaseModel):
    """A submission that may have been accepted. `intent` travels with it as `document_metadata.trayflow_intent`."""

    document: str
    key: str
    kind: Kind
    step: str
    intent: str
    sent_at: datetime
    message: str
    outcome: str | None
    reason: str | None
    state: str
    next_run: str


class Settled(BaseModel):
    """What became of one `--id` or `--never-arrived`."""

    name: str
    ok: bool
    message: str


def doubts(settings: Settings) -> list[Doubt]:
    """What is in doubt, the oldest first."""
    ledger = Ledger.open(settings.ledger_url)
    try:
        return [_doubt(settings, ledger, found) for found in ledger.submissions.in_doubt()]
    finally:
        ledger.close()


def doubt_lines(found: Sequence[Doubt]) -> list[str]:
    """For a person."""
    if not found:
        return ["No submission is in doubt."]
    one = len(found) == 1
    lines = [f"{len(found):,} {'submission' if one else 'submissions'} may have been accepted, and nobody saw it:", ""]
    for doubt in found:
        stands = f"{doubt.outcome} ({doubt.reason})" if doubt.outcome else f"under way ({doubt.state})"
        asked = f"execution, step {doubt.step}" if doubt.kind is Kind.EXECUTE else "identification"
        lines += [
            doubt.document,
            f"  asked for  {asked}",
            f"  intent     {doubt.intent}",
            f"  sent       {doubt.sent_at:%Y-%m-%d %H:%M:%S} UTC",
            f"  its POST   {doubt.message}",
            f"  document   {stands}",
            f"  next run   {doubt.next_run}",
            "",
        ]
    return [*lines, *WHAT_TO_DO.splitlines()]


def settle(
    settings: Settings, remote_ids: Sequence[str], never_arrived: Sequence[str], tell: Callable[[Settled], None]
) -> bool:
    """Settle what a person knows, each by itself, and `tell` what became of it. `False` when one could not be.

    Raises `SettingsError` without a service to ask, `RunStoppedError` when the service refuses the key.
    """
    well = True

    def told(settled: Settled) -> None:
        nonlocal well
        well = well and settled.ok
        tell(settled)

    account = asyncio.run(_account(settings)) if remote_ids else None
    ledger = Ledger.open(settings.ledger_url)
    try:
        for intent in never_arrived:
            told(_never_arrived(ledger, intent))
        if account:
            asyncio.run(_ask(account, ledger, remote_ids, told))
    finally:
        ledger.close()
    return well


async def _account(settings: Settings) -> Account:
    """The service that was used: the one with the key, else the embedded engine of `trayflow up`."""
    if needs_engine(settings):
        refuse_address_without_key(settings)
        up = find_up(settings.home)
        if up and up.engine_url and up.engine_key:
            return Account(up.engine_url, up.engine_key)
        raise SettingsError(
            "There is no service to ask: set DOCUTRAY_API_KEY or, if the embedded engine was used, "
            "start `trayflow up` in this folder."
        )
    from flows.key import with_key

    key = (await with_key(settings)).api_key
    assert key is not None  # noqa: S101 - there is one, or with_key has raised
    return Account(settings.service.base_url, key.get_secret_value())


async def _ask(account: Account, ledger: Ledger, remote_ids: Sequence[str], tell: Callable[[Settled], None]) -> None:
    async with DocuTray(account.base_url, account.key, gate=Gate(Share())) as service:
        for remote_id in remote_ids:
            try:
                progress = await _progress(service, remote_id)
            except RejectedError as error:
                message = f"The service knows no identification and no execution of this id: {error}"
                tell(Settled(name=remote_id, ok=False, message=message))
            except TransientError as error:
                tell(Settled(name=remote_id, ok=False, message=f"The service cannot be asked now: {error}"))
            else:
                tell(await asyncio.to_thread(_hear, ledger, progress))


async def _progress(service: DocuTray, remote_id: str) -> Progress:
    """An id does not tell what it is of: both are asked for."""
    try:
        return await service.execution(remote_id)
    except RejectedError:
        return await service.identification(remote_id)


def _hear(ledger: Ledger, progress: Progress) -> Settled:
    remote_id, intent = progress.remote_id, progress.metadata.get(INTENT)

    def refused(message: str) -> Settled:
        return Settled(name=remote_id, ok=False, message=message)

    if not isinstance(intent, str):
        return refused("It carries no intent: trayflow did not submit it.")
    submission = ledger.submissions.get(intent)
    if submission is None:
        return refused("Its intent is none of this ledger's: another one submitted it.")
    if submission.state is SubmissionState.SUPERSEDED:
        return refused("Its submission was given up for another attempt: it is not used any more.")
    known = submission.remote_id == remote_id
    if not known and (submission.state not in UNSETTLED or submission.remote_id):
        return refused(f"Its submission is not in doubt: it is {submission.state}{_under(submission)}.")
    now = ledger.submissions.hear(intent, remote_id, ended=progress.is_final)
    document = ledger.document(now.document_id)
    said = "Known already" if known and submission.state not in UNSETTLED else "Settled: it was accepted"
    message = f"{said}, as the {_noun(now)} of {document.key}. {_goes_on(ledger, now.document_id)}"
    return Settled(name=remote_id, ok=True, message=message)


def _never_arrived(ledger: Ledger, intent: str) -> Settled:
    submission = ledger.submissions.get(intent)
    if submission is None:
        return Settled(name=intent, ok=False, message="There is no such intent in this ledger.")
    if not ledger.submissions.never_arrived(intent):
        now = ledger.submissions.get(intent) or submission
        if now.state in (SubmissionState.INTENDED, SubmissionState.UNKNOWN):
            message = "A run works on its document now: once that has ended, try again."
        else:
            message = f"It is not in doubt: it is {now.state}{_under(now)}."
        return Settled(name=intent, ok=False, message=message)
    document = ledger.document(submission.document_id)
    message = f"Settled: the {_noun(submission)} of {document.key} will be sent again. "
    return Settled(name=intent, ok=True, message=message + _goes_on(ledger, submission.document_id))


def _goes_on(ledger: Ledger, document_id: str) -> str:
    document = ledger.document(document_id)
    if document.outcome is None:
        return "The document is under way: the next `trayflow run` carries on."
    if document.outcome in (Outcome.REVIEW, Outcome.QUARANTINED):
        return f"The document stays in {document.outcome} ({document.reason}): see `trayflow retry`."
    return f"The document is {document.outcome} already."


def _doubt(settings: Settings, ledger: Ledger, found: InDoubt) -> Doubt:
    submission, document = found.submission, found.document
    return Doubt(
        document=document.uri,
        key=document.key,
        kind=submission.kind,
        step=submission.step_id,
        intent=submission.id,
        sent_at=submission.intended_at,
        message=submission.message or "Its answer was not seen.",
        outcome=document.outcome,
        reason=document.reason,
        state=document.state,
        next_run=_next_run(settings, ledger, found),
    )


def _next_run(settings: Settings, ledger: Ledger, found: InDoubt) -> str:
    """What `tasks.submit` does with it, in words."""
    submission, document, policy = found.submission, found.document, settings.unknown
    if document.outcome is not None:
        return "leaves the document where it is"
    if policy.on_unknown == "hold":
        return "does not send it again: the document goes to review (unknown.on_unknown is hold)"
    given_up = ledger.submissions.superseded(document.id, submission.kind)
    if given_up >= policy.resubmissions:
        return f"does not send it again: sent {given_up + 1} times, the document goes to review"
    return "sends it anew, and it is perhaps paid for twice (unknown.on_unknown is resubmit)"


def _noun(submission: Submission) -> str:
    return "execution" if submission.kind is Kind.EXECUTE else "identification"


def _under(submission: Submission) -> str:
    return f" under the id {submission.remote_id}" if submission.remote_id else ""
