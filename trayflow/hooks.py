"""What an event of the service says, and whether it is the service that says it. Pure: no I/O.

An event carries whatever its document carried. Nothing of that is taken over: an event only tells which submission it
is about, and whether that has ended. The fields are then asked for where they are asked for without events.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from trayflow import answers
from trayflow.ledger import Submission
from trayflow.models import Kind, Status

#: Headers that come with an event. The first signs the body; the second is not signed.
SIGNATURE, EVENT = "X-Docutray-Signature", "X-Docutray-Event"

_SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})")

#: `STEP_COMPLETED` and its like.
_EVENT = re.compile(r"(IDENTIFICATION|STEP|CONVERSION)_(STARTED|COMPLETED|FAILED)")

#: What we send along as `trayflow_intent`: the id of a submission.
_INTENT = re.compile(r"[0-9a-f]{32}")

#: What was asked of the service, by how the event is called, and by how it names its id.
_KINDS = {
    "STEP": Kind.EXECUTE,
    "CONVERSION": Kind.EXECUTE,
    "IDENTIFICATION": Kind.IDENTIFY,
    "step_execution_id": Kind.EXECUTE,
    "conversion_id": Kind.EXECUTE,
    "identification_id": Kind.IDENTIFY,
}

_FINAL = (Status.SUCCESS, Status.ERROR)


@dataclass(frozen=True, slots=True)
class Heard:
    """What an event says. `remote_ids` are the service's names for the submission, the most telling one first.

    `intent` is our own name for it, where it came back; `kind` what was asked, where the event tells; `name` the
    event's, empty where it has none that the service documents.
    """

    remote_ids: tuple[str, ...]
    intent: str | None
    kind: Kind | None
    ended: bool
    name: str = ""

    def is_about(self, submission: Submission) -> bool:
        """Whether this is about `submission` as we know it, and not about another execution that came of its document.

        An id, once known, decides. Before that the kind does: what a step does inside may have events of its own, and
        their ids are not to be asked for as the step's.
        """
        if submission.remote_id is not None:
            return submission.remote_id in self.remote_ids
        return self.kind is None or self.kind is submission.kind


def may_be_signed(signature: str | None) -> bool:
    """Whether the header has the form of a signature at all: one can say so before the body is there."""
    return signature is not None and _SIGNATURE.fullmatch(signature.strip()) is not None


def is_signed(body: bytes, signature: str | None, secret: bytes) -> bool:
    """Whether `signature` is `sha256=` and the hexadecimal HMAC-SHA256 of `body`, keyed with `secret`."""
    found = _SIGNATURE.fullmatch((signature or "").strip())
    if found is None:
        return False
    # Compared in a time that does not depend on where the first difference is.
    return hmac.compare_digest(bytes.fromhex(found[1]), hmac.new(secret, body, hashlib.sha256).digest())


def read_event(body: bytes, name: str | None = None) -> Heard:
    """What the event in `body` says; `name` is the one in its header.

    It has ended if either of them says so: whoever believes that in vain asks once more than needed. Raises
    `GarbledAnswerError` when it is no JSON object, or holds no id.
    """
    answer = answers.parsed(body)
    event = answers.unwrapped(answer)
    # The last names of an id are those of events; the general ones might be of something else as well.
    found = {word: id_ for word in reversed(answers.ID_NAMES) if (id_ := answers.id_of(event.get(word)))}
    if not found:
        raise answers.GarbledAnswerError("it holds no id")
    intent = (answers.metadata_of(event) or answers.metadata_of(answer)).get("trayflow_intent")
    named = _EVENT.fullmatch((name or "").strip().upper())
    words = [*found, named[1]] if named else [*found]
    return Heard(
        remote_ids=tuple(dict.fromkeys(found.values())),
        intent=intent if isinstance(intent, str) and _INTENT.fullmatch(intent) else None,
        kind=next((_KINDS[word] for word in words if word in _KINDS), None),
        ended=answers.status_of(event) in _FINAL or (named is not None and named[2] != "STARTED"),
        name=named[0] if named else "",
    )
