"""What else lies in a tray: a letter, minutes of a meeting, a copy, and files that nobody can read."""

from __future__ import annotations

from scripts.samples.invoices import TWICE
from scripts.samples.sheet import Sheet
from scripts.samples.truth import Sample


def letter() -> Sample:
    """English: a letter about a lease. It names a sum and a date, and is none of the four types."""
    sheet = Sheet(font="Times-Roman", bold="Times-Bold")
    sheet.about("Renewal of your lease", "Thornbury Estates")
    sheet.block(60, 80, ["Thornbury Estates", "The Old Mill, Skipton BD23 9XX"], 11)
    sheet.text(60, 132, "18 February 2026", 11)
    sheet.block(60, 168, ["Ms E. Castellan", "Flat 4, Weaver's Court", "Leeds LS1 9YY"], 11)
    sheet.text(60, 236, "Dear Ms Castellan,", 12)
    sheet.text(60, 264, "Renewal of your lease", 12, bold=True)
    y = sheet.block(
        60,
        290,
        [
            "Your lease of flat 4 ends on 31 May 2026. We would be glad if you stayed, and offer to",
            "renew it for two more years on the same terms. The rent would rise from June to £985 a",
            "month, which is the first increase since you moved in.",
            "",
            "As we discussed on the stairs last week, the windows on the north side will be replaced",
            "in April. The carpenters need about half a day in each room, and we shall write again",
            "when we know the exact dates. You need not be at home while they work.",
            "",
            "Please let us know by the end of March whether you would like to stay. If you have any",
            "questions about the new lease, call Martin on 01632 960 233 or come to our office any",
            "weekday morning.",
        ],
        12,
        17,
    )
    sheet.block(60, y + 20, ["Yours sincerely,", "", "Helen Thornbury"], 12, 17)
    return Sample("letters/lease-renewal.pdf", sheet.pdf(), "review", "other_type", "other")


def minutes() -> Sample:
    """German: minutes of a club's meeting, with dates and times but no amounts to pay."""
    sheet = Sheet()
    sheet.about("Protokoll der Vorstandssitzung", "Ruderverein Möwe")
    sheet.text(60, 76, "Ruderverein Möwe", 12)
    sheet.text(60, 108, "Protokoll der Vorstandssitzung", 17, bold=True)
    sheet.block(
        60,
        136,
        [
            "am Donnerstag, 12. März 2026, 19:00 bis 20:40 Uhr, im Bootshaus",
            "Anwesend: I. Brandt (Leitung), T. Yilmaz, C. Oehler, M. Prandtl (Protokoll)",
            "Entschuldigt: J. Kern",
        ],
        11,
        17,
    )
    y = 208.0
    for heading, lines in (
        (
            "1. Begrüßung",
            [
                "Die Leiterin stellt fest, dass der Vorstand beschlussfähig ist. Das Protokoll der",
                "letzten Sitzung wird ohne Änderungen angenommen.",
            ],
        ),
        (
            "2. Anrudern",
            [
                "Das Anrudern findet am 26. April statt. Herr Oehler bittet die Nachbarvereine um",
                "Boote für die Gäste. Frau Yilmaz fragt in der Bäckerei wegen des Kuchens nach.",
            ],
        ),
        (
            "3. Steg",
            [
                "Drei Bohlen am Steg sind morsch. Die Jugendgruppe will sie in den Osterferien",
                "austauschen, das Holz dafür liegt schon im Schuppen. Bis dahin bleibt der vordere",
                "Teil gesperrt.",
            ],
        ),
        ("4. Verschiedenes", ["Die nächste Sitzung ist am 9. April um 19 Uhr."]),
    ):
        sheet.text(60, y, heading, 12, bold=True)
        y = sheet.block(60, y + 19, lines, 11, 16) + 12
    return Sample("letters/protokoll-vorstand.pdf", sheet.pdf(), "review", "other_type", "other")


def copy_of(original: Sample) -> Sample:
    """The same bytes again, under the name that a mail program gives an attachment."""
    return Sample("letters/forwarded invoice (2).pdf", original.content, "duplicate", "same_bytes", None, {}, TWICE)


def unreadable(readable: Sample) -> list[Sample]:
    """Files that end in quarantine: encrypted, empty, no PDF in spite of the name, cut off in the middle."""
    locked = Sheet(password="not a secret")  # noqa: S106 - a password that nobody needs to know
    locked.text(60, 80, "Salary statement, only for the person it was sent to.", 12)
    notes = "Call the printer about the brochures.\nAsk Petra for the missing delivery note.\n"
    return [
        Sample("damaged/salary-protected.pdf", locked.pdf(), "quarantined", "encrypted"),
        Sample("damaged/empty.pdf", b"", "quarantined", "empty_file"),
        Sample("damaged/notes.pdf", notes.encode(), "quarantined", "unsupported_type"),
        Sample(
            "damaged/half-an-upload.pdf",
            readable.content[: len(readable.content) // 2],
            "quarantined",
            "unreadable",
        ),
    ]
