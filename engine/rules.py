"""The checks that a document type states about its figures (`rules` in its JSON file; docs/types.md describes them).

A path names a value: `net_total`, `seller.vat_id`, or with `[]` the values of a column: `line_items[].line_total`.
A minus before a path subtracts. A rule whose values are not all known is not applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from stdnum import iban

from engine.vat_ids import vat_id_holds

Severity = Literal["error", "warning"]

# Printed amounts are rounded to a cent: half a cent for each of them, and as much for the sum.
_HALF_CENT = Decimal("0.005")


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity = "error"


class Sum(_Rule):
    """The values of `of` add up to `equals`, or to one of them when it is a list."""

    check: Literal["sum"]
    of: tuple[str, ...] = Field(min_length=1)
    equals: str | tuple[str, ...]
    tolerance: float | None = Field(default=None, ge=0)

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.equals,) if isinstance(self.equals, str) else self.equals

    def problems(self, data: Mapping[str, Any]) -> Iterator[str]:
        terms = [value for path in self.of for value in values_at(data, path)]
        known = [(target, value) for target in self.targets for value in values_at(data, target) if value is not None]
        if not known or not terms or any(term is None for term in terms):
            return
        total = sum((term for term in terms if term is not None), Decimal(0))
        allowed = _HALF_CENT * (len(terms) + 1) if self.tolerance is None else Decimal(str(self.tolerance))
        off = min((abs(total - value) for _, value in known))
        if off > allowed:
            yield f"{_formula(self.of)} is not {' or '.join(target for target, _ in known)}: off by {_figure(off)}"


class Product(_Rule):
    """In each row of `each`, the values of `of` multiply to `equals`."""

    check: Literal["product"]
    each: str
    of: tuple[str, ...] = Field(min_length=2)
    equals: str
    tolerance: float | None = Field(default=None, ge=0)

    def problems(self, data: Mapping[str, Any]) -> Iterator[str]:
        for number, row in enumerate(rows_at(data, self.each), start=1):
            factors = [number_of(row.get(name)) for name in self.of]
            target = number_of(row.get(self.equals))
            known = [factor for factor in factors if factor is not None]
            if target is None or len(known) < len(factors):
                continue
            product = Decimal(1)
            for factor in known:
                product *= factor
            off = abs(product - target)
            if off > (product_tolerance(known) if self.tolerance is None else Decimal(str(self.tolerance))):
                yield f"{self.each} row {number}: {' × '.join(self.of)} is not {self.equals}: off by {_figure(off)}"


class Running(_Rule):
    """In each row of `each`, `balance` is the balance before it (`start` for the first) plus `amount`."""

    check: Literal["running"]
    each: str
    amount: str
    balance: str
    start: str

    def problems(self, data: Mapping[str, Any]) -> Iterator[str]:
        before = next(values_at(data, self.start), None)
        for number, row in enumerate(rows_at(data, self.each), start=1):
            amount, after = number_of(row.get(self.amount)), number_of(row.get(self.balance))
            if before is not None and amount is not None and after is not None:
                off = abs(before + amount - after)
                if off > _HALF_CENT:
                    yield f"{self.each} row {number}: {self.balance} does not follow: off by {_figure(off)}"
            # Statements print the balance of a day once: rows without one add up until the next.
            known = before is not None and amount is not None
            before = after if after is not None else (before or Decimal(0)) + (amount or Decimal(0)) if known else None


class Order(_Rule):
    """The dates of `of` do not come one before the other."""

    check: Literal["order"]
    of: tuple[str, ...] = Field(min_length=2)

    def problems(self, data: Mapping[str, Any]) -> Iterator[str]:
        for first, second in zip(self.of, self.of[1:], strict=False):
            earlier, later = _text_at(data, first), _text_at(data, second)
            if earlier is not None and later is not None and earlier > later:
                yield f"{first} is after {second}"


class Identifier(_Rule):
    """The check digits of `field` are right: `iban` by ISO 7064 mod 97, `vat_id` by its country's rule.

    VAT ids of countries without a rule known here pass.
    """

    check: Literal["iban", "vat_id"]
    field: str

    def problems(self, data: Mapping[str, Any]) -> Iterator[str]:
        number = _text_at(data, self.field)
        if number is None:
            return
        holds = iban.is_valid(number) if self.check == "iban" else vat_id_holds(number) is not False
        if not holds:
            yield f"{self.field}: the check digits are wrong"


Rule = Annotated[Sum | Product | Running | Order | Identifier, Field(discriminator="check")]
_RULES: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])


def parse_rules(rules: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> tuple[Rule, ...]:
    """A type's rules; raises `ValueError` with what is wrong and where, paths that `schema` does not have included."""
    try:
        parsed = _RULES.validate_python(tuple(rules))
    except ValidationError as error:
        found = "; ".join(f"rules[{e['loc'][0]}]: {e['msg']}" for e in error.errors())
        raise ValueError(found) from None
    for number, rule in enumerate(parsed):
        unknown = [path for path in paths_of(rule) if not _in_schema(schema, path)]
        if unknown:
            raise ValueError(f"rules[{number}]: the schema has no property {', '.join(unknown)}")
    return parsed


