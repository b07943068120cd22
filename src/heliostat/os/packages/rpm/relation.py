"""What packages say about each other: a name, a comparison and a version.

A rich relation (``(a or b >= 2)``, RPM 4.13) is a name that begins with a parenthesis:
RPM keeps it so, and so does this.  ``Relation.parse`` and ``str`` are each other's inverse
but for the qualifiers, which have no text form.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Self


class Sense(enum.IntFlag):
    """RPM's dependency flags (``rpmsenseFlags`` of ``rpm/rpmds.h``)."""

    ANY = 0
    LESS = 1 << 1
    GREATER = 1 << 2
    EQUAL = 1 << 3
    POSTTRANS = 1 << 5
    PREREQ = 1 << 6
    PRETRANS = 1 << 7
    INTERP = 1 << 8
    SCRIPT_PRE = 1 << 9
    SCRIPT_POST = 1 << 10
    SCRIPT_PREUN = 1 << 11
    SCRIPT_POSTUN = 1 << 12
    SCRIPT_VERIFY = 1 << 13
    FIND_REQUIRES = 1 << 14
    FIND_PROVIDES = 1 << 15
    TRIGGER_IN = 1 << 16
    TRIGGER_UN = 1 << 17
    TRIGGER_POSTUN = 1 << 18
    MISSING_OK = 1 << 19
    RPMLIB = 1 << 24
    TRIGGER_PREIN = 1 << 25
    KEYRING = 1 << 26
    CONFIG = 1 << 28


COMPARISON = Sense.LESS | Sense.GREATER | Sense.EQUAL
PREREQUISITE = (
    Sense.PREREQ | Sense.SCRIPT_PRE | Sense.SCRIPT_POST | Sense.SCRIPT_PREUN | Sense.SCRIPT_POSTUN
)
"""Flags that order the installation: what a script needs before it runs."""

_OPERATORS = {
    "<": Sense.LESS,
    "<=": Sense.LESS | Sense.EQUAL,
    "=": Sense.EQUAL,
    ">=": Sense.GREATER | Sense.EQUAL,
    ">": Sense.GREATER,
}
_SPELT = {sense: text for text, sense in _OPERATORS.items()}
_PLAIN = re.compile(r"^([^\s<>=]\S*)(?:\s+(<=|>=|<|>|=)\s*([^\s<>=]\S*))?$")


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """``name [operator version]``, or a rich relation as the name.

    ``version`` is ``[epoch:]version[-release]``; ``sense`` holds the comparison and what
    the relation is for (scripts, triggers, a feature of RPM itself).
    """

    name: str
    sense: Sense = Sense.ANY
    version: str = ""

    @classmethod
    def parse(cls, text: str, qualifiers: Sense = Sense.ANY) -> Self:
        """``foo``, ``foo >= 1.2`` or ``(foo or bar)``; ``ValueError`` for anything else."""
        stripped = text.strip()
        if stripped.startswith("("):
            if stripped.count("(") != stripped.count(")") or not stripped.endswith(")"):
                raise ValueError(f"the parentheses of {text!r} don't match")
            return cls(stripped, qualifiers)
        found = _PLAIN.match(stripped)
        if found is None:
            raise ValueError(f"{text!r} is no relation: write NAME, or NAME >= VERSION")
        name, operator, version = found.groups()
        if operator is None:
            return cls(name, qualifiers)
        return cls(name, qualifiers | _OPERATORS[operator], version)

    @property
    def rich(self) -> bool:
        return self.name.startswith("(")

    @property
    def operator(self) -> str:
        """``<``, ``<=``, ``=``, ``>=``, ``>``, or nothing."""
        return _SPELT.get(self.sense & COMPARISON, "")

    @property
    def before_scripts(self) -> bool:
        """Whether it must be there before this package's scripts run."""
        return bool(self.sense & PREREQUISITE)

    @property
    def of_rpm(self) -> bool:
        """Whether it asks for a feature of RPM, not for a package."""
        return bool(self.sense & Sense.RPMLIB) or self.name.startswith("rpmlib(")

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.version}" if self.operator else self.name


def any_of(alternatives: list[Relation]) -> Relation:
    """One of them must be there: the only one itself, else ``(a or b)``."""
    if len(alternatives) == 1:
        return alternatives[0]
    return Relation("(" + " or ".join(str(each) for each in alternatives) + ")")
