"""Small systems to ask about: trees installed by RPM itself from packages made here."""

from __future__ import annotations

import stat
from pathlib import Path

from heliostat.os.packages.rpm.file import File, FileFlag
from heliostat.os.packages.rpm.package import Change, Package
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.rpms import BUILT, RpmRoot, signer, tiny

_CONFIG = FileFlag.CONFIG | FileFlag.NO_REPLACE
_RELEASE = b'ID=heliostat\nVERSION_ID="1"\nNAME="Heliostat OS"\n'


def base() -> Package:
    """Folders, the link of a merged ``/usr`` and the release file."""
    files = (
        File.folder("/etc"),
        File.folder("/usr"),
        File.folder("/usr/bin"),
        File.link("/bin", "usr/bin", mtime=BUILT),
        File.regular("/usr/lib/os-release", _RELEASE, mtime=BUILT),
    )
    return tiny("filesystem", files=files)


def library(version: str = "1.0", *changes: str) -> Package:
    """``changes`` are texts of the change log: of this version, and of those before."""
    entries = tuple(
        Change(BUILT - age * 86_400, f"A <a@example.invalid> - {_aged(version, age)}-1", text)
        for age, text in enumerate(changes)
    )
    return tiny(
        "libgreet1",
        version=version,
        arch="x86_64",
        licence="GPL-2.0-or-later AND Unheard-of",
        source_rpm=f"greet-{version}-1.src.rpm",
        files=(File.regular("/usr/lib/libgreet.so.1", version.encode(), 0o755, mtime=BUILT),),
        provides=(Relation.parse("greet-abi = 1"),),
        requires=(Relation.parse("filesystem"),),
        changelog=entries,
    )


def program(version: str = "1.0", mode: int = 0o755) -> Package:
    """A program with a configuration; it wants the library."""
    return tiny(
        "greet",
        version=version,
        arch="x86_64",
        licence="MIT",
        url="https://example.invalid/greet",
        source_rpm=f"greet-{version}-1.src.rpm",
        files=(
            File.regular("/usr/bin/greet", b"greet\n", mode, mtime=BUILT),
            File.link("/usr/bin/hello", "greet", mtime=BUILT),
            File.regular("/etc/greet.conf", b"polite=1\n", flags=_CONFIG, mtime=BUILT),
            File("/var/lib/greeted", stat.S_IFREG | 0o644, flags=FileFlag.GHOST),
        ),
        requires=(Relation.parse("(greet-abi >= 1 or rude)"), Relation.parse("/bin")),
    )


def system(root: Path, *packages: Package, signed: bool = True) -> Path:
    """A tree with these packages; needs root."""
    made = [
        write(each, root.parent / f"{root.name}.rpms", signer=signer() if signed else None)
        for each in packages
    ]
    RpmRoot(root).install(*(each.path for each in made), options=())
    return root


def _aged(version: str, age: int) -> str:
    """``1.3`` two versions ago is ``1.1``."""
    major, _, minor = version.partition(".")
    return f"{major}.{int(minor) - age}"
