"""Everything that systems are composed of, from nothing: own packages written, others imported.

``Supply.plan`` tells what editions or names take and why; ``Supply.take`` makes it so.  What
comes out is unsigned: signing and publishing is the repository's.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from heliostat.core.files import sync_all
from heliostat.os.image.distro import locate_distro
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.deb.importer import Importer, Planned
from heliostat.os.packages.deb.policy import check_names, load_policy
from heliostat.os.packages.deb.store import Imported, code_digest
from heliostat.os.packages.installation import installation_digest
from heliostat.os.packages.own import own_packages
from heliostat.os.packages.rpm.writer import write
from heliostat.os.solve import PackageFolder
from heliostat.os.sources.archive import Archive, ArchiveSettings, archive_of
from heliostat.os.sources.lock import open_locked, read_lock
from heliostat.os.sources.settings import archive_settings
from heliostat.os.sources.suite import DAY_S, open_suite
from heliostat.os.tree.edition import Edition

OWN_FIRST = 1
"""Priority of our own packages over the archive's of the same name."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a supply came to; all paths are unsigned packages in the cache."""

    own: tuple[Path, ...]
    imported: tuple[Imported, ...]

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return [*self.own, *(each.path for each in self.imported)]


@dataclass(frozen=True)
class Supply:
    """The archive under our policy, and our own packages."""

    importer: Importer
    distro: Path
    monitor: Monitor = field(default_factory=SilentMonitor)

    @cached_property
    def own(self) -> PackageFolder:
        """Our own packages, written once a content."""
        folder = self.importer.cache / "own" / _own_digest(self.distro)
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            begun = Path(tempfile.mkdtemp(prefix=".begun-", dir=folder.parent))
            with self.monitor.step("Writing our own packages"):
                packages = own_packages(self.distro / "packages")
                sync_all([write(package, begun).path for package in packages])
            _place(begun, folder)
        return PackageFolder("own packages", folder, OWN_FIRST)

    def plan(self, names: Iterable[str], editions: Iterable[Edition] = ()) -> tuple[Planned, ...]:
        """What is imported for names and editions together, by name; raises ``Unsolvable``."""
        found: dict[str, Planned] = {}
        wanted = tuple(names)
        if wanted:
            found.update(_by_name(self.importer.plan(wanted, beside=[self.own])))
        for edition in editions:
            for planned in self.importer.plan(
                edition.packages,
                beside=[self.own],
                excluded=edition.without,
                preferred=edition.prefer,
            ):
                found.setdefault(planned.entry.name, planned)
        return tuple(found[name] for name in sorted(found))

    def take(self, planned: Sequence[Planned]) -> Taken:
        """Our own packages, and those that were planned."""
        own = tuple(sorted(self.own.folder.glob("*.rpm")))
        return Taken(own, tuple(self.importer.take(each.entry for each in planned)))


def open_supply(
    cache: Path,
    *,
    settings: ArchiveSettings | None = None,
    distro: Path | None = None,
    lock: Path | None = None,
    max_age_s: float = DAY_S,
    monitor: Monitor | None = None,
) -> Supply:
    """The supply from the archive that settings and the host name, under ``distro/policy``.

    ``cache`` is the system's folder of caches; a ``lock`` names indexes of the past.  Raises if
    the policy names packages that the archive doesn't have.
    """
    watcher = monitor or SilentMonitor()
    folder = distro or locate_distro()
    archive: Archive = archive_of(settings or archive_settings(folder))
    if lock is not None:
        suite = open_locked(read_lock(lock), archive, cache, monitor=watcher)
    else:
        suite = open_suite(archive, cache, max_age_s=max_age_s, monitor=watcher)
    policy = load_policy(folder / "policy")
    check_names(policy, suite.newest, folder / "policy")
    return Supply(Importer(suite, policy, cache, watcher), folder, watcher)


def _by_name(planned: Iterable[Planned]) -> dict[str, Planned]:
    return {each.entry.name: each for each in planned}


def _place(begun: Path, folder: Path) -> None:
    """Give the finished folder its name; if another process was first, its is as good."""
    begun.chmod(0o755)
    try:
        begun.rename(folder)
    except OSError:
        shutil.rmtree(begun)
        if not folder.is_dir():
            raise


def _own_digest(distro: Path) -> str:
    """Of everything below ``distro/packages``, of the code that writes it, and of this
    installation, which is in one of them."""
    digest = hashlib.sha256(f"{code_digest()}{installation_digest()}".encode())
    folder = distro / "packages"
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            digest.update(f"{path.relative_to(folder)}\0{mode}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]
