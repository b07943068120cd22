"""Identifiers and the randomness behind them, as a seam.

Ids are UUID strings on the wire; opaque everywhere else.
"""

from __future__ import annotations

import os
import random
import secrets
import uuid
from typing import Protocol


class Ids(Protocol):
    """A source of identifiers and secrets."""

    def new_id(self) -> str:
        """A fresh UUID in its 36-character form."""

    def secret(self, size_bytes: int = 24) -> str:
        """URL-safe text carrying ``size_bytes`` of randomness."""


DRAWN = 256
"""Identifiers drawn at once: asking the system for each takes longer than making it."""


class SystemIds:
    """Identifiers from the operating system's randomness, drawn ahead; secrets are never."""

    def __init__(self) -> None:
        self._drawn: list[str] = []

    def new_id(self) -> str:
        # A UUID of version 4 (RFC 9562, 5.4), as ``uuid.uuid4`` makes it in four times the time:
        # each request has one.
        try:
            text = self._drawn.pop()  # one step, so that no two threads get the same
        except IndexError:
            drawn = os.urandom(16 * DRAWN).hex()
            text, *self._drawn = (drawn[at : at + 32] for at in range(0, len(drawn), 32))
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

    def secret(self, size_bytes: int = 24) -> str:
        return secrets.token_urlsafe(size_bytes)


class SeededIds:
    """The same identifiers for the same seed: for the simulator and for tests."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, on purpose

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def secret(self, size_bytes: int = 24) -> str:
        return self._random.randbytes(size_bytes).hex()
