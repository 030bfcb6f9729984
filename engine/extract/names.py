"""Telling names of companies and people from addresses, contacts and headings."""

from __future__ import annotations

import re

from engine.extract.text import fold, key_of, tidy

# Legal forms, as they end (or, rarely, begin) a company's name.
_FORMS = (
    r"gmbh(?:\s?&\s?co\.?\s?kg)?|ag|kg|ohg|gbr|ug(?:\s?\(haftungsbeschränkt\))?|e\.?\s?k\.?|e\.\s?v\.?|a\.\s?g\.|se"
    r"|ltd|limited|llc|l\.l\.c\.|llp|plc|inc|incorporated|corp|corporation|co|company|lp|pte\.?\s?ltd|pty\.?\s?ltd|pvt\.?\s?ltd"
    r"|sdn\.?\s?bhd|bhd|s\.?a\.?|s\.?a\.?s\.?|sarl|s\.?à\.?r\.?l\.?|eurl|sasu|sas|snc|s\.?l\.?u?\.?|s\.?r\.?l\.?s?|s\.?p\.?a\.?"
    r"|b\.?\s?v\.?|n\.?\s?v\.?|v\.?o\.?f\.?|lda|ltda|unipessoal|oy|ab|a/s|aps|as|sp\.?\s?z\.?\s?o\.?\s?o\.?|k\.?k\.?|enterprise|enterprises"
)
_WITH_FORM = re.compile(rf"(?<![\w.])(?:{_FORMS})\.?(?=$|[\s,)(/–-])", re.IGNORECASE)
_ENDS_WITH_FORM = re.compile(rf"(?<![\w.])(?:{_FORMS})\.?\s*(?:\([^)]*\)?|\d[\d-]*(?:-?[A-Z])?)?\s*[.,]?$", re.IGNORECASE)
# These end names of companies, but are words of their own too: in capitals, or behind a point, only.
_WORDS_TOO = frozenset({"co", "se", "as", "sa", "ag", "company", "ab", "ug"})

_STREET = re.compile(
    r"\b(?:street|st|road|rd|avenue|ave|av|lane|ln|drive|dr|boulevard|blvd|way|court|square|suite|ste|floor|flr|unit|block|blk|lot|building|bldg"
    r"|p\.?\s?o\.?\s?box|highway|hwy|plaza|park|jalan|jln|jl|lorong|taman|tmn|kampung|bandar|seksyen|kawasan|rue|chemin|allée|place|impasse|quai|route|zac|bp"
    r"|calle|c/|avda|avenida|plaza|paseo|carrer|via|viale|corso|piazza|vicolo|rua|travessa|largo|praça|estrada|straat|laan|plein|weg|gracht"
    r"|gasse|platz|allee|ring|damm|postfach|ufer)\b\.?|(?:straße|strasse|str\.|gasse|platz|weg|allee|straat|laan|plein|gracht|singel|kade)\b",
    re.IGNORECASE,
)
_POSTCODE = re.compile(
    r"(?<![\w./&-])(?<!lot )(?<!no )(?<!no\. )(?<!box )(?:[A-Z]{1,2}-)?\d{4,6}(?:-\d{3,4})?(?: ?[A-Z]{2})?(?=$|[\s,.)]|[A-ZÄÖÜ][a-zäöü])"
    r"|\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]\d[\dW] ?[A-Z0-9]{4}\b",  # British, Irish
    re.IGNORECASE,
)
_HOUSE_NUMBER = re.compile(r"(?:^|\s)(?:no\.?:?\s?)?\d{1,5}\s?[a-zA-Z]?(?:[-/]\d+)?(?=$|[\s,])", re.IGNORECASE)
_CONTACT = re.compile(
    r"@|www\.|https?:|\.(?:com|de|fr|org|net|co\.uk|nl|it|es|pt|eu)\b"
    r"|\b(?:tel|te1|phone|telephone|telefon|fon|fax|telefax|mobile|mobil|hotline|h/p|hp|téléphone|tél|teléfono|telefono|telefoon|e-?mail|whatsapp)\b"
    r"|^\+?\(?\d[\d\s()/.-]{6,}$",
    re.IGNORECASE,
)
_REGISTRATION = re.compile(
    r"\s*[(\[]\s*(?:co\.?\s*(?:reg\.?)?\s*(?:no\.?)?\s*[.:]?\s*)?(?=[^)]*\d)[A-Z]{0,3}[\d\s-]{4,}[-\s]?[A-Z0-9]{0,2}\s*[)\]]?\s*$"
    r"|\s+\d{5,}-[A-Z]$",
    re.IGNORECASE,
)
_HEADING = frozenset(
    key_of(text)
    for text in ["invoice", " tax invoice", " simplified tax invoice", " receipt", " cash receipt", " sales receipt", " official receipt", " cash bill", " bill", " order", " purchase order", " credit note", " statement", " bank statement", " account statement", " original", " copy", " duplicate", " reprint", " page", " welcome", " welcome to", " thank you", " payment receipt", " cash sales", " cash sale", " posted", " paid", " project statement", " date", " proforma invoice", " quotation", " packing slip", " rechnung", " quittung", " bestellung", " auftrag", " gutschrift", " kopie", " seite", " kassenbon", " kontoauszug", " factura", " factura simplificada", " recibo", " pedido", " ticket", " extracto", " facture", " avoir", " reçu", " bon de commande", " relevé de compte", " fattura", " ricevuta", " scontrino", " ordine", " documento commerciale", " estratto conto", " factuur", " bon", " kassabon", " bestelbon", " fatura", " nota de encomenda", " fatura recibo", " extrato"]
)
_COUNTRY = frozenset(
    ["germany", "deutschland", "france", "frankreich", "spain", "espana", "españa", "italy", "italia", "italien", "netherlands", "nederland", "portugal", "austria", "osterreich", "schweiz", "switzerland", "suisse", "uk", "unitedkingdom", "usa", "unitedstates", "malaysia", "belgium", "belgie", "belgique", "luxembourg", "polska", "poland", "de", "fr", "es", "it", "nl", "pt", "us", "gb"]
)


