"""Tiny packages, a key to sign them, and a root to install them into with RPM itself.

Keys are made once a process, and short: making a long one takes seconds.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliostat.core.process import Output, run
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.package import Package

BUILT = 1_767_225_600
"""Midnight of 1 January 2026: when tiny packages were built."""

DATABASE = "/usr/lib/sysimage/rpm"


@functools.cache
def signer(owner: str = "Tests <tests@example.invalid>") -> Signer:
    """The key of that owner, the same for the whole process."""
    return Signer.generate(owner, BUILT, bits=2048)


def tiny(name: str = "tiny", **changes: Any) -> Package:
    """A package with one file, ``/usr/share/<name>/data``, unless told otherwise."""
    told: dict[str, Any] = {
        "name": name,
        "version": "1.0",
        "release": "1",
        "arch": "noarch",
        "summary": f"The package {name}",
        "description": f"What {name} is.",
        "licence": "Apache-2.0",
        "build_time": BUILT,
        "files": (File.regular(f"/usr/share/{name}/data", f"{name}\n".encode(), mtime=BUILT),),
    }
    return Package(**{**told, **changes})


@dataclass(frozen=True, slots=True)
class RpmRoot:
    """A root tree that the program ``rpm`` installs into, with a database of its own."""

    path: Path

    def install(self, *packages: Path, options: tuple[str, ...] = ("--nodeps",)) -> Output:
        """``rpm -U``; ``CommandFailed`` if it refuses."""
        return self.rpm("-U", *options, *map(str, packages))

    def erase(self, *names: str) -> Output:
        return self.rpm("-e", "--nodeps", *names)

    def verify(self) -> str:
        """What ``rpm -Va`` finds changed; nothing if all is as it was installed."""
        return self.rpm("-Va", "--nodeps").stdout

    def query(self, form: str, *names: str) -> str:
        return self.rpm("-q" if names else "-qa", "--qf", form, *names).stdout

    def trust(self, key: Path) -> Output:
        """Import a public key into the root's database."""
        root = ["--root", str(self.path), "--dbpath", DATABASE]
        return run(["rpmkeys", *root, "--import", str(key)], timeout_s=60, env=_calm())

    def rpm(self, *arguments: str) -> Output:
        self.path.mkdir(parents=True, exist_ok=True)
        root = ["--root", str(self.path), "--dbpath", DATABASE]
        # Debian's rpm asks for --force-debian before it installs anything
        force = ["--force-debian"] if arguments[0] in ("-U", "-e") else []
        return run(["rpm", *root, *force, *arguments], timeout_s=120, env=_calm())


def _calm() -> dict[str, str]:
    """The environment without a home, where Debian's rpm would look for its settings."""
    return {**os.environ, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
