"""Licences of packages as SPDX expressions, in which every name is one that SPDX knows.

What packages say is nearly that; names that SPDX's list doesn't have become
``LicenseRef-…``, and what is no expression at all (a sentence) is none.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from license_expression import (
    ExpressionError,
    Licensing,
    get_spdx_licensing,
)

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9.-]+")
_PREFIX = "LicenseRef-"
_WITH = " WITH "


@dataclass(frozen=True, slots=True)
class Licence:
    """``expression`` is empty if what was said is none; ``references`` are its LicenseRefs."""

    said: str
    expression: str
    references: tuple[str, ...] = ()


@functools.cache
def licence(said: str) -> Licence:
    """``said`` as an expression, names spelt as SPDX spells them."""
    try:
        parsed = Licensing().parse(said)
    except ExpressionError:
        return Licence(said, "")
    names = [] if parsed is None else [each for key in parsed.objects for each in key.split(_WITH)]
    if parsed is None or any(" " in name for name in names):
        return Licence(said, "")
    spelt = {name: _spelt(name) for name in names}
    if any(
        spelt[key.split(_WITH)[-1]].startswith(_PREFIX) for key in parsed.objects if _WITH in key
    ):
        return Licence(said, "")  # an exception that SPDX doesn't have
    words = re.split(r"([()\s]+)", parsed.render("{symbol.key}"))
    expression = "".join(spelt.get(word, word) for word in words)
    references = sorted({name for name in spelt.values() if name.startswith(_PREFIX)})
    return Licence(said, expression, tuple(references))


def _spelt(name: str) -> str:
    known = _known().get(name.lower())
    if known is not None:
        return known
    return _PREFIX + _NOT_ALLOWED.sub("-", name.removeprefix(_PREFIX)).strip("-")


@functools.cache
def _known() -> dict[str, str]:
    """SPDX's own list, former names too: lower case to its spelling."""
    found: dict[str, str] = {}
    for key, symbol in get_spdx_licensing().known_symbols.items():
        if not key.startswith(_PREFIX):
            found |= {name.lower(): key for name in (*symbol.aliases, key)}
    return found
