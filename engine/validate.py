"""Checks extracted data against its document type: the JSON Schema, and the arithmetic of the type's rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from engine.documents import DocumentType, Validation
from engine.plain_schema import check_extensions, plain
from engine.rules import Rule, parse_rules

# What a broken schema keyword means, in words that name no value of the document.
_MEANINGS = {
    "enum": "is not one of the values allowed",
    "const": "is not the value required",
    "format": "is not a {value}",
    "pattern": "has another form than required",
    "minLength": "is too short",
    "maxLength": "is too long",
    "minimum": "is too small",
    "maximum": "is too large",
    "exclusiveMinimum": "is too small",
    "exclusiveMaximum": "is too large",
    "multipleOf": "is not a multiple of {value}",
    "minItems": "has too few entries",
    "maxItems": "has too many entries",
    "uniqueItems": "has equal entries",
}


def validate(data: Mapping[str, Any], document_type: DocumentType) -> Validation:
    """Check `data` against the type's schema and rules.

    Nulls stand for what is not known: they conform to any type and no rule applies to them, but a property that the
    schema requires must not be null. Raises `ValueError` when the type's rules are not well-formed.
    """
    errors = list(dict.fromkeys(_schema_problems(data, document_type.json_schema)))
    warnings: list[str] = []
    for rule in parse_rules(document_type.rules, plain(document_type.json_schema)):
        (errors if rule.severity == "error" else warnings).extend(rule.problems(data))
    return Validation(tuple(errors), tuple(warnings))


def check_type(document_type: DocumentType) -> tuple[Rule, ...]:
    """The parsed rules of a type; raises `ValueError` when its schema or a rule is not well-formed."""
    try:
        Draft202012Validator.check_schema(document_type.json_schema)
    except Exception as error:
        raise ValueError(f"jsonSchema: {getattr(error, 'message', error)}") from None
    schema = plain(document_type.json_schema)
    check_extensions(schema)
    return parse_rules(document_type.rules, schema)


def _schema_problems(data: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    validator = Draft202012Validator(schema, format_checker=FormatChecker(["date", "email", "ipv4"]))
    for error in sorted(validator.iter_errors(_without_nulls(data)), key=lambda error: list(map(str, error.path))):
        yield from _in_words(error)


def _in_words(error: ValidationError) -> Iterator[str]:
    """The problem without the value it is about: that is a document's text."""
    where = _place(error)
    if error.validator == "required":
        known = error.instance if isinstance(error.instance, Mapping) else {}
        for name in error.validator_value:
            if name not in known:
                yield f"{where + '.' if where else ''}{name} is missing"
    elif error.validator == "additionalProperties":
        yield f"{where or 'the document'} has properties that the schema does not know"
    elif error.validator == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        yield f"{where or 'the document'} is not a {' or '.join(kind for kind in kinds if kind != 'null')}"
    else:
        meaning = _MEANINGS.get(str(error.validator), f"breaks the schema's {error.validator}")
        yield f"{where or 'the document'} {meaning.format(value=error.validator_value)}"


def _place(error: ValidationError) -> str:
    text = ""
    for part in error.absolute_path:
        text += f" row {part + 1}" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
