"""Names of files and objects as keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trayflow.sources.names import original, printable

#: Whatever Python makes of a file's name: any text, and bytes that are no text.
NAMES = st.text(st.characters(exclude_categories=["Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF))


@given(NAMES)
def test_a_key_is_printable_and_leads_back_to_its_name(name: str) -> None:
    """No two names share a key."""
    key = printable(name)
    assert key.isprintable()
    key.encode()
    # Bytes that are no text one by one may be text together, and are then the same name on disk.
    assert original(key) == name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("key", ["%41.pdf", "%zz", "%", "a\nb", "%0a"])
def test_what_is_no_key_of_ours_names_nothing(key: str) -> None:
    """A key that is spelt in another way is no second way to the same file."""
    assert original(key) is None
