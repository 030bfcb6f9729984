"""From a value of an answer to a cell of a column, without ever changing what it says."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pandas as pd
from pandas.api.extensions import ExtensionDtype

from trayflow.columns.fields import Shape

Cell = str | float | int | bool | None

_TEXT = pd.StringDtype()
_DTYPES: dict[Shape, ExtensionDtype] = {
    Shape.NUMBER: pd.Float64Dtype(),
    Shape.INTEGER: pd.Int64Dtype(),
    Shape.BOOLEAN: pd.BooleanDtype(),
}

#: Plain: no exponent, no thousands separators, no currency. Those need reading, and reading is the service's work.
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_FULL_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENTS: dict[Shape, type[date] | type[time]] = {Shape.DATE: date, Shape.DATE_TIME: datetime, Shape.TIME: time}


class UnfitError(ValueError):
    """The value cannot stand in such a column without becoming another one."""


def cell(value: Any, shape: Shape) -> Cell:
    """The value as its column holds it: null stays null, and an empty text is none where a text is not expected.

    Raises `UnfitError` when the column would not say what the value does.
    """
    if value is None:
        return None
    if shape is Shape.NUMBER or shape is Shape.INTEGER:
        return _number(value, whole=shape is Shape.INTEGER)
    if shape is Shape.BOOLEAN:
        return _boolean(value)
    if shape in _MOMENTS:
        return _moment(value, shape)
    return _words(value, shape)


def fits(value: Any, shape: Shape) -> bool:
    """Whether `cell` takes the value."""
    try:
        cell(value, shape)
    except UnfitError:
        return False
    return True


def cell_or_null(value: Any, shape: Shape) -> Cell:
    """What `cell` makes of the value, and null where it refuses."""
    try:
        return cell(value, shape)
    except UnfitError:
        return None


def dtype(shape: Shape) -> ExtensionDtype:
    """The pandas dtype of a column: all can hold nulls."""
    return _DTYPES.get(shape, _TEXT)


def infer(values: Sequence[Any]) -> Shape:
    """The narrowest shape that holds all values as they are; `ANYTHING`, and so text, if there is none."""
    present = [value for value in values if value is not None]
    if present and not any(isinstance(value, str) for value in present):
        for shape in (Shape.BOOLEAN, Shape.INTEGER, Shape.NUMBER):
            # 3.0 may stand in a column of integers that a schema asks for, but is no reason to make one.
            unlike = float if shape is Shape.INTEGER else ()
            if all(fits(value, shape) and not isinstance(value, unlike) for value in present):
                return shape
    return Shape.ANYTHING


def _number(value: Any, *, whole: bool) -> float | int | None:
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if not _PLAIN_NUMBER.fullmatch(text):
            raise UnfitError("not a plain number")
        exact = Decimal(text)
    elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnfitError("not a number")
    else:
        exact = Decimal(repr(value))
    if whole:
        if exact != exact.to_integral_value() or not -(2**63) <= exact < 2**63:
            raise UnfitError("not an integer of 64 bits")
        return int(exact)
    # Compared as it will be printed: a number with more digits than a float holds would lose some.
    if not math.isfinite(converted := float(exact)) or Decimal(repr(converted)) != exact:
        raise UnfitError("more digits than a column of numbers holds")
    return converted


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "false", ""):
            return word == "true" if word else None
    if not isinstance(value, bool):
        raise UnfitError("neither true nor false")
    return value


def _moment(value: Any, shape: Shape) -> str | None:
    if not isinstance(value, str):
        raise UnfitError("not a text")
    text = value.strip()
    if not text:
        return None
    if shape is Shape.DATE and not _FULL_DATE.fullmatch(text):
        raise UnfitError("not a full ISO date")  # `fromisoformat` takes 20240131 and 2024-W05-3 as well
    if shape is Shape.DATE_TIME and not _FULL_DATE.fullmatch(text[:10]):
        raise UnfitError("not an ISO date and time")
    try:
        _MOMENTS[shape].fromisoformat(text)
    except ValueError:
        raise UnfitError("not an ISO date or time") from None
    return text


def _words(value: Any, shape: Shape) -> str:
    if shape is Shape.LIST and not isinstance(value, list):
        raise UnfitError("not a list")
    if shape in (Shape.MAP, Shape.OBJECT) and not isinstance(value, dict):
        raise UnfitError("not an object")
    if shape is Shape.STRING and isinstance(value, list | dict):
        raise UnfitError("not a scalar")
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """The text without what no UTF-8 file or database takes: NUL characters and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
