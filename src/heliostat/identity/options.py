"""What an operator may set about sign-in, with default, unit and reason.

Plain values: the composition root fills them from the server's settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What a password must be (after NIST SP 800-63B: length, not composition)."""

    minimum_length: int = 8
    """Characters; below it guessing a stolen hash is cheap."""
    maximum_length: int = 128
    """Characters; bounds the work of a hash."""


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """When guessing stops."""

    failures: int = 5
    """Wrong passwords within ``window_s`` that lock the account."""
    window_s: float = 180.0
    """Seconds that a wrong password counts."""
    locked_s: float = 300.0
    """Seconds until the account opens again by itself."""


@dataclass(frozen=True, slots=True)
class HashCost:
    """Argon2id parameters, and how much of them may run at once."""

    memory_kib: int = 19_456
    """KiB of memory for one hash (19 MiB, the OWASP minimum for two passes)."""
    passes: int = 2
    """Iterations over that memory."""
    lanes: int = 1
    """Threads within one hash."""
    concurrency: int = 2
    """Hashes computed at once; with ``memory_kib`` this bounds the memory of a login flood."""
    queue: int = 64
    """Sign-ins that may wait for a hash; more are answered TooManyRequests at once."""


@dataclass(frozen=True, slots=True)
class TokenLifetimes:
    """How long tokens live, in seconds."""

    access_s: float = 3_600.0
    """Access and id tokens: one hour. They cannot be called back, so they are short."""
    refresh_s: float = 28_800.0
    """A sign-in, counted from its password: eight hours, however often it is refreshed."""
    assertion_s: float = 120.0
    """Longest life of a service account's signed assertion."""
    tolerance_s: float = 30.0
    """Clock difference between machines that is forgiven."""
    key_rotation_s: float = 30 * 86_400.0
    """Age at which a signing key is replaced by a new one; old tokens still verify."""


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """All of sign-in."""

    domain: str = "heliostat.local"
    """The site's domain, as spelled in group names (``DOMAIN\\name``) and subjects."""
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
        """The ``iss`` of this site's tokens."""
        return f"{self.base_url.rstrip('/')}/openidconnect/{self.domain}"
