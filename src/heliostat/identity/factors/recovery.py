"""Recovery codes: for who has lost the phone.  Pure, but for the randomness that is handed in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

HOW_MANY = 10
_LETTERS = 10


def new_codes(secret: Callable[[], str]) -> tuple[str, ...]:
    """Fresh codes as people read them, ``abcde-fghij``: 50 bits each."""
    return tuple(_code(secret()) for _ in range(HOW_MANY))


def plain(code: str) -> str:
    """A code as typed, in the one spelling that is compared."""
    return "".join(each for each in code.casefold() if each.isalnum())


def looks_like_one(code: str) -> bool:
    """Whether it can be a recovery code rather than an app's digits."""
    return len(plain(code)) == _LETTERS


def _code(random: str) -> str:
    letters = base64.b32encode(hashlib.sha256(random.encode()).digest()).decode().casefold()
    return f"{letters[:5]}-{letters[5:_LETTERS]}"
