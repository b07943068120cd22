"""The options of a kernel: fragments that ask, and what its Kconfig granted.

Pure.  Kconfig drops in silence what it can't grant (an option whose dependencies are not
met, or that this version no longer has) and switches on what others select.  Comparing
both is the only way to know which kernel was built.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SET = re.compile(r"^CONFIG_(?P<name>\w+)=(?P<value>.*)$")
_UNSET = re.compile(r"^# CONFIG_(?P<name>\w+) is not set$")


@dataclass(frozen=True, slots=True)
class Difference:
    """An option that isn't as it was asked for; an empty ``granted`` means it doesn't exist."""

    name: str
    asked: str
    granted: str
    asked_in: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        where = f" ({self.asked_in})" if self.asked_in else ""
        close = f"; did you mean CONFIG_{self.nearest}" if self.nearest else ""
        granted = self.granted or f"not there{close}"
        return f"CONFIG_{self.name}={self.asked}{where}: {granted}"


def parse(text: str) -> dict[str, str]:
    """Options and values of a ``.config`` or a fragment; ``n`` for "is not set".

    Raises ``ValueError`` with the number of a line that is neither option nor comment.
    """
    options: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        found = _SET.match(stripped) or _UNSET.match(stripped)
        if found is not None:
            options[found["name"]] = found.groupdict().get("value", "n")
        elif stripped and not stripped.startswith("#"):
            raise ValueError(f"line {number}: {stripped!r} is neither an option nor a comment")
    return options


def merged(fragments: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, tuple[str, str]]:
    """Value and file of each option of all fragments.

    Raises ``ValueError`` when two fragments ask for different values.
    """
    asked: dict[str, tuple[str, str]] = {}
    for file, options in fragments:
        for name, value in options.items():
            before = asked.get(name)
            if before is not None and before[0] != value:
                raise ValueError(f"CONFIG_{name} is {before[0]} in {before[1]}, {value} in {file}")
            asked[name] = (value, file)
    return asked


def differences(
    asked: Mapping[str, tuple[str, str]], granted: Mapping[str, str]
) -> list[Difference]:
    """Every option that isn't granted as it was asked for, in the order of the asking.

    An option that is asked to be off and doesn't exist at all is as good as off.
    """
    found = []
    for name, (value, file) in asked.items():
        given = granted.get(name, "")
        if given == value or (value == "n" and not given):
            continue
        close = [] if given else difflib.get_close_matches(name, granted, n=1, cutoff=0.8)
        found.append(Difference(name, value, given, file, close[0] if close else ""))
    return found
