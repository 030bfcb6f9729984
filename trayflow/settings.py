"""What a user can set, where it may be set, and what is wrong with it.

Later wins: defaults, `trayflow.toml` (or the file given), environment `TRAYFLOW_*` (nested with two underscores, as in
`TRAYFLOW_ROUTING__MINIMUM_CONFIDENCE`), flags. Secrets never come from a file: the service's key comes from
`DOCUTRAY_API_KEY` or from a Prefect Secret block, whose *name* is a setting.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import PydanticBaseSettingsSource as Source
from pydantic_settings import SettingsError as SettingsSourceError

from trayflow.errors import SettingsError

CONFIG_NAME = "trayflow.toml"
PREFIX = "TRAYFLOW_"

Confidence = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
StepId = Annotated[str, StringConstraints(min_length=1, pattern=r"^[\w.:-]+$")]
#: `review`, `quarantine`, or `step:ID` to send the document to a step all the same.
Fallback = Annotated[str, StringConstraints(pattern=r"^(review|quarantine|step:[\w.:-]+)$")]

#: Variables of the same prefix that belong to other programs of ours.
FOREIGN_VARIABLES = frozenset({"TRAYFLOW_ENGINE_KEY"})


class Section(BaseModel):
    """A table of the settings file: immutable, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Service(Section):
    """Where the DocuTray API is and which key opens it."""

    base_url: str = Field("https://app.docutray.com", pattern=r"^https?://", description="Address of the DocuTray API.")
    api_key_block: str | None = Field(None, description="Name of a Prefect Secret block that holds the key.")


class TypeRoute(Section):
    """Where documents of one type go."""

    step: StepId = Field(description="The step that extracts this type.")
    minimum_confidence: Confidence | None = Field(None, description="Overrides the general minimum for this type.")


class SourceSettings(Section):
    """What is taken from a source, and how a bucket is spoken to. Credentials come the AWS way, never from here."""

    include: tuple[str, ...] = Field((), description="Globs over the whole key (* crosses folders); empty: all.")
    exclude: tuple[str, ...] = Field((), description="Globs of keys that are left out, whatever `include` says.")
    settle: float = Field(
        2.0, ge=0, description="Seconds that a file has to stand still before it counts as written, in a folder."
    )
    path_style: bool = Field(False, description="Address the bucket by path (endpoint/bucket), not by host name.")
    requester_pays: bool = Field(False, description="Agree to pay for requests to a bucket that asks for it.")
    prefixes: tuple[str, ...] = Field(
        (), description="Parts of the bucket, below the source's prefix, that are listed at the same time."
    )
    submit: Literal["bytes", "url"] = Field(
        "bytes", description="`url`: hand the service a presigned address instead of the document's bytes."
    )
    url_seconds: int = Field(3600, ge=60, le=604_800, description="How long a presigned address is good for.")


class Watch(Section):
    """How `trayflow watch` takes what arrives."""

    batch: int = Field(50, ge=1, le=1000, description="Documents that make a batch full.")
    seconds: float = Field(5.0, ge=0, description="Seconds for which a batch gathers, from its first document on.")
    at_once: int = Field(2, ge=1, le=32, description="Batches under way at once.")
    rescan: Seconds = Field(300.0, description="Seconds between looks at the whole source: events get lost.")
    farewell: Seconds = Field(20.0, description="Seconds that batches get to end in once the watch is to end.")
    queue: str | None = Field(None, pattern=r"^https?://", description="URL of the SQS queue of a bucket's events.")
    visibility: int = Field(
        120, ge=10, le=43_200, description="Seconds for which a message is ours; renewed while it is worked on."
    )


class Routing(Section):
    """Which step fits which document type, and what happens to documents that fit none."""

    types: dict[str, TypeRoute] = Field(
        default_factory=dict,
        description="Document type code → step. Empty: every type of the account that has a step `extract-<code>`.",
    )
    candidates: tuple[str, ...] = Field((), description="Types to tell apart although no step is routed for them.")
    minimum_confidence: Confidence = Field(0.7, description="Below it a document is not executed.")
    on_other: Fallback = Field("review", description="For documents that are none of the candidates.")
    on_low_confidence: Fallback = Field("review", description="For documents below the minimum confidence.")
    on_unrouted: Fallback = Field("review", description="For documents of a type that has no step.")
    on_failed_checks: Literal["review", "write"] = Field("review", description="When the checks of the fields fail.")


