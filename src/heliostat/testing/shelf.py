"""Signed repositories that a guest installs from: the archive's packages, and some made for it.

They are what `helio os import --repo` makes: imported on demand by the policy, signed, published.
The key is the shelf's own; a guest has to be told it, and where the shelf is.
"""

from __future__ import annotations

import base64
import dataclasses
import tempfile
import time
from pathlib import Path

from heliostat.os.packages.build.debian import as_rebuilt
from heliostat.os.packages.deb.archive import read_deb
from heliostat.os.packages.deb.convert import convert
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.own import own_package_named
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.advisory import Advisory, AdvisoryKind, Severity
from heliostat.os.repo.intake import take_in
from heliostat.os.repo.publish import publish
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.os.sources.download import fetch
from heliostat.os.supply import Supply, open_supply

_KEY = "/etc/pki/rpm-gpg/RPM-GPG-KEY-heliostat"
_WHERE = "/etc/dnf/vars/heliostat_repos"


class Shelf:
    """Repositories by name below ``folder``; ``cache`` is the system's folder of caches."""

    def __init__(self, folder: Path, cache: Path, signer: Signer) -> None:
        self.folder = folder
        self._cache = cache
        self._signer = signer
        self._work = Path(tempfile.mkdtemp(prefix=".work-", dir=folder))
        self._supply: Supply | None = None

    @property
    def supply(self) -> Supply:
        """The archive, opened when first asked for."""
        self._supply = self._supply or open_supply(self._cache)
        return self._supply

    def settings(self, port: int) -> str:
        """Shell commands that make a guest take its packages from this shelf."""
        key = base64.b64encode(self._signer.public_text).decode()
        return f"echo {key} | base64 -d > {_KEY}; echo http://10.0.2.2:{port} > {_WHERE}"

    def import_named(self, *names: str) -> None:
        """These packages of the archive with all that they need, and our own, into ``base``."""
        self._put("base", self.supply.take(self.supply.plan(names)).paths)

    def put(self, *packages: Package, into: str = "updates") -> None:
        """Packages in the place of older ones of their names in that repository."""
        self._put(into, [write(each, self._work).path for each in packages])

    def rebuilt(self, name: str) -> Package:
        """The archive's package in a newer release."""
        importer = self.supply.importer
        entry = importer.find(name)
        found = fetch(importer.suite.archive, [entry], self._cache, monitor=importer.monitor)
        deb = read_deb(found[entry.sha256], self._work)
        return as_rebuilt(convert(deb, importer.policy))

    def advise(self, name: str) -> None:
        """An advisory of ``updates``: its package of that name closes a hole."""
        repository = self._repository("updates")
        now = int(time.time())
        told = Advisory(
            id="HSA-2026-0001",
            kind=AdvisoryKind.SECURITY,
            severity=Severity.IMPORTANT,
            title=f"{name}: a hole is closed",
            description="It was open.",
            issued=now,
            updated=now,
            packages=tuple(each for each in repository.published() if each.name == name),
        )
        repository.journal.append([told])
        publish(repository, self._signer, self._cache, reason="an advisory")

    def tamper(self, name: str) -> None:
        """Change a byte of the package of that name in ``updates``, behind the index's back."""
        path = next((self.folder / "updates").rglob(f"{name}-[0-9]*.rpm"))
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.unlink()  # the file may be linked to a cache
        path.write_bytes(content)

    def _put(self, name: str, paths: list[Path]) -> None:
        take_in(self._repository(name), paths, self._signer, self._cache, reason="for a guest")

    def _repository(self, name: str) -> Repository:
        return Repository.ensure(self.folder / name, Settings(name=name, title=name))


def newer_own(name: str) -> Package:
    """A package of our own in a version that nobody has yet."""
    found = own_package_named(name)
    return dataclasses.replace(found, version=f"{found.version}.99")
