"""Sentences as OAuth lets them stand in ``error_description`` (RFC 6749, 4.1.2.1).  Pure."""

from __future__ import annotations

_SPELLED = str.maketrans({'"': "'", "\\": "/", "\u2026": "...", "\u2019": "'", "\u2013": "-"})
LONGEST = 500


def described(sentence: str) -> str:
    """``sentence`` in the characters that are allowed: printable ASCII but for two.

    >>> described('There is no client "caf\u00e9\\\\x".')
    "There is no client 'caf?//x'."
    """
    plain = sentence.translate(_SPELLED)[:LONGEST]
    return "".join(each if " " <= each <= "~" else "?" for each in plain)