_BANK = re.compile(r"bank\b|\bbanco\b|\bbanca\b|\bbanque\b|kasse\b|\bcaixa|\bcaja\b|\bcrédit\b|credit union|building society|\bcassa\b", re.IGNORECASE)
_SALUTATIONS = frozenset(
    ["herr", "herrn", "frau", "firma", "fa", "mr", "mrs", "ms", "miss", "dr", "sr", "sra", "senor", "senora", "monsieur", "madame", "mme", "m", "signor", "signora", "spettle", "spettabile", "heer", "mevrouw", "an", "to"]
)


def has_legal_form(text: str) -> bool:
    """Whether a text has a company's legal form in it, such as GmbH, Ltd or S.A."""
    for match in _WITH_FORM.finditer(text):
        form = re.sub(r"[^a-z]", "", match.group().lower())
        shouted = match.group().rstrip(".").isupper() or match.group().endswith(".")
        if match.start() == 0 and match.end() >= len(text.rstrip()):
            return True
        if match.start() > 0 and (form not in _WORDS_TOO or shouted):
            return True
    return False


def ends_with_legal_form(text: str) -> bool:
    """Whether a text ends the way company names do, a registration number aside."""
    return bool(_ENDS_WITH_FORM.search(text)) and has_legal_form(text)


def only_legal_form(text: str) -> bool:
    """Whether a line is the end of a company's name that began on the line before (`Sdn Bhd`, `CO. (M) SDN BHD`)."""
    rest = re.sub(r"\([^)]{0,4}\)", " ", text)
    rest = _WITH_FORM.sub(" ", rest)
    return has_legal_form(text) and not re.search(r"\w{2,}", rest)


def is_heading(text: str) -> bool:
    """Whether a text is what kind of document this is, or a greeting, and no name."""
    key = key_of(re.sub(r"[^\w\s]", " ", text))
    return key in _HEADING or fold(text).startswith(("welcome ", "thank you", "your "))


def is_contact(text: str) -> bool:
    """Whether a text is a telephone number, an e-mail address or a web site."""
    return bool(_CONTACT.search(text))


def is_address(text: str) -> bool:
    """Whether a text looks like a line of a postal address."""
    if is_contact(text):
        return False
    street = bool(_STREET.search(text))
    numbered = bool(_HOUSE_NUMBER.search(text)) or bool(re.search(r"\d", text))
    if (street and numbered) or (_POSTCODE.search(text) and re.search(r"[^\W\d]{3}", text)):
        return True
    if key_of(text) in _COUNTRY or re.match(r"no\.?:?\s?\d", text, re.IGNORECASE):
        return True
    return bool(re.match(r"^[^\W\d_]{3,}[\w .'-]*\s\d{1,4}\s?[a-z]?$", text)) or bool(
        re.match(r"^\d{1,5}[a-zA-Z]?,?\s+(?!x\b)[^\W\d]{3,}", text)
    )


def is_street(text: str) -> bool:
    """Whether a line names a street, a number or not."""
    return bool(_STREET.search(text)) and not is_contact(text)


def has_postcode(text: str) -> bool:
    return bool(_POSTCODE.search(text))


def is_name(text: str) -> bool:
    """Whether a text may be the name of a company or a person."""
    if re.fullmatch(r"\(.*\)", text) or re.match(r"[A-Z]{0,2}\d[\w-]*,", text):
        return False
    letters = sum(char.isalpha() for char in text)
    digits = sum(char.isdigit() for char in text)
    if letters < 3 or digits > 0.4 * letters or len(text) > 80 or len(text.split()) > 10:
        return False
    if is_heading(text) or is_contact(text):
        return False
    return not is_address(text) or has_legal_form(text)


def clean_name(text: str) -> str:
    """A name without registration numbers and what else stands around it on its line."""
    text = _REGISTRATION.sub("", tidy(text))
    text = re.sub(r"^(?:messrs|m/s|attn|att|z\.\s?hd\.?|spett\.?(?:le)?|exmo\.?\(?s?\)?)\b[.:]?\s*", "", text, flags=re.IGNORECASE)
    return tidy(re.sub(r"\s*[(\[]$", "", text)).strip("\"'“”„`").rstrip(",")


def is_bank(text: str) -> bool:
    """Whether a name is a bank's."""
    return bool(_BANK.search(text))


def is_salutation(text: str) -> bool:
    """Whether a line is the form of address above a name, and no name."""
    return key_of(text) in _SALUTATIONS


def address_of(lines: list[str]) -> str | None:
    """The lines of an address on one line, with commas between them."""
    parts = [tidy(line).strip(",. ") for line in lines]
    return ", ".join(part for part in parts if part) or None
