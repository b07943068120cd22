"""Paths named by patterns: ``*`` and ``?`` stay within one folder, ``**`` crosses folders."""

from __future__ import annotations

import re
from functools import cache

VOLATILE = ("/proc", "/sys", "/dev", "/run")
"""Folders of what is only there while a system runs."""

_TRANSLATED = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")


def matches(path: str, pattern: str) -> bool:
    """Whether the whole of ``path`` is what ``pattern`` describes."""
    return _compiled(pattern).fullmatch(path) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    tokens = _TOKEN.findall(pattern)
    return re.compile("".join(_TRANSLATED.get(token) or re.escape(token) for token in tokens))
