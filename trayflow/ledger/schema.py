"""The ledger's tables. Plain columns hold no document text and no secrets: extracted fields live in `results` alone."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.engine import Dialect


class Moment(TypeDecorator[datetime]):
    """A moment in UTC. SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a moment without a zone before it becomes an hour's error."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment its zone again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

#: One row: which ledger this is, and which layout its tables have.
about = Table(
    "trayflow_ledger",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("id", String(32), nullable=False),
    Column("layout", Integer, nullable=False),
)

#: Runs that are alive, or were: a run holds its documents as long as it renews its lease, and with them its part of the
#: account's limits (requests a minute, submissions in flight; null where no limit is stated).
runs = Table(
    "runs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("lease_until", Moment, nullable=False),
    Column("account", String(32)),
    Column("requests_part", Integer),
    Column("in_flight_part", Integer),
    Index("runs_by_lease", "lease_until"),
)

#: Documents in review or quarantined that somebody has to look at: one whose newer version was taken needs nobody. Said
#: with NOT IN, since SQLite would otherwise take the index by outcome, and sort all of them.
NEEDS_PERSON = "outcome NOT IN ('written', 'duplicate') AND (reason IS NULL OR reason <> 'replaced')"

#: One row a document version. `outcome` null: still under way. The id is made of source, key and version, which are
#: therefore in no index of their own: Postgres could not hold the long ones there.
documents = Table(
    "documents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("source", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("version", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64)),
    Column("content_type", String(100)),
    Column("discovered_at", Moment, nullable=False),
    Column("claimed_by", String(36)),
    Column("state", String(20), nullable=False),
    Column("outcome", String(20)),
    Column("reason", String(40)),
    Column("message", Text),
    Column("duplicate_of", String(32)),
    Column("document_type", String(255)),
    Column("confidence", Float),
    Column("ended_at", Moment),
    Index("documents_by_outcome", "outcome", "discovered_at"),
    Index("documents_by_end", "ended_at"),
    Index("documents_by_claim", "claimed_by"),
    Index(
        "documents_for_a_person",
        "ended_at",
        sqlite_where=text(NEEDS_PERSON),
        postgresql_where=text(NEEDS_PERSON),
    ),
)

#: Who was first with these bytes: every other document of the same bytes is its duplicate.
contents = Table(
    "contents",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("document_id", String(32), nullable=False),
)

#: One row a POST that was made, or was about to be. The id is the intent that travels with it.
submissions = Table(
    "submissions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("document_id", String(32), ForeignKey("documents.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("step_id", String(255), nullable=False),
    Column("state", String(20), nullable=False),
    Column("intended_at", Moment, nullable=False),
    Column("run_id", String(36), nullable=False),
    Column("remote_id", String(255)),
    Column("accepted_at", Moment),
    # When a webhook said that it has ended: the wait for it is over.
    Column("told_at", Moment),
    Column("ended_at", Moment),
    # How long the service took, by its own clock where it tells.
    Column("seconds", Float),
    Column("code", String(255)),
    Column("message", Text),
    Index("submissions_by_document", "document_id"),
    Index("submissions_by_remote_id", "remote_id"),
    Index("submissions_by_step", "step_id", "ended_at"),
    Index(
        "submissions_in_doubt",
        "intended_at",
        sqlite_where=text("state IN ('intended', 'unknown')"),
        postgresql_where=text("state IN ('intended', 'unknown')"),
    ),
)

#: What the service answered in the end, as it came.
results = Table(
    "results",
    metadata,
    Column("submission_id", String(64), ForeignKey("submissions.id"), primary_key=True),
    Column("answer", JSON, nullable=False),
    Column("received_at", Moment, nullable=False),
)

#: The document types' JSON Schemas as the account had them last: tables can be rebuilt without the service.
schemas = Table(
    "schemas",
    metadata,
    Column("code", String(255), primary_key=True),
    Column("name", Text, nullable=False),
    Column("json_schema", JSON, nullable=False),
)

#: Places that rows go to; `append_open` is set before the first byte of an append and cleared with its commit.
destinations = Table(
    "destinations",
    metadata,
    Column("uri", String(1024), primary_key=True),
    Column("append_open", Boolean, nullable=False),
)

#: What a destination holds by the last commit: columns, length in bytes, rows.
destination_tables = Table(
    "destination_tables",
    metadata,
    Column("destination", String(1024), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("columns", JSON, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
)

#: Which documents have their rows in which destination.
writes = Table(
    "writes",
    metadata,
    Column("destination", String(1024), primary_key=True),
    Column("document_id", String(32), ForeignKey("documents.id"), primary_key=True),
)
