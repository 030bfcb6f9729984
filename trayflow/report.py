"""What a run tells a person in the end: a page of markdown, a line, and a table of what needs somebody.

Pure: figures in, text out. Whatever comes from outside (keys, type codes, messages) is escaped, and no word of the
service's is repeated that could be a document's text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from trayflow.errors import AccessDeniedError, ServiceFailingError, ServiceUnreachableError, TrayflowError
from trayflow.labels import code, duration, many, plain, short, without_password
from trayflow.ledger import MOST_COUNTED, NeedsPerson
from trayflow.models import Outcome
from trayflow.progress import Summary
from trayflow.remedies import remedy, sentence
from trayflow.tally import Part, Tally, Trouble

#: Where a task run can be looked at, by its id; `None` where there is no UI.
Link = Callable[[UUID], str | None]

#: The words of a summary, those that ask for somebody first.
COUNTED = ("quarantined", "review", "in_progress", "duplicate", "written", "unchanged")

#: Tags for types; a run over more of them names the most frequent.
MOST_TYPES = 20

_STOPPED: Sequence[tuple[type[Exception], str]] = [
    (AccessDeniedError, "The service does not let us in: a wrong key, a spent quota, or an address that is not its."),
    (ServiceUnreachableError, "Nobody answers at the service's address, or it cannot be used now."),
    (ServiceFailingError, "The service failed one document after another."),
]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run took its documents from, where their rows went, and where all is listed that needs a person."""

    source: str
    destination: str
    needs_person: str | None = None


def counts(summary: Summary) -> str:
    """`23 documents: 4 quarantined, 2 review, 1 duplicate, 16 written`."""
    told = [f"{count:,} {name.replace('_', ' ')}" for name in COUNTED if (count := getattr(summary, name))]
    return f"{many(summary.documents, 'document')}: {', '.join(told)}" if told else many(summary.documents, "document")


def percent(tally: Tally) -> float:
    """How much of what was found so far has ended, 0 to 100."""
    done = tally.ended + tally.unchanged
    return round(100 * done / tally.documents, 1) if tally.documents else 0.0


def worst(summary: Summary) -> str:
    """The worst thing that happened to a document; `none` where there was no document."""
    return next((name for name in COUNTED if getattr(summary, name)), "none")


def most_frequent_types(tally: Tally) -> list[str]:
    """The codes of the types that were seen, the most frequent first, at most `MOST_TYPES`."""
    seen: Counter[str] = Counter()
    for (type_, _), count in tally.types.items():
        if type_:
            seen[type_] += count
    return [type_ for type_, _ in seen.most_common(MOST_TYPES)]


def why_stopped(error: BaseException) -> str:
    """Why a run ended before its end. What the service said of it is left to the state of the flow run."""
    for kind, words in _STOPPED:
        if isinstance(error, kind):
            return f"{words} The state of the flow run says more."
    if isinstance(error, TrayflowError):
        return str(error)
    if isinstance(error, Exception):
        return f"A fault of trayflow ({type(error).__name__}): see the run's log."
    return "It was interrupted."


