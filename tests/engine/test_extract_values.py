"""Values as documents print them: amounts, dates, numbers that name things, currencies, ticks."""

from __future__ import annotations

from datetime import date

import pytest

from engine.extract.currency import currency_of
from engine.extract.dates import dates_in, is_day_first, short_date_in
from engine.extract.ids import ibans_in, numbers_in, tax_number_in, vat_ids_in
from engine.extract.layout import lay_out
from engine.extract.money import DecimalMark, amounts_in, decimal_mark
from engine.extract.values import Manner, boolean, choice, time
from tests.printed import printed

MANNER = Manner(day_first=True, mark=".", by_ocr=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,56 €", 1234.56),
        ("1,234.56", 1234.56),
        ("1 234,56", 1234.56),
        ("CHF 1'234.50", 1234.5),
        ("CHF 1’234.50", 1234.5),
        ("-7,67", -7.67),
        ("5.00-", -5.0),
        ("(5.00)", -5.0),
        ("-$5.00", -5.0),
        ("250.00 DR", -250.0),
        ("RM12.90", 12.9),
        ("0,052", 0.052),
        ("7.50SR", 7.5),
        (".90", 0.9),
        ("$5,000", 5000.0),
        ("1.234.567", 1234567.0),
    ],
)
def test_amounts_are_read_as_printed(text: str, value: float) -> None:
    """Marks for thousands and cents, signs, currencies and tax codes of several countries."""
    assert [amount.value for amount in amounts_in(text)] == [value]


@pytest.mark.parametrize("text", ["580ml", "12/03/2026", "12.03.2026", "INV-100", "A12.50", "10.0.0.1"])
def test_measures_dates_and_codes_are_no_amounts(text: str) -> None:
    """Digits within something longer are not money."""
    assert list(amounts_in(text)) == []


@pytest.mark.parametrize(("mark", "value"), [(".", 1234.0), (",", 1.234)])
def test_three_digits_behind_a_comma_follow_the_document(mark: DecimalMark, value: float) -> None:
    """`1,234` is thousands where cents stand behind points, and three decimals where they stand behind commas."""
    assert next(amounts_in("1,234", mark)).value == value


def test_most_cents_tell_the_decimal_mark() -> None:
    """The mark before two last digits is the document's; a date's points do not count."""
    assert decimal_mark("12.03.2026 netto 10,00 brutto 11,90") == ","
    assert decimal_mark("no cents at all: 12") is None


def test_percentages_are_marked() -> None:
    """A rate is told from an amount."""
    assert [(amount.value, amount.percent) for amount in amounts_in("19 % 38.00")] == [(19.0, True), (38.0, False)]


@pytest.mark.parametrize(("text", "value"), [("l8.9O", 18.9), ("18. 90", 18.9), ("18 .90", 18.9)])
def test_slips_of_ocr_in_amounts_are_mended(text: str, value: float) -> None:
    """Letters that look like digits, and spaces around the point, are OCR's; in a PDF's own text they stay."""
    assert next(amounts_in(text, by_ocr=True)).value == value
    assert all(amount.value != value for amount in amounts_in(text))


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-05",
        "05.03.2026",
        "5/3/2026",
        "05-03-26",
        "5 March 2026",
        "March 5th, 2026",
        "5. März 2026",
        "5 mars 2026",
        "le 5 mars 2026",
        "5 de marzo de 2026",
        "5 marzo 2026",
        "5 maart 2026",
        "5 de março de 2026",
        "05-MAR-2026",
        "5MAR26",
        "05/03/2026 17:20",
        "05/03/202617:20",
    ],
)
def test_dates_are_read_in_our_languages(text: str) -> None:
    """Numbers, names of months and their short forms, with a time behind them or not."""
    assert [found.value for found in dates_in(text, day_first=True)] == [date(2026, 3, 5)]


@pytest.mark.parametrize("text", ["31.02.2026", "99/99/9999", "Tel 03-7845 8155", "12 items 20", "201/113/40209"])
def test_what_is_no_day_is_no_date(text: str) -> None:
    """Days that do not exist, telephone and tax numbers."""
    assert list(dates_in(text, day_first=True)) == []


