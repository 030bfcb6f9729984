"""Rows of a table, such as line items or the movements on an account, as objects of the schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.extract import cells
from engine.extract.context import Context
from engine.extract.grid import ENDS, body_of
from engine.extract.grouping import Cells, group
from engine.extract.headings import Header, fences, find_headers, variants
from engine.extract.ruled import ruled_rows, targets_of
from engine.extract.schema import Plan, Rows
from engine.extract.slips import slip_items, without_count
from engine.extract.text import tidy
from engine.extract.values import Manner
from engine.rules import Product, Rule

Row = dict[str, Any]

# The share of the rows from which on a column's value is expected of the others.
_USUAL = 0.5
# What a row adds to the worth of its table.
_PROVEN, _REFUTED, _FILLED = 2.0, 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Table:
    """The rows found, and the lines of the layout that they and their headings are on."""

    rows: tuple[Row, ...]
    lines: frozenset[int] = frozenset()


def find_rows(rows: Rows, plan: Plan, context: Context, rules: Sequence[Rule]) -> Table:
    """The best of what headings, rules on the page and, on a shop's slip, plain lines with amounts give."""
    products = cells.products_of(rules, ".".join(rows.path))
    headers = find_headers(context.layout, rows, plan.headings)
    ends = sorted({header.first for header in headers} | set(fences(context.layout, rows, plan.headings)))
    tables = [*_by_position(headers, ends, rows, plan, context, products), *_by_rules(rows, plan, context, products)]
    best = max(tables, key=lambda table: _worth(table, rows, products), default=Table(()))
    if not best.rows and any(field.role == "shop" for field in plan.fields):
        best = _of_slip(rows, context, products)
    return best


def _by_position(
    headers: Sequence[Header],
    ends: Sequence[int],
    rows: Rows,
    plan: Plan,
    context: Context,
    products: Sequence[Product],
) -> Iterator[Table]:
    """Tables by their headings. Headings that come again, on a later page, go on with the same table."""
    # What the type asks for beside the rows, such as its own total, is no row.
    numbers = [field for field in plan.fields if field.type in ("number", "integer")]
    totals = ENDS | {source for field in numbers for source in field.sources if source.startswith("own:")}
    for number, header in enumerate(headers):
        if any(_same_headings(header, earlier) for earlier in headers[:number]):
            continue
        for variant in variants(header, rows, plan.headings):
            found: list[Row] = []
            lines: set[int] = set()
            for again in headers[number:]:
                if _same_headings(header, again):
                    later = [end for end in ends if end > again.last]
                    placed = replace(variant, first=again.first, last=again.last, page=again.page)
                    bodies = group(list(body_of(placed, context, totals, min(later, default=None))))
                    found += [_row(body, placed, rows, context, products) for body in bodies]
                    lines |= set(range(again.first, again.last + 1)).union(*(body.lines for body in bodies))
            yield Table(tuple(_sensible(found, rows, products)), frozenset(lines))


def _row(body: Cells, header: Header, rows: Rows, context: Context, products: Sequence[Product]) -> Row:
    manner = Manner(context.day_first, context.mark, context.by_ocr(body.lines[0]))
    row: Row = {column.name: None for column in rows.columns}
    for position, texts in sorted(body.by_heading.items()):
        heading = header.headings[position]
        if heading.target is not None:
            texts = body.text if position == header.text else texts
            value = cells.value_of(heading.target, texts, heading.sign, context, manner)
            row[heading.target.name] = value if row[heading.target.name] is None else row[heading.target.name]
    main = header.headings[header.text].target if header.text is not None else None
    text = main.name if main else None
    if text is not None and row[text] is None:
        row[text] = tidy(" ".join(body.text)) or None
    order = [h.target.name for h in header.headings if h.target]
    crowded = {
        h.target.name
        for i, h in enumerate(header.headings)
        if h.target and sum(any(map(str.isdigit, text)) for text in body.by_heading.get(i, ())) > 1
    }
    row = cells.mended(row, body.figures, products, manner, order, crowded)
    count = next((column.name for column in rows.columns if column.kind == "quantity"), None)
    counted = any(h.target and h.target.name == count for i, h in enumerate(header.headings) if i in body.by_heading)
    if text is not None and row[text] and count is not None and not counted:
        row[text] = without_count(row[text], row[count])
    return row


