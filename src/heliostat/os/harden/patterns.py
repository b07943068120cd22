"""Paths named by patterns: ``*`` and ``?`` stay within one folder, ``**`` crosses folders."""

from __future__ import annotations

import re
from functools import cache

_TRANSLATED = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")


def matches(path: str, pattern: str) -> bool:
    """Whether the whole of ``path`` is what ``pattern`` describes."""
    return _compiled(pattern).fullmatch(path) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    tokens = _TOKEN.findall(pattern)
    return re.compile("".join(_TRANSLATED.get(token) or re.escape(token) for token in tokens))