def paths_of(rule: Rule) -> Iterator[str]:
    """The paths that a rule reads, without signs."""
    if isinstance(rule, Sum):
        yield from (path.lstrip("-") for path in (*rule.of, *rule.targets))
    elif isinstance(rule, Product):
        yield from (f"{rule.each}[].{name}" for name in (*rule.of, rule.equals))
    elif isinstance(rule, Running):
        yield rule.start
        yield from (f"{rule.each}[].{name}" for name in (rule.amount, rule.balance))
    elif isinstance(rule, Order):
        yield from rule.of
    else:
        yield rule.field


def values_at(data: Mapping[str, Any], path: str) -> Iterator[Decimal | None]:
    """The numbers at a path, negated when it starts with a minus; None for each that is not known."""
    sign = -1 if path.startswith("-") else 1
    rows, _, column = path.lstrip("-").partition("[].")
    found = [row.get(column) for row in rows_at(data, rows)] if column else [_at(data, rows)]
    for value in found:
        number = number_of(value)
        yield None if number is None else sign * number


def rows_at(data: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    """The objects of the array at a path; none when there is no array."""
    found = _at(data, path)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def number_of(value: Any) -> Decimal | None:
    """A JSON number with the digits it is written with; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Decimal(str(value))


def product_tolerance(factors: Sequence[Decimal]) -> Decimal:
    """How far a product of printed factors may be off: each may be rounded in its last decimal, whole numbers not."""
    allowed = _HALF_CENT
    for index, factor in enumerate(factors):
        if factor == factor.to_integral_value() and len(factors) > 1 and index == 0:
            continue  # a count of pieces is exact
        decimals = max(2, -int(factor.as_tuple().exponent))
        others = Decimal(1)
        for other in (*factors[:index], *factors[index + 1 :]):
            others *= abs(other)
        allowed += Decimal(5).scaleb(-decimals - 1) * others
    return allowed


def _at(data: Any, path: str) -> Any:
    for name in path.split("."):
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def _text_at(data: Mapping[str, Any], path: str) -> str | None:
    value = _at(data, path)
    return value if isinstance(value, str) else None


def _in_schema(schema: Mapping[str, Any], path: str) -> bool:
    for name in path.split("."):
        properties = schema.get("properties", {})
        if name.removesuffix("[]") not in properties:
            return False
        schema = properties[name.removesuffix("[]")]
        if name.endswith("[]"):
            schema = schema.get("items", {})
    return True


def _formula(paths: Sequence[str]) -> str:
    text = " + ".join(f"sum of {path}" if "[]" in path else path for path in paths)
    return text.replace("+ -", "- ").replace("sum of -", "-sum of ")


def _figure(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01'))}"
