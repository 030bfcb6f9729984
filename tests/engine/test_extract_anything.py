"""Whatever a page says: extraction answers in the shape of the schema, quickly enough, and never fails."""

from __future__ import annotations

import json
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.catalog import load_catalog
from engine.documents import Page, Reading, Word
from engine.extract import extract
from engine.validate import validate

TYPES = load_catalog().types
PRINT = re.findall(
    r"\S+",
    "Invoice No Total EUR 12,50 1.234,56 -3.00 ( ) % VAT Date 12/03/2026 02.02. Qty Description Price Amount Debit"
    " Credit Balance IBAN DE89370400440532013000 Bill to: GmbH Ltd S.A. 3 x 4.50 [ ] · – | € $ 12 345,00 00 Menge"
    " Betrag Saldo 2026 1e9 9999999999999999999 .5 Rechnung Nr. # ## ° º ß 日本 31.02.2026 99/99/9999 opening"
    " balance 0 S H"
    " CR DR CASH CHANGE TOTAL March Page 1/1 www.x.example a@b.example Name Street 12 10115 Berlin",
)

words = st.builds(
    lambda text, column, row, height: Word(
        text, column, 40.0 + 12 * row, column + 5 * len(text), 40.0 + 12 * row + height
    ),
    st.one_of(st.sampled_from(PRINT), st.text(min_size=1, max_size=6)),
    st.sampled_from([40.0, 90.0, 200.0, 300.0, 400.0, 500.0]),
    st.integers(0, 40),
    st.sampled_from([0.0, 8.0, 10.0, 14.0]),
)
cells = st.sampled_from([*PRINT, ""])
tables = st.lists(st.tuples(st.tuples(cells, cells, cells), st.tuples(cells, cells, cells)), max_size=2)
pages = st.builds(
    lambda found, ruled, source, size: Page(size[0], size[1], tuple(found), tuple(ruled), source),
    st.lists(words, max_size=60),
    tables,
    st.sampled_from(["text", "ocr"]),
    st.sampled_from([(595.0, 842.0), (612.0, 792.0), (0.0, 0.0)]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(pages, max_size=2), st.sampled_from(sorted(TYPES)))
def test_any_print_gives_data_of_the_schemas_shape(found: list[Page], code: str) -> None:
    """Every property is there with its type or null, the data is JSON, and it can be validated."""
    document_type = TYPES[code]
    data = extract(Reading(tuple(found)), document_type)
    Draft202012Validator(
        {**document_type.json_schema, "required": [*document_type.json_schema["properties"]]}
    ).validate(data)
    json.dumps(data, allow_nan=False)
    validate(data, document_type)
