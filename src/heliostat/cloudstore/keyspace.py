"""Keys, key ranges and what a commit may contain; the same for every backend.

Keys sort by code point, which is also the byte order of their UTF-8, so every
backend lists in the same order.  All functions are pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.cloudstore.contract import (
    MAX_CHANGES,
    MAX_COMMIT_BYTES,
    Absent,
    AtRevision,
    Change,
    Guard,
    Put,
    ValueIs,
)
from heliostat.core.errors import PermanentError

LEASES = "/lease/"
MAX_KEY_BYTES = 1024


def prefix_end(prefix: str) -> str:
    """The smallest key after every key that starts with ``prefix``.

    All keys start with ``/``, so the empty prefix ends right after that.
    """
    if not prefix:
        return "0"
    following = ord(prefix[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:
        following = 0xE000  # surrogates are no characters of UTF-8
    if following > 0x10FFFF:
        return prefix_end(prefix[:-1])
    return prefix[:-1] + chr(following)


def check_key(key: str) -> None:
    """Refuse a key that some backend could not hold (``ValueError``: a defect of the caller)."""
    if not key.startswith("/"):
        raise ValueError(f"a key starts with a slash: {key!r}")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"a key has at most {MAX_KEY_BYTES} bytes: {key[:80]!r}…")


def check_changes(changes: Sequence[Change]) -> None:
    """Refuse what no backend takes.

    Raises ``RequestTooLarge`` above the limits of a commit, ``ValueError`` for a
    key that is changed twice (etcd refuses it too, and it hides lost updates) or
    that belongs to a lease (only ``acquire`` and ``release`` write those).
    """
    if len(changes) > MAX_CHANGES:
        raise PermanentError(
            "RequestTooLarge",
            f"A commit of {len(changes)} changes was refused; at most {MAX_CHANGES} are allowed.",
        )
    size = 0
    seen: set[str] = set()
    for change in changes:
        key = change.key
        check_key(key)
        if key in seen:
            raise ValueError(f"{key} is changed twice in one commit")
        if key.startswith(LEASES):
            raise ValueError(f"{key} belongs to a lease; use acquire and release")
        seen.add(key)
        size += len(key.encode()) + (len(change.value) if isinstance(change, Put) else 0)
    if size > MAX_COMMIT_BYTES:
        raise PermanentError(
            "RequestTooLarge",
            f"A commit of {size} bytes was refused; at most {MAX_COMMIT_BYTES} are allowed.",
        )


def check_guards(guards: Sequence[Guard]) -> None:
    """Refuse keys and prefixes that can't be encoded (``ValueError``)."""
    for guard in guards:
        (guard.key if isinstance(guard, AtRevision | Absent | ValueIs) else guard.prefix).encode()
