"""When a password has to be changed before it signs anybody in again.  Pure."""

from __future__ import annotations

from heliostat.identity.directory.records import User
from heliostat.identity.passwords.options import PasswordPolicy

DAY_MS = 86_400_000


def is_expired(user: User, now_ms: int, policy: PasswordPolicy) -> bool:
    """Whether the password is older than the policy lets it be."""
    if not policy.maximum_age_days or not user.password_hash:
        return False
    set_ms = user.password_set_ms or user.created_ms
    return now_ms >= set_ms + policy.maximum_age_days * DAY_MS


def must_change(user: User, now_ms: int, policy: PasswordPolicy) -> bool:
    """Whether the person has to choose another one: it has expired, or an administrator said so."""
    return user.must_change or is_expired(user, now_ms, policy)
