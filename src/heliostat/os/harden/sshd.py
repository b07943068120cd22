"""The configuration that ``sshd`` would use, read as sshd_config(5) says.

The first value of a key wins; ``Include`` is read where it stands, its pattern relative
to ``/etc/ssh``, files in the order of their names.  What stands below ``Match`` holds
only for some and is kept apart.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from heliostat.os.harden.tree import Tree

MAIN = "/etc/ssh/sshd_config"
_DEEPEST = 16
_ENTER, _LEAVE = "\0enter", "\0leave"
# Between keyword and value stand blanks, and one equals sign at most
_LINE = re.compile(
    r'(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s="]+))(?:[ \t]*=[ \t]*|[ \t]+|$)(?P<value>.*)'
)

# What holds without a line, OpenSSH 9 and 10 (sshd_config(5)); Debian's build differs in none.
DEFAULTS = {
    "allowagentforwarding": "yes",
    "allowtcpforwarding": "yes",
    "banner": "none",
    "clientalivecountmax": "3",
    "clientaliveinterval": "0",
    "compression": "delayed",
    "disableforwarding": "no",
    "gssapiauthentication": "no",
    "hostbasedauthentication": "no",
    "ignorerhosts": "yes",
    "kbdinteractiveauthentication": "yes",
    "logingracetime": "120",
    "loglevel": "INFO",
    "maxauthtries": "6",
    "maxsessions": "10",
    "maxstartups": "10:30:100",
    "passwordauthentication": "yes",
    "permitemptypasswords": "no",
    "permitrootlogin": "prohibit-password",
    "permituserenvironment": "no",
    "pubkeyauthentication": "yes",
    "strictmodes": "yes",
    "tcpkeepalive": "yes",
    "usepam": "no",
    "x11forwarding": "no",
}
_SYNONYMS = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One setting: key in small letters, value, the file it is in."""

    key: str
    value: str
    path: str


@dataclass(slots=True)
class Configuration:
    """What holds for everybody, and what ``Match`` blocks say."""

    settings: dict[str, Line] = field(default_factory=dict)
    matched: list[tuple[str, Line]] = field(default_factory=list)
    """Criteria of the block and the line in it."""

    def value(self, key: str) -> Line:
        """What holds for ``key``, the default if no line speaks of it."""
        name = key.lower()
        return self.settings.get(name) or Line(name, DEFAULTS.get(name, ""), "default")


def effective(tree: Tree) -> Configuration | None:
    """The configuration; ``None`` if the tree has none."""
    if tree.text(MAIN) is None:
        return None
    found = Configuration()
    block = ""
    outer: list[str] = []
    for line in _lines(tree, MAIN, 0):
        if line.key == _ENTER:
            outer.append(block)
        elif line.key == _LEAVE:
            block = outer.pop()  # a Match block of an included file ends with that file
        elif line.key == "match":
            block = "" if line.value.lower() == "all" else line.value
        elif block:
            found.matched.append((block, line))
        else:
            found.settings.setdefault(line.key, line)
    return found


def _lines(tree: Tree, path: str, depth: int) -> Iterator[Line]:
    """Settings in the order in which they count, included files in their place."""
    for raw in (tree.text(path) or "").splitlines():
        line = _parsed(raw, path)
        if line is None:
            continue
        if line.key != "include":
            yield line
        elif depth < _DEEPEST:
            for pattern in _words(line.value):
                absolute = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
                folder, _, name = absolute.rpartition("/")
                for each in tree.files_in(folder):
                    if _named(each, name):
                        yield Line(_ENTER, "", each)
                        yield from _lines(tree, each, depth + 1)
                        yield Line(_LEAVE, "", each)


def _parsed(raw: str, path: str) -> Line | None:
    text = raw.strip()
    match = None if text.startswith("#") else _LINE.fullmatch(text)
    if match is None:
        return None
    name, value = (match["quoted"] or match["bare"] or "").lower(), match["value"]
    told = " ".join(_words(value)) if name != "include" else value
    return Line(_SYNONYMS.get(name, name), told, path)


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value, comments=True)
    except ValueError:
        return value.split()


def _named(path: str, pattern: str) -> bool:
    return fnmatchcase(path.rpartition("/")[2], pattern)
