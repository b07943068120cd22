"""Source packages of an archive, and what a list of packages takes: asked of apt.

apt has a state of its own here (see :mod:`heliostat.os.sources.apt`), with the indexes
of sources besides those of packages, and an empty system in front of it.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.core.process import CommandFailed
from heliostat.os.monitor import Monitor
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.source_package import (
    SourceFile,
    SourcePackage,
    Stanza,
    newest_first,
    stanzas,
    written_dsc,
)
from heliostat.os.sources.apt import Apt
from heliostat.os.sources.archive import Archive
from heliostat.os.sources.suite import DAY_S
from heliostat.os.turn import turn

_UNKNOWN = re.compile(r"Unable to find a source package for (\S+)|Unable to locate package (\S+)")
_FIELD = re.compile(r"^(Package|Version|SHA256): (\S+)$", re.MULTILINE)
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

    def digests(self, packages: Sequence[str]) -> dict[str, str]:
        """SHA-256 of each ``name=version``, from the signed indexes."""
        told = self.apt.run(["apt-cache", "show", "--", *packages]).stdout
        stanzas = (dict(_FIELD.findall(each)) for each in told.split("\n\n"))
        found = {
            f"{each['Package']}={each['Version']}": each["SHA256"]
            for each in stanzas
            if each.keys() >= {"Package", "Version", "SHA256"}
        }
        if lost := [each for each in packages if each not in found]:
            raise HeliostatError(
                "BuildFailed",
                f"The archive has no {lost[0]} any more, which the build was planned with.",
                hint="Update and run the same again: `helio os source update`.",
            )
        return {each: found[each] for each in packages}

    def find(self, name: str) -> list[Stanza]:
        """Every entry of ``NAME`` or ``NAME=VERSION``, the newest version first."""
        wanted, _, version = name.partition("=")
        found = [
            stanza
            for source in self.archive.sources
            for component in source.components
            for stanza in self._indexed(source.uri, source.suite, component, wanted)
            if version in ("", stanza.version)
        ]
        if not found:
            raise _unknown(name)
        return newest_first(found)

    def fetch(self, name: str, cache: Path, monitor: Monitor) -> SourcePackage:
        """The newest source package of that name, or ``NAME=VERSION``, verified.

        Where one part of the archive lacks a file, the others that name the same
        version are asked.
        """
        found = self.find(name)
        same = [each for each in found if each.version == found[0].version]
        folder = cache.resolve() / "source-packages" / f"{same[0].name}-{_safe(same[0].version)}"
        folder.mkdir(parents=True, exist_ok=True)
        with turn(folder / "lock", f"downloading the source of {name}", monitor):
            for number, stanza in enumerate(same, start=1):
                try:
                    return self._fetch(stanza, folder, monitor)
                except TemporaryError:
                    if number == len(same):
                        raise
        raise AssertionError

    def _fetch(self, stanza: Stanza, folder: Path, monitor: Monitor) -> SourcePackage:
        wanted = [(f"{stanza.base}/{each.name}", each) for each in stanza.files]
        missing = [(url, each) for url, each in wanted if not _is_whole(folder / each.name, each)]
        if missing:
            with monitor.step(f"Downloading the source of {stanza.name} {stanza.version}"):
                self.apt.download([(u, folder / each.name, each.sha256) for u, each in missing])
        files = tuple(Input(each.name, folder / each.name, each.sha256, u) for u, each in wanted)
        return SourcePackage(stanza.name, stanza.version, written_dsc(stanza, folder), files)

    def _indexed(self, uri: str, suite: str, component: str, name: str) -> Iterator[Stanza]:
        path = self.apt.sources_of(uri, suite, component)
        if path.is_file():  # apt keeps no file for an empty index
            yield from stanzas(path.read_text(encoding="utf-8"), name, uri)


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
        return _unknown(unknown[1] or unknown[2])
    unmet = [line.strip() for line in _UNMET.findall(said)]
    if unmet and isinstance(error.__cause__, CommandFailed):
        return HeliostatError(
            "BuildFailed",
            f"What the build needs can't be installed: {'; '.join(unmet[:3])}.",
            hint="See `data.stdout` (-o json) for apt's whole answer.",
            data=error.data,
        )
    return error


def _unknown(name: str) -> HeliostatError:
    return HeliostatError(
        "PackageNotFound",
        f"The archive has no package {name} to build, or to build with.",
        hint=f"`helio os source search {name.partition('=')[0]}` looks for part of a name.",
    )


def _is_whole(path: Path, wanted: SourceFile) -> bool:
    if not path.is_file() or path.stat().st_size != wanted.size_bytes:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == wanted.sha256


def _safe(version: str) -> str:
    """A version as part of a file name: an epoch's colon is none."""
    return version.replace(":", "+")
