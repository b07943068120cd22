"""What the cache keeps as one piece, and which pieces go so that the rest fits.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

GRACE_S = 3600.0
"""A piece used within it never goes: between its making and its use nobody holds its lock."""


@dataclass(frozen=True, slots=True)
class Item:
    """One folder that goes as a whole, or stays."""

    kind: str
    """Of the table in :mod:`heliostat.os.cache.kinds`."""
    name: str
    """What a person calls it, e.g. ``minimal/tree 1f9a24ba``."""
    path: Path
    record: Path
    """The file without which the rest isn't taken for whole; it goes first."""
    lock: Path
    """Held by whoever makes or uses the piece; its time tells when that began."""
    size_bytes: int
    used_at_s: float


def to_go(items: Iterable[Item], limit_bytes: int, now_s: float) -> list[Item]:
    """Those that go, least recently used first, so that the rest takes ``limit_bytes`` at most.

    What was used just now stays, even if it's too much.
    """
    ordered = sorted(items, key=lambda item: (item.used_at_s, str(item.path)))
    excess = sum(item.size_bytes for item in ordered) - limit_bytes
    going = []
    for item in ordered:
        if excess <= 0 or now_s - item.used_at_s < GRACE_S:
            break
        going.append(item)
        excess -= item.size_bytes
    return going
