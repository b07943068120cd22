"""OpenPGP's outer forms: what was written is read, and damage is a sentence."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.openpgp import PUBLIC_KEY, SIGNATURE, armored, dearmored, packets

BEGIN = b"-----BEGIN PGP SIGNATURE-----\n"
END = b"-----END PGP SIGNATURE-----\n"


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=3))
def test_text_becomes_what_it_was_made_of(blocks: list[bytes]) -> None:
    text = b"words\n".join(armored(SIGNATURE, each) for each in blocks)
    assert dearmored(SIGNATURE, text) == blocks
    assert dearmored(SIGNATURE, text.replace(b"\n", b"\r\n")) == blocks


@given(st.binary(max_size=40))
def test_any_bytes_are_packets_or_a_sentence(data: bytes) -> None:
    """A key file that a portal or a full disk has cut is told, whatever is left of it."""
    for read in (lambda: list(packets(data)), lambda: dearmored(PUBLIC_KEY, data)):
        with suppress(ValueError):
            read()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"<html>", "There is no PGP SIGNATURE"),
        (BEGIN + b"\nAAAA\n", "cut off"),
        (BEGIN + b"\nA!AA\n" + END, "not base64"),
        (BEGIN + b"Version: 1\n\nAAAA\n=AAAA\n" + END, "checksum is wrong"),
    ],
)
def test_damage_is_told(text: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        dearmored(SIGNATURE, text)


@pytest.mark.parametrize("data", [b"\xc6", b"\xc6\xc0", b"\xc6\xff\0", b"\x9b", b"\xc6\xe0a", b"a"])
def test_packets_that_end_too_early_are_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="OpenPGP"):
        list(packets(data))
