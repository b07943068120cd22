"""A file that a build reads, by its digest: what it is counts, not where it lies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Input:
    """A file that the build reads as ``/in/<name>``."""

    name: str
    path: Path
    sha256: str
    origin: str = ""
    """Where it came from: a URL, or ``file`` for one that was handed in."""

    @classmethod
    def of(cls, path: Path, name: str = "", origin: str = "file") -> Input:
        """The file at ``path``, with its digest as it is now."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(name or path.name, path.resolve(), digest, origin)