def report(tally: Tally, summary: Summary, places: Places, link: Link, stopped: str | None = None) -> str:
    """The page. `stopped` says why the run ended before its end."""
    parts = [
        f"**{counts(summary)}** in {duration(summary.seconds)}",
        f"{plain(without_password(places.source))} → {plain(without_password(places.destination))}",
        _stopped(stopped),
        _troubles(tally, link),
        f"[All that needs a person now, whichever run it was]({places.needs_person})" if places.needs_person else "",
        _reasons(tally),
        _types(tally),
        _tables(tally, summary),
        _skipped(tally),
        _slowest(tally, link),
        _times(tally, summary),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def how_many(total: int, listed: int, source: str) -> str:
    """The line above the table of what needs a person, which lists the latest `listed` of `total`."""
    enough = "at least " if total >= MOST_COUNTED else ""
    told = f"{enough}{many(total, 'document')} of {short(source)} in review or quarantined now."
    if total > listed:
        told += f" Here are the latest {listed:,}; {enough}{total - listed:,} more are older."
    return told[0].upper() + told[1:]


def needs_person(waiting: Iterable[NeedsPerson]) -> list[dict[str, str]]:
    """A table of documents that somebody has to look at, one row each. The UI takes each cell for markdown.

    It breaks no lines either: what to do comes before what happened, which the reason code tells in short.
    """
    rows = []
    for one in waiting:
        known = remedy(one.document.reason, one.document.key)
        rows.append(
            {
                "document": plain(one.document.key),
                "reason": one.document.reason or "",
                "what to do": plain(known.advice),
                "command": code(known.command),
                "what happened": plain(sentence(one.document.reason, one.message)),
                "since": one.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
                "type": plain(one.document.document_type or ""),
                "outcome": one.document.outcome or "",
            }
        )
    return rows


def _stopped(why: str | None) -> str:
    return f"> **The run ended before its end.** {plain(why)} The next run carries on from here." if why else ""


def _troubles(tally: Tally, link: Link) -> str:
    """A list, since the UI does not break the lines of a table."""
    parts = []
    for outcome, title in ((Outcome.QUARANTINED, "Quarantined"), (Outcome.REVIEW, "Review"), (None, "Still under way")):
        told = [_trouble(trouble, link) for trouble in tally.troubles if trouble.outcome is outcome]
        parts += [f"### {title}", "\n".join(told)] if told else []
    parts += _more(tally.troubled - len(tally.troubles))
    if tally.copies:
        parts += ["### Duplicates", "\n".join(_trouble(copy, link) for copy in tally.copies)]
        parts += _more(tally.outcomes[Outcome.DUPLICATE] - len(tally.copies))
    return _section("No row of their own, and why", *parts) if parts else ""


def _more(count: int) -> list[str]:
    return [f"… and {count:,} more."] if count > 0 else []


def _trouble(trouble: Trouble, link: Link) -> str:
    words = [f"**{plain(trouble.label)}**", plain(sentence(trouble.reason, trouble.sentence))]
    words += [code(trouble.reason or ""), plain(trouble.document_type or ""), _linked(trouble.task_run, link)]
    return f"- {' · '.join(filter(None, words))}"


def _linked(task_run: UUID | None, link: Link) -> str:
    url = link(task_run) if task_run else None
    return f"[task run]({url})" if url else ""


def _reasons(tally: Tally) -> str:
    rows = [(outcome, reason, f"{count:,}") for (outcome, reason), count in tally.reasons.most_common()]
    return _section("Reasons", _table(("outcome", "reason", "documents"), rows)) if rows else ""


def _types(tally: Tally) -> str:
    seen = sorted({type_ for type_, _ in tally.types}, key=lambda type_: (not type_, type_))
    rows = [
        (plain(type_) or "not known", *(f"{tally.types[type_, outcome]:,}" for outcome in Outcome)) for type_ in seen
    ]
    return _section("Types", _table(("type", *Outcome), rows)) if rows else ""


def _tables(tally: Tally, summary: Summary) -> str:
    names = sorted({*summary.tables, *tally.rows})
    rows = [(plain(name), f"{tally.rows[name]:,}", f"{summary.tables.get(name, 0):,}") for name in names]
    return _section("Tables", _table(("table", "new rows", "rows now"), rows)) if rows else ""


def _skipped(tally: Tally) -> str:
    rows = [
        (plain(reason), f"{count:,}", ", ".join(map(plain, tally.skipped_keys.get(reason, []))))
        for reason, count in tally.skipped.most_common()
    ]
    return _section("Left alone for now", _table(("because", "objects", "such as"), rows)) if rows else ""


def _slowest(tally: Tally, link: Link) -> str:
    rows = [
        (
            duration(slow.seconds),
            plain(slow.label),
            slow.outcome,
            plain(slow.document_type or ""),
            _linked(slow.task_run, link),
        )
        for slow in tally.slowest
    ]
    return (
        _section("The slowest", _table(("under way for", "document", "outcome", "type", "task run"), rows))
        if rows
        else ""
    )


def _times(tally: Tally, summary: Summary) -> str:
    made = summary.submissions
    seconds = {part: duration(tally.seconds[part]) for part in Part}
    rows = [
        (
            "submitted",
            f"{many(made.identify, 'identification')}, {many(made.execute, 'execution')}",
            seconds[Part.SUBMIT],
        ),
        ("waited for the service", "", seconds[Part.WAIT]),
        ("polled", many(tally.polls, "poll"), seconds[Part.POLL]),
        ("fetched", "", seconds[Part.FETCH]),
        ("written", many(tally.rows.total(), "row"), seconds[Part.WRITE]),
    ]
    note = f"The run took {duration(summary.seconds)}; seconds are added up over documents that are under way at once."
    return _section("Where the time went", _table(("", "how many", "seconds"), rows), note)


def _section(title: str, *parts: str) -> str:
    return "\n\n".join([f"## {title}", *filter(None, parts)])


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