def _by_rules(rows: Rows, plan: Plan, context: Context, products: Sequence[Product]) -> Iterator[Table]:
    for page in context.layout.pages:
        manner = Manner(context.day_first, context.mark, page.source == "ocr")
        for table in page.tables:
            found: list[Row] = []
            bodies = list(ruled_rows(table, rows, plan.headings, plan.labels))
            header = next(
                (
                    targets_of(row, rows, plan.headings)
                    for row in table
                    if len(targets_of(row, rows, plan.headings)) > 1
                ),
                {},
            )
            for body in bodies:
                row = {column.name: None for column in rows.columns}
                for position, text in body.items():
                    if position in header:
                        column, sign = header[position]
                        row[column.name] = cells.value_of(column, [text.replace("\n", " ")], sign, context, manner)
                found.append(
                    cells.mended(row, list(body.values()), products, manner, [c.name for c, _ in header.values()])
                )
            yield Table(tuple(_sensible(found, rows, products)))


def _of_slip(rows: Rows, context: Context, products: Sequence[Product]) -> Table:
    rule = next((rule for rule in products if len(rule.of) == 2), None)
    text = next((column.name for column in rows.columns if "column_description" in column.sources), None)
    if rule is None or text is None:
        return Table(())
    found: list[Row] = []
    lines: set[int] = set()
    for item in slip_items(context):
        row: Row = {column.name: None for column in rows.columns}
        found.append(
            {**row, text: item.text, rule.of[0]: item.quantity, rule.of[1]: item.price, rule.equals: item.total}
        )
        lines |= set(item.lines)
    return Table(tuple(found), frozenset(lines))


def _sensible(found: Sequence[Row], rows: Rows, products: Sequence[Product]) -> Iterator[Row]:
    """The rows that say something; a date that stands once for several rows is given to each of them."""
    texts = [column.name for column in rows.columns if column.kind in ("text", "name")]
    dates = [column.name for column in rows.columns if column.kind == "date"]
    figures = [column.name for column in rows.columns if column.kind in ("money", "quantity", "number", "integer")]
    usual = [name for name in figures if sum(row[name] is not None for row in found) >= _USUAL * len(found)]
    proven = [rule for rule in products if any(cells.holds(row, rule) for row in found)]
    last: Row = {}
    for row in found:
        if texts and all(row[name] is None for name in texts) and not any(row[name] for name in dates):
            continue
        if figures and all(row[name] is None for name in figures):
            continue
        # A row without the amount that the others end with, and with little else, is a remark.
        if usual and row[usual[-1]] is None and sum(row[name] is not None for name in usual) * 2 <= len(usual):
            continue
        if any(row[rule.equals] is None and any(row[name] is None for name in rule.of) for rule in proven):
            continue
        for name in dates:
            last[name] = row[name] or last.get(name)
        yield {**row, **{name: last[name] for name in dates}}


def _worth(table: Table, rows: Rows, products: Sequence[Product]) -> float:
    """How good a table is: products that are right prove a row, values alone say little."""
    worth = 0.0
    for row in table.rows:
        proofs = [cells.holds(row, rule) for rule in products]
        filled = sum(value is not None for value in row.values()) / len(rows.columns)
        worth += _PROVEN if any(proofs) else _REFUTED if False in proofs else _FILLED * filled
    return worth


def _same_headings(first: Header, second: Header) -> bool:
    return first.targets == second.targets and [h.text for h in first.headings] == [h.text for h in second.headings]