class Limits(Section):
    """How much at once, how large, how often."""

    window: int = Field(32, ge=1, le=10_000, description="Documents under way at once.")
    max_bytes: int = Field(100_000_000, ge=1, description="Larger files are quarantined; the service takes 100 MB.")
    attempts: int = Field(5, ge=1, le=100, description="Tries of one call before the document is left for later.")
    backoff: Seconds = Field(1.0, description="Seconds before the second try; doubles from there, with jitter.")
    breaker: int = Field(
        5, ge=1, description="Documents in a row that exhausted their tries, after which the run stops."
    )
    lease: Seconds = Field(
        30.0, description="Seconds without a heartbeat after which a run's documents are free again."
    )
    requests_per_minute: int | None = Field(
        None, ge=1, description="What the account allows all runs over one ledger together; default: as it says itself."
    )
    max_in_flight: int | None = Field(
        None, ge=1, description="Submissions that may be at the service at once, of all runs over one ledger together."
    )
    spool_bytes: int = Field(
        2_000_000_000, ge=1, description="Bytes of documents under way that may lie on this machine's disk at once."
    )
    write_every: float = Field(
        1.0, ge=0, description="Seconds for which extracted documents are gathered, to be written at once."
    )


class Unknown(Section):
    """What becomes of a submission that may have been accepted, when nobody saw its id."""

    on_unknown: Literal["hold", "resubmit"] = Field(
        "hold", description="`hold`: the document goes to review. `resubmit`: it is sent again, and perhaps paid twice."
    )
    grace: float | None = Field(
        None, ge=0, description="Seconds that a webhook gets to tell. Default: 60 where webhooks come, else 0."
    )
    resubmissions: int = Field(2, ge=1, description="With `resubmit`: how often, before the document goes to review.")


class Polling(Section):
    """When to ask for a status where nothing is known yet of how long a step takes. Defaults are the vendor's."""

    interval: Seconds = Field(1.0, description="Seconds between the first polls of a small document.")
    large_interval: Seconds = Field(3.0, description="The same for a document of a megabyte or more.")
    minimum: Seconds = Field(0.25, description="Polls of one document are never closer, however quick its step is.")
    maximum: Seconds = Field(15.0, description="Polls back off up to this many seconds.")
    give_up: Seconds = Field(3600.0, description="The service ends its own work after 60 minutes.")


class Webhooks(Section):
    """Events that the service sends when work ends; `trayflow webhooks` receives them."""

    url: str | None = Field(
        None, pattern=r"^https?://", description="Sent along with each submission: where its events go."
    )
    expected: bool = Field(False, description="Events come without that, from an endpoint set up in the account.")
    polling: Seconds = Field(30.0, description="Seconds between polls where events come: for those that get lost.")

    @property
    def come(self) -> bool:
        """Whether somebody else may tell us."""
        return self.expected or self.url is not None


class Engine(Section):
    """The embedded engine, which `trayflow run` starts when there is no key."""

    types: Path | None = Field(None, description="A folder of further document types for the embedded engine.")
    workers: int | None = Field(None, ge=1, description="Processes that read documents; default: two at most.")


class Prefect(Section):
    """How fast task runs may come, and what a run leaves on its page."""

    task_runs_per_second: float | None = Field(
        None, gt=0, description="What the Prefect server can record. Default: 80 for a server of ours, else 25."
    )
    report: bool = Field(True, description="Leave progress, a report, what needs a person, and tags with each run.")


