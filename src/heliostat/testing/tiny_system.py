"""A whole system of a few files: packages, an edition, everything that images are made from.

It has folders, a stand-in for a kernel and one program; it composes in a moment and is
laid out as real systems are, but it doesn't boot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from heliostat.os.image.order import Order
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.writer import write
from heliostat.os.solve import PackageFolder
from heliostat.os.tree.edition import Edition, EditionFile, resolve
from heliostat.testing.rpms import BUILT, signer, tiny

_FOLDERS = ("boot", "boot/grub", "etc", "proc", "run", "tmp", "usr", "usr/bin", "usr/lib", "var")


@dataclass(frozen=True, slots=True)
class TinySystem:
    """Signed packages in ``folder``, and what is made from them."""

    folder: Path

    @property
    def key(self) -> Path:
        """The file of the public key that signs the packages."""
        return self.folder / "key.asc"

    @property
    def packages(self) -> Path:
        """Where the packages lie."""
        return self.folder / "packages"

    def edition(self, **changes: Any) -> Edition:
        """The edition ``small``."""
        told: dict[str, Any] = {
            "summary": "A small system",
            "packages": ("filesystem", "linux", "tool"),
        }
        file = msgspec.convert({**told, **changes}, EditionFile)
        return resolve("small", {"small": file})

    def put(self, name: str, version: str, files: dict[str, bytes], mode: int = 0o644) -> None:
        """Offer a package; an earlier version of it goes."""
        self.packages.mkdir(parents=True, exist_ok=True)
        for old in self.packages.glob(f"{name}-[0-9]*.rpm"):
            old.unlink()
        held = tuple(File.regular(path, data, mode, mtime=BUILT) for path, data in files.items())
        package = tiny(name, version=version, files=held)
        write(package, self.packages, signer=signer())

    def order(self, *formats: str, force: bool = False, **changes: Any) -> Order:
        """An image of it."""
        return Order(
            edition=self.edition(**changes),
            sources=(PackageFolder("packages", self.packages),),
            formats=formats or ("qcow2",),
            out_dir=self.folder / "images",
            stages=self.folder / "stages",
            force=force,
        )


def tiny_system(folder: Path) -> TinySystem:
    """A tiny system below ``folder``."""
    system = TinySystem(folder)
    system.packages.mkdir(parents=True, exist_ok=True)
    system.key.write_bytes(signer().public_text)
    folders = tuple(
        # nobody writes into /proc, and composing doesn't wait for its package to say so
        File.folder(f"/{name}", 0o555 if name == "proc" else 0o755, mtime=BUILT)
        for name in _FOLDERS
    )
    write(tiny("filesystem", files=folders), system.packages, signer=signer())
    system.put("linux", "6.12", {"/boot/vmlinuz-6.12": b"a kernel " * 1000})
    system.put("tool", "1.0", {"/usr/bin/tool": b"#!/bin/sh\necho 1.0\n"}, 0o755)
    return system
