"""Debian source packages: what a ``.dsc`` or the archive's signed index says of one.

The index repeats all that a ``.dsc`` says, and is signed by the archive, so the ``.dsc`` is
written from it instead of being downloaded: one file less that a mirror may lack.
Format: deb-src-control(5), dsc(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from debian.deb822 import Deb822
from debian.debian_support import version_compare

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.packages.build.input_file import Input, plain

_NOT_IN_DSC = ("Directory", "Priority", "Section", "Package")
_FILE = re.compile(r"^ ?([0-9a-f]{64}) (\d+) (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SourceFile:
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stanza:
    """One source package as an index describes it; ``base`` is the URL of its folder."""

    name: str
    version: str
    base: str
    fields: Deb822

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """All but the ``.dsc``."""
        found = _FILE.findall(self.fields["Checksums-Sha256"])
        files = (
            SourceFile(plain(name, f"{self.name} has the file"), int(size), digest)
            for digest, size, name in found
        )
        return tuple(each for each in files if not each.name.endswith(".dsc"))

    def dsc(self) -> str:
        """The text of its ``.dsc``, without the ``.dsc`` among the files."""
        kept = {
            key: value
            for key, value in self.fields.items()
            if key not in _NOT_IN_DSC and not key.startswith(("Files", "Checksums"))
        }
        lines = "".join(f"\n {each.sha256} {each.size_bytes} {each.name}" for each in self.files)
        md5 = [line for line in self.fields["Files"].splitlines() if not line.endswith(".dsc")]
        fields = Deb822({"Source": self.name, **kept})
        fields["Checksums-Sha256"] = lines
        fields["Files"] = "\n".join(md5)
        return str(fields)


@dataclass(frozen=True, slots=True)
class SourcePackage:
    """A source package on disk, its files verified."""

    name: str
    version: str
    dsc: Path
    files: tuple[Input, ...]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What a build of it reads: the ``.dsc`` as ``source.dsc``, and its files."""
        return (Input.of(self.dsc, "source.dsc", "the archive's index"), *self.files)

    @property
    def binaries(self) -> tuple[str, ...]:
        """Names of the packages that it makes; none if its description doesn't say."""
        with self.dsc.open(encoding="utf-8", errors="replace") as stream:
            told: str = Deb822(stream).get("Binary", "")
        return tuple(told.replace(",", " ").split())


def stanzas(text: str, name: str, base_url: str) -> Iterator[Stanza]:
    """Those of that name in a ``Sources`` index; folders lie below ``base_url``."""
    for found in re.finditer(
        rf"(?:^|\n\n)(Package: {re.escape(name)}\n.*?)(?=\n\n|\Z)", text, re.S
    ):
        fields = Deb822(found[1])
        base = f"{base_url.rstrip('/')}/{fields['Directory']}"
        yield Stanza(name, fields["Version"], base, fields)


def newest_first(found: list[Stanza]) -> list[Stanza]:
    """By Debian's order of versions."""
    import functools

    compare = functools.cmp_to_key(version_compare)
    return sorted(found, key=lambda each: compare(each.version), reverse=True)


def read_dsc(path: Path) -> SourcePackage:
    """A ``.dsc`` and the files beside it, checked by the digests in it."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        fields = Deb822(stream)
    if not {"Source", "Version", "Checksums-Sha256"} <= fields.keys():
        raise HeliostatError(
            "InvalidSetting",
            f"{path} is no description of a source package (.dsc) with SHA-256 digests.",
            hint="Name a .dsc file, a spec file, or a source package of the archive.",
        )
    files = [
        Input.of(path.parent / name, name)
        for _, _, name in _FILE.findall(fields["Checksums-Sha256"])
        if _there(path, name)
    ]
    wanted = {name: digest for digest, _, name in _FILE.findall(fields["Checksums-Sha256"])}
    for each in files:
        if each.sha256 != wanted[each.name]:
            raise HeliostatError(
                "DigestMismatch",
                f"{each.path} isn't the file that {path.name} names: its digest is "
                f"{each.sha256[:16]}…, not {wanted[each.name][:16]}….",
                hint="Get the source package again.",
            )
    return SourcePackage(fields["Source"], fields["Version"], path, tuple(files))


def written_dsc(stanza: Stanza, folder: Path) -> Path:
    """The ``.dsc`` of the stanza as a file."""
    version = stanza.version.partition(":")[2] or stanza.version
    path = folder / f"{stanza.name}_{version}.dsc"
    atomic_write(path, stanza.dsc().encode())
    return path


def _there(dsc: Path, name: str) -> bool:
    plain(name, f"{dsc.name} has the file")
    if not (dsc.parent / name).is_file():
        raise HeliostatError(
            "InvalidSetting",
            f"{dsc.name} names {name}, which isn't beside it.",
            hint=f"Put {name} into {dsc.parent}.",
        )
    return True