class Settings(BaseSettings):
    """Everything a run needs to know, validated as a whole before it begins."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__", populate_by_name=True
    )

    home: Path = Field(Path(".trayflow"), description="Our own files: ledger, spool, logs.")
    ledger: str | None = Field(None, description="SQLAlchemy URL of the ledger. Default: SQLite in `home`.")
    service: Service = Service()
    source: SourceSettings = SourceSettings()
    watch: Watch = Watch()
    routing: Routing = Routing()
    limits: Limits = Limits()
    unknown: Unknown = Unknown()
    polling: Polling = Polling()
    webhooks: Webhooks = Webhooks()
    engine: Engine = Engine()
    prefect: Prefect = Prefect()
    api_key: SecretStr | None = Field(None, exclude=True, description="Set from DOCUTRAY_API_KEY only.")

    @property
    def grace(self) -> float:
        """Seconds for which an unknown submission may still be told of."""
        if self.unknown.grace is not None:
            return self.unknown.grace
        return 60.0 if self.webhooks.come else 0.0

    @property
    def ledger_url(self) -> str:
        """The ledger's address, the default filled in."""
        return self.ledger or f"sqlite:///{(self.home / 'ledger.db').absolute()}"


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Read the settings from `config` (default: `trayflow.toml` here, if there is one), the environment and flags.

    `flags` are fields by name, `None` for one not given. Raises `SettingsError` for a missing or broken file, an
    unknown name (with the nearest right one), or a value out of its range.
    """
    if config is None and Path(CONFIG_NAME).is_file():
        config = Path(CONFIG_NAME)
    if config is not None and not config.is_file():
        raise SettingsError(f"There is no settings file {config}.")

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: Source,
            env_settings: Source,
            dotenv_settings: Source,
            file_secret_settings: Source,
        ) -> tuple[Source, ...]:
            return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config))

    _refuse_unknown_variables()
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    if url := os.environ.get("DOCUTRAY_BASE_URL"):
        given["service"] = {"base_url": url}
    if key := os.environ.get("DOCUTRAY_API_KEY"):
        given["api_key"] = SecretStr(key)
    try:
        settings = FromFile(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error, config)) from None
    except (SettingsSourceError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{config or 'The environment'} cannot be read: {error}") from None
    if settings.api_key is not None and "api_key" not in given:
        raise SettingsError("A key does not belong into a file: set DOCUTRAY_API_KEY, or name a Prefect Secret block.")
    return settings


def _refuse_unknown_variables() -> None:
    """A misspelt variable would be ignored in silence: pydantic-settings looks up only the names it knows."""
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in FOREIGN_VARIABLES:
            name = variable.removeprefix(PREFIX).lower().split("__")
            if (unknown := _first_unknown(name)) is not None:
                raise SettingsError(f"Unknown setting {variable} in the environment.{_nearest(name, unknown)}")


def _section(path: Sequence[str]) -> type[BaseModel] | None:
    """The model of settings at a dotted path; None where it is a value or a table with names of the user's own."""
    model: type[BaseModel] = Settings
    for name in path:
        field = model.model_fields.get(name)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return None
        model = field.annotation
    return model


def _first_unknown(path: Sequence[str]) -> int | None:
    for depth, name in enumerate(path):
        model = _section(path[:depth])
        if model is None:
            return None
        if name not in model.model_fields:
            return depth
    return None


def _nearest(path: Sequence[str], depth: int) -> str:
    model = TypeRoute if path[:2] == ["routing", "types"] else _section(path[:depth])
    names = [name for name in model.model_fields if name != "api_key"] if model else []
    near = difflib.get_close_matches(path[depth], names, n=1)
    return f" Did you mean `{near[0]}`?" if near else f" Known here: {', '.join(names)}."


def _explain(error: ValidationError, config: Path | None) -> str:
    """One sentence a mistake, with the place; never the value of a secret."""
    sentences = []
    for mistake in error.errors(include_input=False, include_url=False):
        path = [str(part) for part in mistake["loc"]]
        place = ".".join(path)
        if mistake["type"] == "extra_forbidden":
            sentences.append(f"Unknown setting `{place}`.{_nearest(path, len(path) - 1)}")
        else:
            sentences.append(f"Setting `{place}`: {mistake['msg']}.")
    return f"{config or 'Settings'}: " + " ".join(sentences)
