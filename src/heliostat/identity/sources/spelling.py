"""Names with the domain that they say: ``alice``, ``alice@corp.example``, ``CORP\\alice``."""

from __future__ import annotations

from typing import NamedTuple


class Spelled(NamedTuple):
    """A name; ``domain`` is empty where none is said, ``is_principal``: it stood behind an @."""

    bare: str
    domain: str
    is_principal: bool


def spelled(text: str) -> Spelled:
    """What ``text`` says.

    >>> spelled("CORP\\\\alice")
    Spelled(bare='alice', domain='CORP', is_principal=False)
    """
    if "\\" in text:
        domain, _, bare = text.partition("\\")
        return Spelled(bare, domain, False)
    if "@" in text:
        bare, _, domain = text.rpartition("@")
        return Spelled(bare, domain, True)
    return Spelled(text, "", False)
