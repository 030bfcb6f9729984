"""Faults on purpose: which ones a file asks for, and whom they meet.

A fault meets a document, not a moment: whether it does follows from the seed, the document's hash, what was asked for
and how many times it was sent or polled. The same documents meet the same faults in every rehearsal.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.chance import chance
from engine.queue import Job
from engine.remembered import count, remember

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
RateLimitForm = Literal["both", "body", "header", "date"]
# Room for shares that add up to 1 but not in binary.
_ROUNDING = 1e-9


class FaultsError(ValueError):
    """A file of faults that cannot be used; one line that names the file and the settings."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Shares(_Part):
    """Shares of the same calls: a call meets one of these faults, or none."""

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        if (total := sum(self.shares().values())) > 1 + _ROUNDING:
            raise ValueError(f"the shares {', '.join(self.shares())} add up to {total:g}, more than 1")
        return self

    def shares(self) -> dict[str, float]:
        return {name: value for name, value in self.model_dump().items() if value}

    def choose(self, *question: object) -> str | None:
        """The fault that a call meets, or None."""
        drawn = chance(*question)
        for name, share in self.shares().items():
            if drawn < share:
                return name
            drawn -= share
        return None


class SubmissionFaults(_Shares):
    """What befalls the POST of a document."""

    error: Share = Field(0, description="500 in the service's words; nothing was accepted.")
    unavailable: Share = Field(0, description="503; nothing was accepted.")
    cut_before: Share = Field(0, description="The connection is closed without an answer; nothing was accepted.")
    cut: Share = Field(0, description="Accepted, then the connection is closed without an answer.")
    garbage: Share = Field(0, description="Accepted, then a 202 whose body is no JSON.")
    gateway: Share = Field(0, description="Accepted, then 502 or 504 with a page of HTML.")


class StatusFaults(_Shares):
    """What befalls a status call about a known execution."""

    error: Share = Field(0, description="500 in the service's words.")
    garbage: Share = Field(0, description="A 200 whose body is no JSON.")
    cut: Share = Field(0, description="The connection is closed without an answer.")


class EverywhereFaults(_Part):
    """What befalls any call with the right key."""

    rate_limited: Share = Field(0, description="429; nothing was accepted.")
    retry_after: int = Field(1, ge=0, description="The wait that a 429 tells, in seconds.")
    rate_limit_form: RateLimitForm = Field("both", description="Where it tells it: body and header, or one of them.")
    slow: Share = Field(0, description="The answer comes late; what was submitted is accepted before.")
    slow_seconds: float = Field(1, ge=0, allow_inf_nan=False, description="How late, in seconds.")


class ExecutionFaults(_Shares):
    """What becomes of accepted work."""

    stuck: Share = Field(0, description="It stays PROCESSING for ever, without holding others up.")
    failed: Share = Field(0, description="It ends in ERROR with the code EXTRACTION_FAILED.")


class WebhookFaults(_Shares):
    """What befalls the events of one execution."""

    lost: Share = Field(0, description="None is sent.")
    doubled: Share = Field(0, description="Each is sent twice.")
    reordered: Share = Field(0, description="STARTED is sent after COMPLETED or FAILED.")


class FaultSettings(_Part):
    """All faults; shares are between 0 and 1."""

    seed: int = Field(0, description="Another seed meets other documents; it varies the latencies of a simulation too.")
    submissions: SubmissionFaults = SubmissionFaults()
    status: StatusFaults = StatusFaults()
    everywhere: EverywhereFaults = EverywhereFaults()
    executions: ExecutionFaults = ExecutionFaults()
    webhooks: WebhookFaults = WebhookFaults()


def load_faults(path: Path) -> FaultSettings:
    """Read a TOML file. Raises `FaultsError`."""
    try:
        return FaultSettings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise FaultsError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FaultsError(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise FaultsError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        raise FaultsError(f"{path}: {_in_words(error)}") from None


class Faults:
    """Decides for each call and each execution which fault it meets, and counts how often each document came."""

    def __init__(self, settings: FaultSettings) -> None:
        self.settings = settings
        self._sent: dict[tuple[str, str], int] = {}
        self._nth: dict[str, int] = {}
        self._calls: dict[str, int] = {}

    def sent(self, job: Job) -> int:
        """A document was sent: how many times by now, for this kind of work. All that is decided of `job` follows."""
        nth = count(self._sent, (job.sha256, job.kind))
        if nth > 1:
            remember(self._nth, job.id, nth)
        return nth

    def of_submission(self, job: Job) -> str | None:
        return self.settings.submissions.choose(*self._question("submissions", job))

    def of_execution(self, job: Job) -> str | None:
        return self.settings.executions.choose(*self._question("executions", job))

    def of_webhooks(self, job: Job) -> str | None:
        return self.settings.webhooks.choose(*self._question("webhooks", job))

    def of_status(self, job: Job, poll: int) -> str | None:
        return self.settings.status.choose(*self._question("status", job), poll)

    def called(self, what: str) -> int:
        """A call was made about `what`, a job's id or a path: how many times by now."""
        return count(self._calls, what)

    def limits(self, *call: object) -> bool:
        """Whether a call is answered with 429. `call` says which one it is: see `Faults.call`."""
        return chance(self.settings.seed, "rate_limited", *call) < self.settings.everywhere.rate_limited

    def slows(self, *call: object) -> bool:
        return chance(self.settings.seed, "slow", *call) < self.settings.everywhere.slow

    def call(self, job: Job) -> tuple[object, ...]:
        """What a call about this job is known by, whatever id the job has."""
        return (job.sha256, job.kind, self._nth.get(job.id, 1))

    def _question(self, group: str, job: Job) -> tuple[object, ...]:
        return (self.settings.seed, group, *self.call(job))


def _in_words(error: ValidationError) -> str:
    return "; ".join(
        _problem([str(part) for part in detail["loc"]], detail["type"], detail["msg"])
        for detail in error.errors(include_url=False, include_input=False)
    )


def _problem(place: list[str], kind: str, message: str) -> str:
    if kind != "extra_forbidden":
        return f"{'.'.join(place)}: {message.removeprefix('Value error, ')}"
    group = FaultSettings.model_fields[place[0]].default if len(place) > 1 else FaultSettings()
    near = difflib.get_close_matches(place[-1], list(type(group).model_fields), n=1)
    return f"{'.'.join(place)}: there is no such setting" + (f", did you mean {near[0]!r}?" if near else "")
