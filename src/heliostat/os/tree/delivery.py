"""What the repositories delivered, before anything is installed: each file there, whole, as named.

A package's SHA-256 comes from signed metadata (:mod:`heliostat.os.tree.trust`), so a package
that passes is the one that was signed for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.os.solve import Chosen

_THREADS = 2
_SHOWN = "[%{FILENAMES}\\n]"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Packages on disk."""

    paths: tuple[Path, ...]
    contents: tuple[str, ...]
    """Every path that any of them has."""
    newest: int
    """When the youngest was built: seconds since 1970."""


def check_delivery(packages: Sequence[Chosen]) -> Delivery:
    """All of ``packages``; raises ``PackageMissing`` or ``PackageTampered``, naming each."""
    with ThreadPoolExecutor(_THREADS) as pool:
        faults = [fault for fault in pool.map(_fault, packages) if fault is not None]
    if faults:
        more = f" ({len(faults) - 1} more in `data.faults`)" if len(faults) > 1 else ""
        told = [sentence for _, sentence in faults]
        raise HeliostatError(faults[0][0], f"{told[0]}{more}.", data={"faults": told})
    paths = tuple(package.path for package in packages if package.path is not None)
    shown = _query(paths, "%{BUILDTIME}\\n" + _SHOWN).splitlines()
    return Delivery(
        paths=paths,
        contents=tuple(sorted({line for line in shown if line.startswith("/")})),
        newest=max((int(line) for line in shown if line.isdigit()), default=0),
    )


def _fault(package: Chosen) -> tuple[str, str] | None:
    """Code and sentence of what is wrong with the file."""
    path = package.path
    if path is None or not path.is_file():
        where = f"{path}, which isn't there" if path else "no file yet"
        return "PackageMissing", f"{package.source} offers {package.nevra} as {where}"
    if package.sha256 is None:
        return (
            "PackageTampered",
            f"the metadata of {package.source} names no SHA-256 of {package.nevra}",
        )
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != package.sha256:
        return (
            "PackageTampered",
            f"{path} is not the file that the metadata of {package.source} names",
        )
    return None


def _query(paths: Sequence[Path], shown: str) -> str:
    if not paths:
        return ""
    options = ["--query", "--nosignature", "--nodigest", "--queryformat", shown, "--package"]
    try:
        return run(["rpm", *options, *(str(path) for path in paths)], timeout_s=120).stdout
    except CommandFailed as error:
        raise HeliostatError(
            "PackageTampered", f"A package can't be read: {error.stderr.strip().splitlines()[0]}."
        ) from error
