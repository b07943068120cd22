"""The licence of a package, from its machine-readable copyright file.

Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/.  Every
``License:`` field's short name is taken, translated to SPDX's where the policy knows it;
files in the older, free form name the file instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SHORT = re.compile(r"^Licen[sc]e:[ \t]*([A-Za-z0-9][^\n]*)$", re.MULTILINE)
_WORD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")
_LONGEST = 12


def licence_of(name: str, copyright_text: str, spdx: Mapping[str, str]) -> str:
    """An SPDX-like expression, or where to read."""
    found: dict[str, None] = {}
    for line in _SHORT.findall(copyright_text):
        for short in re.split(r"\s+(?:and|or|AND|OR)\s+|\s*,\s*", line.strip()):
            word = re.sub(r"\s+with\s+.*", "", short).strip(" .()")
            if _WORD.match(word):
                found[spdx.get(word, word)] = None
    if not found or len(found) > _LONGEST:
        return f"see /usr/share/doc/{name}/copyright"
    return " AND ".join(sorted(found))
