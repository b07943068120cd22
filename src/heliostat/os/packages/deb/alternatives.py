"""``update-alternatives`` calls in scripts, read as what they are: links with candidates.

In an image nobody chooses among candidates, so each becomes a plain link.  Where several
packages offer the same name, the policy says whose link it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_INSTALL = re.compile(
    r"update-alternatives\s+(?:--(?:quiet|force|verbose)\s+)*--install\s+"
    r"(?P<link>\S+)[ \t]+(?P<name>\S+)[ \t]+(?P<target>\S+)[ \t]+(?P<priority>\S+)"
    r"(?P<rest>[^;&|\n]*)"
)
_FOLLOWER = re.compile(r"--(?:slave|follower)\s+(\S+)\s+\S+\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Alternative:
    """``link`` should lead to ``target``; ``group`` is the link it follows, or itself."""

    link: str
    target: str
    group: str
    priority: int


def alternatives_in(script: str) -> Iterator[Alternative]:
    """Those whose paths are written out; ones made of variables are not guessed."""
    joined = script.replace("\\\n", " ")
    for match in _INSTALL.finditer(joined):
        link, target = _plain(match["link"]), _plain(match["target"])
        if not _literal(link, target):
            continue
        priority = int(match["priority"]) if match["priority"].isdecimal() else 0
        yield Alternative(link, target, link, priority)
        for follower, its_target in _FOLLOWER.findall(match["rest"]):
            if _literal(_plain(follower), _plain(its_target)):
                yield Alternative(_plain(follower), _plain(its_target), link, priority)


def _plain(word: str) -> str:
    return word.strip("\"'")


def _literal(*words: str) -> bool:
    return all(word.startswith("/") and "$" not in word for word in words)
