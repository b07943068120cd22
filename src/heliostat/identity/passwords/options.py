"""What an operator may set about passwords."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from heliostat.core.settings import bounded

LONGEST_PASSWORD = 4096
"""Characters; no policy allows more."""


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What a password must be (after NIST SP 800-63B: length, not composition)."""

    minimum_length: int = bounded(8, 1, LONGEST_PASSWORD)
    """Characters; below it guessing a stolen hash is cheap."""
    maximum_length: int = bounded(128, 8, LONGEST_PASSWORD)
    """Characters; bounds the work of a hash."""
    blocklist: bool = True
    """Whether the passwords that attackers try first are refused: common ones, walks over the
    keyboard, dates, and the names of the person, the domain and this product."""
    own_words: tuple[str, ...] = ()
    """Further words that are no password, whatever digits and signs surround them."""
    name_inside: bool = False
    """Whether a password may hold the user's name."""
    character_classes: int = bounded(0, 0, 4)
    """Kinds of characters that it must mix (lower, upper, digits, others); none are asked for,
    since length protects better."""
    history: int = bounded(0, 0, 24)
    """Passwords of before that may not come again; 0 remembers none."""
    maximum_age_days: int = bounded(0, 0, 3_650)
    """Days after which a password must be changed at the next sign-in; 0: never, because
    forced changes make passwords worse."""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.character_classes > self.maximum_length:
            yield "character_classes", f"{self.character_classes} don't fit into maximum_length"
        if self.minimum_length > self.maximum_length:
            yield (
                "minimum_length",
                f"{self.minimum_length} is more than maximum_length; the nearest possible value "
                f"is {self.maximum_length}",
            )


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """When guessing stops."""

    failures: int = bounded(5, 1, 1_000)
    """Wrong passwords within ``window_s`` that lock the account."""
    window_s: float = bounded(180.0, 1.0, 86_400.0)
    """Seconds that a wrong password counts."""
    locked_s: float = bounded(300.0, 1.0, 86_400.0)
    """Seconds until the account opens again by itself."""


@dataclass(frozen=True, slots=True)
class HashCost:
    """Argon2id parameters, and how much of them may run at once."""

    memory_kib: int = bounded(19_456, 8, 4 << 20)
    """KiB of memory for one hash (19 MiB, the OWASP minimum for two passes)."""
    passes: int = bounded(2, 1, 100)
    """Iterations over that memory."""
    lanes: int = bounded(1, 1, 64)
    """Threads within one hash."""
    concurrency: int = bounded(2, 1, 64)
    """Hashes computed at once; with ``memory_kib`` this bounds the memory of a login flood."""
    queue: int = bounded(64, 0, 100_000)
    """Sign-ins that may wait for a hash; more are answered TooManyRequests at once."""

    def faults(self) -> Iterator[tuple[str, str]]:
        least_kib = 8 * self.lanes  # RFC 9106, section 3.1
        if self.memory_kib < least_kib:
            yield (
                "memory_kib",
                f"{self.memory_kib} is too little for {self.lanes} lanes; the nearest possible "
                f"value is {least_kib}",
            )
