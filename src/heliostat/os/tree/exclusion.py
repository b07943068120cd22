"""Which packaged files are left out: patterns of an edition, settled against real file lists.

Pure.  The answer is short, because RPM compares it with every file: a folder of which
nothing stays stands for all that is below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import PurePosixPath


def left_out(patterns: Sequence[str], paths: Iterable[str]) -> tuple[str, ...]:
    """The files and folders of ``paths`` (all of them absolute) that ``patterns`` leave out.

    A pattern means the path itself and all below it; ``*`` stops at ``/``, ``**`` does
    not.  Of the patterns that fit a path the last one counts; ``!`` before it keeps.
    """
    known = frozenset(paths)
    if not patterns:
        return ()
    out = {path for path in known if fits(patterns, path)}
    kept_above = {str(above) for path in known - out for above in PurePosixPath(path).parents}
    whole = {path for path in out if path not in kept_above}
    return tuple(sorted(path for path in whole if not _covered(path, whole)))


def fits(patterns: Sequence[str], path: str) -> bool:
    """Whether the last pattern that says something about ``path`` has no ``!``."""
    for told in reversed(patterns):
        if _expression(told.removeprefix("!")).match(path):
            return not told.startswith("!")
    return False


def _covered(path: str, whole: set[str]) -> bool:
    return any(str(above) in whole for above in PurePosixPath(path).parents)


@cache
def _expression(told: str) -> re.Pattern[str]:
    return re.compile(pattern(told))


def pattern(told: str) -> str:
    """The regular expression of a pattern, to its end."""
    meant = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*|\*|\?)", told.rstrip("/"))
    return "".join(meant.get(part, re.escape(part)) for part in parts) + r"(/.*)?\Z"
