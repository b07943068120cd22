"""A file that a build reads, by its digest: what it is counts, not where it lies."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+~^:@%=-]*")


def plain(name: str, whose: str) -> str:
    """The name, if it is one that can only name a file in its folder.

    Names come from sources of strangers, and become paths here and words of a shell there.
    Raises ``InvalidSetting``; ``whose`` begins the sentence.
    """
    if not _PLAIN.fullmatch(name):
        raise HeliostatError(
            "InvalidSetting",
            f"{whose} {name!r:.200} can't be a file's name in a build.",
            hint="Letters, digits and . _ + ~ ^ : @ % = - may be in it; it can't begin with a dot.",
        )
    return name


@dataclass(frozen=True, slots=True)
class Input:
    """A file that the build reads as ``/in/<name>``; the name is a plain one."""

    name: str
    path: Path
    sha256: str
    origin: str = ""
    """Where it came from: a URL, or ``file`` for one that was handed in."""

    def __post_init__(self) -> None:
        plain(self.name, "The input")

    @classmethod
    def of(cls, path: Path, name: str = "", origin: str = "file") -> Input:
        """The file at ``path``, with its digest as it is now."""
        plain(name or path.name, "The input")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(name or path.name, path.resolve(), digest, origin)
