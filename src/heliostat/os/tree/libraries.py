"""Libraries that programs are loaded with: each must be where the loader looks for it.

Leaving files out of packages is how editions get small; RPM's dependencies don't see that.
Pure but for looking at the tree.  Libraries that a program opens by itself while it runs
aren't seen: only what its headers say.  See ld.so(8) for where the loader looks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from heliostat.os.harden.elffile import ElfFile

_ALWAYS = ("/usr/lib", "/usr/lib64")
_PER_ARCHITECTURE = "usr/lib/*-linux-gnu"


def missing_libraries(
    root: Path, files: Iterable[tuple[str, ElfFile | None]]
) -> Iterator[tuple[str, str]]:
    """Path of the file and name of the library, for every library that isn't there."""
    system = [*_ALWAYS, *(f"/{each.relative_to(root)}" for each in root.glob(_PER_ARCHITECTURE))]
    for path, facts in files:
        if facts is None or not facts.needed:
            continue
        places = [*_own_places(path, facts.run_path), *system]
        for name in facts.needed:
            if not any(_is_there(root, f"{place}/{name}") for place in places):
                yield path, name


def _own_places(path: str, run_path: str) -> Iterator[str]:
    """Its run path; and its own folder, as a program's private libraries come together."""
    beside = os.path.dirname(path)
    yield beside
    for place in filter(None, run_path.split(":")):
        for word in ("$ORIGIN", "${ORIGIN}"):
            place = place.replace(word, beside)
        yield os.path.normpath(place)


def _is_there(root: Path, path: str) -> bool:
    """Whether ``path``, or what it links to, is a file of the tree."""
    for _ in range(8):
        place = f"{root}{path}"
        if not os.path.islink(place):
            return os.path.isfile(place)
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(place)))
    return False