def test_day_and_month_are_told_apart_by_the_documents_other_dates() -> None:
    """One date with a day above twelve settles the order for all."""
    assert not is_day_first(lay_out(printed("Date 03/04/2026    Due 03/25/2026")))
    assert is_day_first(lay_out(printed("Date 03/04/2026    Due 25/03/2026")))


def test_without_other_dates_the_country_decides() -> None:
    """American paper and dollars put the month first; points between the numbers put the day first."""
    american = printed("Date 03/04/2026    Total $12.00", size=(612.0, 792.0))
    assert not is_day_first(lay_out(american))
    assert is_day_first(lay_out(printed("Date 03/04/2026    Total $12.00")))
    assert is_day_first(lay_out(printed("Date 03.04.2026    Total $12.00", size=(612.0, 792.0))))


@pytest.mark.parametrize("text", ["02.01.", "02/01", "2 Jan"])
def test_a_date_without_its_year_takes_the_given_one(text: str) -> None:
    """Rows of statements have the day and the month only."""
    assert short_date_in(text, 2026, day_first=True) == date(2026, 1, 2)


def test_an_iban_ends_where_its_check_digits_hold() -> None:
    """Words behind a printed IBAN are not taken along."""
    assert list(ibans_in("IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFF")) == [("DE89370400440532013000", True)]


def test_an_iban_with_wrong_check_digits_is_marked() -> None:
    """It is read as printed, and said not to hold."""
    assert list(ibans_in("DE88 3704 0044 0532 0130 00")) == [("DE88370400440532013000", False)]


def test_vat_ids_are_found_without_their_spaces() -> None:
    """In electronic form, with whether the country's check digits are right."""
    assert list(vat_ids_in("TVA: FR 09 987 000 122 - SIRET")) == [("FR09987000122", True)]
    assert list(vat_ids_in("ELASTIC COMPUTE")) == []


def test_tax_numbers_without_letters_are_taken_behind_a_label() -> None:
    """At least seven characters, most of them digits."""
    assert tax_number_in("201/113/40209") == "201/113/40209"
    assert tax_number_in("12,50") is None


def test_document_numbers_are_words_with_digits() -> None:
    """No dates, times or amounts; groups of digits are one number."""
    assert next(numbers_in("RE-2026/0815 vom 03.04.2026")) == "RE-2026/0815"
    assert list(numbers_in("4711 0815 00")) == ["4711 0815 00"]
    assert list(numbers_in("12:30 03.04.2026 12,50")) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Total EUR 12.00", "EUR"),
        ("£3.00", "GBP"),
        ("$3.00 all amounts in CAD", "CAD"),
        ("RM 3.00", "MYR"),
        ("12,00", None),
        ("$ 1.00 € 2.00", None),
    ],
)
def test_the_currency_named_most_is_the_documents(text: str, code: str | None) -> None:
    """A plain dollar is the one named elsewhere; a tie is not decided."""
    assert currency_of(text) == code


@pytest.mark.parametrize(
    ("text", "value"), [("[x]", True), ("[ ]", False), ("☒", True), ("oui", True), ("Nein", False)]
)
def test_ticks_and_words_are_read_as_yes_or_no(text: str, value: bool) -> None:
    """Boxes drawn with characters, and yes and no in our languages."""
    assert [found for found, _ in boolean(text, MANNER)] == [value]


@pytest.mark.parametrize(("text", "value"), [("05:02PM", "17:02"), ("12:15 AM", "00:15"), ("8:05:59", "08:05")])
def test_times_are_read_on_24_hours(text: str, value: str) -> None:
    """Seconds are dropped."""
    assert next(time(text, MANNER))[0] == value


def test_a_choice_is_the_allowed_value_that_the_text_begins_with() -> None:
    """What stands behind it does not matter."""
    assert [value for value, _ in choice("DAP Jork", {"EXW": ("EXW",), "DAP": ("DAP",)})] == ["DAP"]
