"""What a setting should be, as the rules write it.

======================  ==========================================================
``no``, ``"2"``         exactly this (case does not matter)
``<= 5``, ``>= 900``    a number at most, at least this
``1 to 60``             a number from the first to the last, where 0 means "without end"
``mask 027``            an octal mask that takes at least these bits away
``set``, ``unset``      there, with any value; not there
a list                  any of these
======================  ==========================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Wanted = str | tuple[str, ...]
_SPAN = re.compile(r"(\d+) to (\d+)")


def satisfies(found: str | None, wanted: Wanted) -> bool:
    """Whether a value (``None``: not there) is what is wanted."""
    if isinstance(wanted, tuple):
        return any(satisfies(found, each) for each in wanted)
    if wanted in ("set", "unset"):
        return (found is not None) == (wanted == "set")
    if found is None:
        return False
    if (span := _SPAN.fullmatch(wanted)) is not None:
        return all(_within(found, *bound) for bound in ((">=", int(span[1])), ("<=", int(span[2]))))
    kind, _, limit = wanted.partition(" ")
    if kind in ("<=", ">="):
        return _within(found, kind, int(limit))
    if kind == "mask":
        return _masks(found, int(limit, 8))
    return found.strip().lower() == wanted.lower()


def require_sound(values: Iterable[Wanted]) -> None:
    """``ValueError`` for a limit that is no number; for ``__post_init__`` of parameters."""
    for value in values:
        for each in (value,) if isinstance(value, str) else value:
            kind, _, limit = each.partition(" ")
            base = {"<=": 10, ">=": 10, "mask": 8}.get(kind)
            if base is not None:
                _number(limit, base, each)


def told(wanted: Wanted) -> str:
    """For people: ``at most 5``, ``yes or no``."""
    if isinstance(wanted, tuple):
        return " or ".join(told(each) for each in wanted)
    kind, _, limit = wanted.partition(" ")
    words = {"<=": f"at most {limit}", ">=": f"at least {limit}", "mask": f"{limit} or stricter"}
    return words.get(kind, wanted)


def _number(text: str, base: int, whole: str) -> int:
    try:
        return int(text, base)
    except ValueError as error:
        raise ValueError(f"{whole!r} has no number behind its first word") from error


def _within(found: str, kind: str, limit: int) -> bool:
    try:
        number = int(found)
    except ValueError:
        return False
    return number <= limit if kind == "<=" else number >= limit


def _masks(found: str, bits: int) -> bool:
    try:
        return int(found.strip(), 8) & bits == bits
    except ValueError:
        return False
