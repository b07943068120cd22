"""This very installation as files of a package: its modules, and the system's data beside them.

What is for tests, and what Python has compiled, stays out.  A checkout and a wheel give the
same files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import heliostat
from heliostat.os.image.distro import locate_distro

_DATA = "distro"
_LEFT_OUT = frozenset({"__pycache__", "testing"})


def installation() -> Iterator[tuple[str, Path]]:
    """Each file by its path in the folder that Python looks into."""
    for top, folder in (("heliostat", _modules()), (f"heliostat/{_DATA}", locate_distro())):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            own_data = folder == _modules() and inside.parts[0] == _DATA
            if path.is_file() and not own_data and not _LEFT_OUT.intersection(inside.parts):
                yield f"{top}/{inside}", path


def installation_digest(patterns: Sequence[str] = ("*",)) -> str:
    """SHA-256 over names and contents of what one of the globs fits."""
    digest = hashlib.sha256()
    for name, path in installation():
        if not any(fnmatchcase(name, each) for each in patterns):
            continue
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def _modules() -> Path:
    return Path(heliostat.__file__).resolve().parent
