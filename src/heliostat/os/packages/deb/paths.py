"""Paths of a package: where they are on a merged ``/usr``, and which a pattern means."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

_MERGED = re.compile(r"^/(bin|sbin|lib|lib32|lib64|libx32)(?=/|$)")


def merged(path: str) -> str:
    """``/bin/nano`` is ``/usr/bin/nano``: the short names are links."""
    return _MERGED.sub(r"/usr/\1", path)


@lru_cache(maxsize=256)
def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a path matches a pattern (``*`` also matches ``/``) or lies below one."""
    if not patterns:
        return lambda path: False  # noqa: ARG005
    each = (fnmatch.translate(pattern).removesuffix(r"\Z") for pattern in patterns)
    whole = re.compile("(?:" + "|".join(each) + r")(?:/.*)?\Z", re.DOTALL)
    return lambda path: whole.match(path) is not None


def mover(moves: Mapping[str, str]) -> Callable[[str], str]:
    """Where a path goes: ``{}`` in the new one stands for what ``*`` matched in the old."""
    compiled = [
        (re.compile(re.escape(old).replace(r"\*", "(.*)", 1)), new) for old, new in moves.items()
    ]

    def moved(path: str) -> str:
        for pattern, new in compiled:
            match = pattern.fullmatch(path)
            if match:
                return new.replace("{}", match[1] if match.lastindex else "")
        return path

    return moved


def parents(paths: Iterable[str]) -> set[str]:
    """Every folder above any of the paths, the root left out."""
    found: set[str] = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in found:
            found.add(path)
    return found
