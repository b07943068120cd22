"""What a curation did, or would do, and why: one sentence a source."""

from __future__ import annotations

import msgspec


class Promoted(msgspec.Struct, frozen=True, rename="camel"):
    """Packages of one source that went into the repository, or would."""

    source: str
    packages: tuple[str, ...]
    """As ``name old -> new``."""
    origin: str
    why: str
    advisory: str = ""
    cves: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True, rename="camel"):
    """Packages of one source that stay outside, with every reason."""

    source: str
    packages: tuple[str, ...]
    reasons: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """One run; ``generation`` is what clients see after it."""

    repository: str
    promoted: tuple[Promoted, ...] = ()
    held: tuple[Held, ...] = ()
    generation: int | None = None
    planned: bool = False
    """Only looked, without fetching: gates and changelogs come later."""
