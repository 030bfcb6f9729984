"""Telling names of companies and people from addresses, contacts and headings."""

from __future__ import annotations

import re

from engine.extract.text import Token, key_of, tidy, tokens_of
from engine.extract.words import words

_MOST_TOKENS = 5  # of a legal form: `GmbH & Co. KG`, `S. à r. l.`
_POSTCODE = re.compile(
    r"(?<![\w./&-])(?<!lot )(?<!no )(?<!no\. )(?<!box )(?:[A-Z]{1,2}-)?\d{4,6}(?:-\d{3,4})?(?: ?[A-Z]{2})?"
    r"(?=$|[\s,.)]|[A-ZÄÖÜ][a-zäöü])"
    r"|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]\d[\dW] ?[A-Z0-9]{4}\b",  # British, Irish
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"@|www\.|https?:|\.(?:com|de|fr|org|net|co\.uk|nl|it|es|pt|eu)\b"
    r"|\b(?:tel|te1|phone|telephone|telefon|fon|fax|telefax|mobile|mobil|hotline|h/p|hp|téléphone|tél|teléfono|telefono"
    r"|telefoon|e-?mail|whatsapp)\b"
    r"|^\+?\(?\d[\d\s()/.-]{6,}$",
    re.IGNORECASE,
)
_REGISTRATION = re.compile(
    r"\s*[(\[]\s*(?:co\.?\s*(?:reg\.?)?\s*(?:no\.?)?\s*[.:]?\s*)?(?=[^)]*\d)[A-Z]{0,3}[\d\s-]{4,}[-\s]?[A-Z0-9]{0,2}\s*[)\]]?\s*$"
    r"|\s+\d{5,}-[A-Z]$",
    re.IGNORECASE,
)
_BEFORE_NAME = re.compile(
    r"^(?:messrs|m/s|attn|att|z\.\s?hd\.?|spett\.?(?:le)?|exmo\.?\(?s?\)?)\b[.:]?\s*", re.IGNORECASE
)
_HOUSE_FIRST = re.compile(r"^\d{1,5}[a-zA-Z]?,?\s+(?!x\b)[^\W\d]{3,}")
_HOUSE_LAST = re.compile(r"^(?:[^\W\d_]{2} )?[^\W\d_]{3,}[\w .'-]*\s\d{1,4}\s?[a-z]?$")  # `Am Hang 7` too
_NUMBERED = re.compile(r"no\.?:?\s?\d", re.IGNORECASE)
_CODE_FIRST = re.compile(r"[A-Z]{0,2}\d[\w-]*,")
_SHORT_HEADING = 5
_LONGEST_NAME, _MOST_WORDS = 80, 10


def has_legal_form(text: str) -> bool:
    """Whether a text has a company's legal form behind a name, such as GmbH, Ltd or S.A."""
    return any(at > 0 for at, _ in _legal_forms(text))


def ends_with_legal_form(text: str) -> bool:
    """Whether a text ends the way company names do."""
    return any(at > 0 and to == len(tokens_of(text)) for at, to in _legal_forms(text))


def only_legal_form(text: str) -> bool:
    """Whether a line is the end of a company's name that began on the line before (`Sdn Bhd`, `CO. (M) SDN BHD`)."""
    plain = re.sub(r"\([^)]{0,4}\)", " ", text)
    rest = tokens_of(plain)
    taken = {at for begin, end in _legal_forms(plain) for at in range(begin, end)}
    return bool(taken) and all(at in taken or len(token.key) < 2 for at, token in enumerate(rest))


def _legal_forms(text: str) -> list[tuple[int, int]]:
    """Where legal forms stand, as first token and the one behind the last.

    Some forms are words too (`Co`, `SA`): they count in capitals, with points, or behind another form.
    """
    tokens = tokens_of(text)
    found = []
    for at in range(len(tokens)):
        for to in range(min(at + _MOST_TOKENS, len(tokens)), at, -1):
            key = "".join(token.key for token in tokens[at:to])
            if key in words("legal_forms") and _is_form(text, tokens[at:to], key):
                found.append((at, to))
                break
    return found


def _is_form(text: str, tokens: list[Token], key: str) -> bool:
    printed = text[tokens[0].start : tokens[-1].end + 1]
    if key not in words("legal_forms_that_are_words"):
        return len(tokens) == 1 or len(printed) <= len(key) + 2 * len(tokens)
    return printed.rstrip(" ,").isupper() or "." in printed or (len(key) >= len("company") and printed[0].isupper())


def is_heading(text: str) -> bool:
    """Whether a text is what kind of document this is, or a greeting, and no name."""
    first = tokens_of(text)[:1]
    return key_of(text) in words("headings") or bool(first and first[0].key in words("greetings"))


def is_contact(text: str) -> bool:
    """Whether a text is a telephone number, an e-mail address or a web site."""
    return bool(_CONTACT.search(text))


def is_street(text: str) -> bool:
    """Whether a line names a street, with a number or without."""
    if is_contact(text):
        return False
    keys = [token.key for token in tokens_of(text)]
    return any(key in words("streets") or key.endswith(tuple(words("street_endings"))) for key in keys)


def is_address(text: str) -> bool:
    """Whether a text looks like a line of a postal address."""
    if is_contact(text):
        return False
    if is_street(text) and re.search(r"\d", text):
        return True
    if has_postcode(text) and re.search(r"[^\W\d]{3}", text):
        return True
    if key_of(text) in words("countries") or _NUMBERED.match(text):
        return True
    return bool(_HOUSE_FIRST.match(text) or _HOUSE_LAST.match(text))


def has_postcode(text: str) -> bool:
    """Whether a text has what may be a postcode."""
    return bool(_POSTCODE.search(text))


def is_name(text: str) -> bool:
    """Whether a text may be the name of a company or a person."""
    if re.fullmatch(r"\(.*\)", text) or _CODE_FIRST.match(text):
        return False
    letters = sum(char.isalpha() for char in text)
    digits = sum(char.isdigit() for char in text)
    if letters < 3 or digits > 0.4 * letters or len(text) > _LONGEST_NAME or len(text.split()) > _MOST_WORDS:
        return False
    if is_heading(text) or is_contact(text):
        return False
    return not is_address(text) or has_legal_form(text)


def is_bank(text: str) -> bool:
    """Whether a name is a bank's."""
    key = key_of(text)
    return any(word in key for word in words("bank_words"))


def is_salutation(text: str) -> bool:
    """Whether a line is the form of address above a name, and no name."""
    return key_of(text) in words("salutations")


def clean_name(text: str) -> str:
    """A name without registration numbers and what else stands around it on its line."""
    text = _BEFORE_NAME.sub("", _REGISTRATION.sub("", tidy(text)))
    text = tidy(re.sub(r"\s*[(\[]$", "", text)).strip("\"'“”„`").rstrip(",")
    text = re.sub(r"^[^\w(]+", "", text)
    *before, last = text.split(" ") if " " in text else ["", text]
    if (
        any(before)
        and not is_heading(text)
        and key_of(last) in words("headings")
        and len(key_of(last)) > _SHORT_HEADING
    ):
        text = " ".join(before)  # a name and a title in one line
    half = text[: len(text) // 2].strip()
    return half if half and f"{half} {half}" == text else text  # a logo and the name beside it


def address_of(lines: list[str]) -> str | None:
    """The lines of an address on one line, with commas between them."""
    parts = [tidy(line).strip(",. ") for line in lines]
    return ", ".join(part for part in parts if part) or None
