"""Where everything of one repository lies.

::

    <root>/
      Packages/<letter>/<file>.rpm     never overwritten; only gc removes
      repodata/                        what clients read
        repomd.xml{,.asc,.key}         -> ../current/repodata/…
        <sha256>-primary.xml.zst …     of every kept generation
      generations/<number>/            one published state, immutable, a repository by itself
        lock.json                      names, versions, digests
        repodata/                      its own repomd.xml, signature, metadata (hard links)
        Packages                       -> ../../Packages
      current                          -> generations/<number>; moving it is the act of publishing
      RPM-GPG-KEY-heliostat            the key that signs
      repository.json                  settings
      next.json                        what the next generation holds, while it differs
      advisories.jsonl                 append-only journal
      pins/<label>                     generations that gc keeps, by name
      trusted/<key id>.asc             foreign keys whose packages are taken

Clients see repomd.xml and its signature through one link, so the folder never holds
the one of one generation beside the other of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KEY_NAME = "RPM-GPG-KEY-heliostat"
LINKED = ("repomd.xml", "repomd.xml.asc", "repomd.xml.key")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one repository's root."""

    root: Path

    @property
    def packages(self) -> Path:
        return self.root / "Packages"

    @property
    def repodata(self) -> Path:
        return self.root / "repodata"

    @property
    def generations(self) -> Path:
        return self.root / "generations"

    @property
    def current(self) -> Path:
        return self.root / "current"

    @property
    def settings(self) -> Path:
        return self.root / "repository.json"

    @property
    def next(self) -> Path:
        return self.root / "next.json"

    @property
    def journal(self) -> Path:
        return self.root / "advisories.jsonl"

    @property
    def pins(self) -> Path:
        return self.root / "pins"

    @property
    def key(self) -> Path:
        return self.root / KEY_NAME

    @property
    def trusted(self) -> Path:
        return self.root / "trusted"

    @property
    def claim(self) -> Path:
        return self.root / ".claim"

    @property
    def curating(self) -> Path:
        """Held by whoever curates it, from looking to publishing."""
        return self.root / ".curating"

    def generation(self, number: int) -> Path:
        return self.generations / str(number)

    def lock(self, number: int) -> Path:
        return self.generation(number) / "lock.json"

    def package(self, location: str) -> Path:
        """The file that metadata calls ``location``."""
        return self.root / location


def location_of(name: str, file_name: str) -> str:
    """Where a package's file goes: ``Packages/b/bash-5.2.37-2.x86_64.rpm``."""
    return f"Packages/{name[:1].lower()}/{file_name}"
