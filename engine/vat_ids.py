"""The check digits of VAT ids, by the rule of the country whose letters they begin with."""

from __future__ import annotations

from stdnum import get_cc_module
from stdnum.ch import uid
from stdnum.eu import vat as eu_vat
from stdnum.no import orgnr


def vat_id_holds(number: str) -> bool | None:
    """Whether a VAT id has its country's form and its check digits are right; None for countries without a rule.

    Switzerland's and Norway's are the number of the enterprise, which ends in MWST, TVA, IVA or MVA where it is printed
    in full; the digits are the same and as good without.
    """
    if eu_vat.is_valid(number) or uid.is_valid(number):
        return True
    if number.startswith("NO") and orgnr.is_valid(number[2:]):
        return True
    country = number[:2]
    module = get_cc_module(country.lower(), "vat") if country.isalpha() else None
    return bool(module.is_valid(number)) if module else None
