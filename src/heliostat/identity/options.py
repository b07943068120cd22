"""What an operator may set about sign-in, with default, unit and reason.

Plain values: the composition root fills them from the server's settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

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

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.minimum_length > self.maximum_length:
            yield (
                "minimum_length",
                f"{self.minimum_length} is more than maximum_length; the nearest possible value "
                f"is {self.maximum_length}",
            )


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """When guessing stops."""

    failures: int = bounded(5, 1)
    """Wrong passwords within ``window_s`` that lock the account."""
    window_s: float = bounded(180.0, 1.0)
    """Seconds that a wrong password counts."""
    locked_s: float = bounded(300.0, 1.0)
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


@dataclass(frozen=True, slots=True)
class TokenLifetimes:
    """How long tokens live, in seconds."""

    access_s: float = bounded(3_600.0, 60.0)
    """Access and id tokens: one hour. They cannot be called back, so they are short."""
    refresh_s: float = bounded(28_800.0, 60.0)
    """A sign-in, counted from its password: eight hours, however often it is refreshed."""
    code_s: float = bounded(60.0, 1.0, 600.0)
    """An authorization code, from the browser's redirect to its use."""
    browser_s: float = bounded(28_800.0, 60.0)
    """A browser's sign-in, counted from the password."""
    assertion_s: float = bounded(120.0, 1.0)
    """Longest life of a service account's signed assertion."""
    tolerance_s: float = bounded(30.0, 0.0, 3_600.0)
    """Clock difference between machines that is forgiven."""
    key_rotation_s: float = bounded(30 * 86_400.0, 3_600.0)
    """Age at which a signing key is replaced by a new one; old tokens still verify."""


SYSTEM_TENANT = "system"
"""Id of the tenant that every site has; its administrators administer the site."""


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """All of sign-in, for one tenant."""

    domain: str = "heliostat.local"
    """The tenant's domain, as spelled in group names (``DOMAIN\\name``) and subjects."""
    tenant: str = SYSTEM_TENANT
    """The tenant's id, under which its documents lie; it never changes."""
    base_url: str = "https://localhost:9000"
    """Where clients reach the token endpoint; it is in every token's issuer."""
    other_urls: tuple[str, ...] = ()
    """Further addresses of the site; a service account may name any of them as audience."""
    passwords: PasswordPolicy = field(default_factory=PasswordPolicy)
    """What a password must be."""
    lockout: LockoutPolicy = field(default_factory=LockoutPolicy)
    """When guessing stops."""
    hashing: HashCost = field(default_factory=HashCost)
    """What a hash costs."""
    lifetimes: TokenLifetimes = field(default_factory=TokenLifetimes)
    """How long tokens live."""

    @property
    def issuer(self) -> str:
        """The ``iss`` of this tenant's tokens."""
        return f"{self.base_url.rstrip('/')}/openidconnect/{self.domain}"
