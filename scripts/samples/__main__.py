"""Makes samples/ and its truth anew: `uv run python -m scripts.samples`. The same bytes every time."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from scripts.samples.invoices import almazara, brunnthal, halden_marine
from scripts.samples.long_invoice import northgate
from scripts.samples.orders import meadowbrook, pennine, talblick
from scripts.samples.others import copy_of, letter, minutes, unreadable
from scripts.samples.receipts import copper_kettle, fernhill, lindner, zur_linde
from scripts.samples.scanned_invoices import alpenblick, copper_canyon, sommerfeld
from scripts.samples.statements import coastal, isartal
from scripts.samples.truth import Sample, truth_of

_ROOT = Path(__file__).parents[2]


def all_samples() -> list[Sample]:
    """Every document, drawn."""
    twice, long = halden_marine(), northgate()
    return [
        twice,
        long,
        *(draw() for draw in (brunnthal, almazara, alpenblick, copper_canyon, sommerfeld)),
        *(draw() for draw in (copper_kettle, fernhill, zur_linde, lindner, pennine, talblick, meadowbrook)),
        *(draw() for draw in (coastal, isartal, letter, minutes)),
        copy_of(twice),
        *unreadable(long),
    ]


def main() -> None:
    """Writes the documents into one folder and the truth into a file elsewhere. Other files there stay as they are."""
    options = argparse.ArgumentParser(prog="python -m scripts.samples", description=main.__doc__)
    options.add_argument("--to", type=Path, default=_ROOT / "samples", help="the folder of the documents")
    options.add_argument("--truth", type=Path, default=_ROOT / "tests" / "samples_truth.json", help="the truth file")
    given = options.parse_args()
    samples = all_samples()
    for sample in samples:
        path: Path = given.to / sample.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample.content)
    given.truth.write_text(json.dumps(truth_of(samples), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
