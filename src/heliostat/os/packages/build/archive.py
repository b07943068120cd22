"""Source packages of an archive, and what a list of packages takes: asked of apt.

apt has a state of its own here (see :mod:`heliostat.os.sources.apt`), with the indexes
of sources besides those of packages, and an empty system in front of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed
from heliostat.os.monitor import Monitor
from heliostat.os.sources.apt import Apt
from heliostat.os.sources.archive import Archive
from heliostat.os.sources.suite import DAY_S
from heliostat.os.turn import turn

_UNKNOWN = re.compile(r"Unable to find a source package for (\S+)|Unable to locate package (\S+)")
_UNMET = re.compile(r"^\s*(\S+ : .*|.*but it is not .*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SourceArchive:
    """An archive with its source packages."""

    archive: Archive
    apt: Apt

    def simulate(self, arguments: Sequence[str]) -> str:
        """What ``apt-get`` would print if it did it on an empty system."""
        argv = ["apt-get", "-s", "-q", "-o", "APT::Install-Recommends=false", *arguments]
        try:
            return self.apt.run(argv).stdout
        except HeliostatError as error:
            raise _refused(error) from error

    def fetch(self, name: str, folder: Path) -> Path:
        """The newest source package of that name, verified, in ``folder``: its ``.dsc``."""
        folder.mkdir(parents=True, exist_ok=True)
        # "--only-source": the name is that of a source, not of one of its packages
        argv = ["apt-get", "-q", "source", "--download-only", "--only-source", name]
        try:
            self.apt.run(argv, cwd=folder)
        except HeliostatError as error:
            raise _refused(error) from error
        stem, _, version = name.partition("=")
        found = [path for path in folder.glob("*.dsc") if path.name.startswith(f"{stem}_")]
        upstream = version.partition(":")[2] or version
        wanted = [path for path in found if not version or upstream in path.name]
        return max(wanted, key=lambda path: path.stat().st_mtime)


def open_sources(
    archive: Archive, cache: Path, monitor: Monitor, *, max_age_s: float = DAY_S
) -> SourceArchive:
    """The archive's sources; indexes younger than ``max_age_s`` are not asked for."""
    folder = cache.resolve() / "archives" / f"{archive.identity}-sources"
    apt = Apt(folder, archive, source_packages=True)
    with turn(folder / "lock", f"reading the sources of {archive.suite}", monitor):
        updated = folder / "updated"
        if not updated.is_file() or time.time() - updated.stat().st_mtime >= max_age_s:
            with monitor.step(f"Fetching the index of the sources of {archive.suite}"):
                apt.update()
                updated.touch()
    return SourceArchive(archive, apt)


def _refused(error: HeliostatError) -> HeliostatError:
    """apt's refusal as a sentence about the package."""
    said = f"{error.data.get('stdout', '')}\n{error.data.get('stderr', '')}"
    unknown = _UNKNOWN.search(said)
    if unknown:
        name = unknown[1] or unknown[2]
        return HeliostatError(
            "PackageNotFound",
            f"The archive has no package {name} to build, or to build with.",
            hint=f"`helio os source search {name}` looks for part of a name.",
        )
    unmet = [line.strip() for line in _UNMET.findall(said)]
    if unmet and isinstance(error.__cause__, CommandFailed):
        return HeliostatError(
            "BuildFailed",
            f"What the build needs can't be installed: {'; '.join(unmet[:3])}.",
            hint="See `data.stdout` (-o json) for apt's whole answer.",
            data=error.data,
        )
    return error
