"""An image from nothing: what its edition takes is imported where it isn't at hand, then built.

What was imported for an edition is remembered with a digest of the data that decided it, so
building again asks neither the archive nor the network until that data changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.cache.bound import keep_within
from heliostat.os.image import stages
from heliostat.os.image.built import BuiltImage
from heliostat.os.image.composed import with_packages
from heliostat.os.image.distro import locate_distro
from heliostat.os.image.order import DEFAULT_FORMATS, Order, carry_out
from heliostat.os.image.outputs import load_output
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.installation import installation_digest
from heliostat.os.packages.openpgp.certificate import Keyring
from heliostat.os.packages.openpgp.signer import PUBLIC_NAME, Signer
from heliostat.os.packages.own import modules_of
from heliostat.os.repo.intake import take_in
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import settings_of
from heliostat.os.solve import Source
from heliostat.os.supply import open_supply
from heliostat.os.tree import Edition, choose, load_edition
from heliostat.os.tree.repositories import NAMES, chosen_sources

_BASE, _UPDATES = "base", "updates"
_KEPT = 2  # outcomes of each stage: the way back from a change costs nothing
_DECIDING = ("archive.yaml", "editions", "packages", "policy")


@dataclass(frozen=True, slots=True)
class Places:
    """Folders: what can be made again, and what can't."""

    cache: Path
    """Downloads, converted packages, stages."""
    home: Path
    """Repositories, and the key that signs them."""

    @property
    def repositories(self) -> Path:
        """One folder a repository."""
        return self.home / "repos"

    @property
    def keys(self) -> Path:
        """Folder of the signing key."""
        return self.home / "keys"

    @property
    def keyring(self) -> Keyring:
        """Our own key, if there is one yet: what it signed is trusted."""
        public = self.keys / PUBLIC_NAME
        return Keyring.read(*([public] if public.is_file() else []))

    def imported(self, edition: Edition) -> Path:
        """What the packages of an edition were last imported by."""
        return self.home / "imported" / edition.name


def build(
    edition: str,
    out_dir: Path,
    places: Places,
    monitor: Monitor | None = None,
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    force: bool = False,
) -> BuiltImage:
    """The image of ``edition`` (a name or a file) in ``out_dir``, with all that it takes.

    Stages that newer ones have taken the place of go, and what is too much for the cache.
    Raises ``HeliostatError`` as importing, composing and building do.
    """
    watcher = monitor or SilentMonitor()
    wanted = load_edition(edition)
    order = Order(
        edition=wanted,
        sources=tuple(packages_of(wanted, places, watcher, formats)),
        formats=tuple(formats),
        out_dir=out_dir,
        stages=places.cache / "stages",
        force=force,
        signer=Signer.create(places.keys),
        keep=_KEPT,
    )
    image = carry_out(order, watcher).image
    keep_within(places.cache)
    return image


def sources_for(
    edition: Edition,
    chosen: Sequence[Path],
    places: Places,
    keyring: Keyring,
    monitor: Monitor,
    formats: Sequence[str] = (),
) -> list[Source]:
    """The folders ``chosen``; without any, our repositories, which are filled if nobody has.

    Repositories that somebody filled by hand are taken as they are, if a key of
    ``keyring`` signed them.
    """
    there = any((places.repositories / name).is_dir() for name in NAMES)
    by_hand = there and not any(places.imported(edition).parent.glob("*"))
    if chosen or by_hand:
        return chosen_sources(chosen, places.repositories, keyring)
    return packages_of(edition, places, monitor, formats)


def packages_of(
    edition: Edition, places: Places, monitor: Monitor, formats: Sequence[str] = ()
) -> list[Source]:
    """Repositories that hold all packages of ``edition`` in ``formats``, imported if need be.

    What was built from source (`make kernel`, `make rebuilds`) is in ``updates``: where its
    version is the newer one, or an edition prefers it, it is what is installed.
    """
    rebuilt = sorted((places.cache / "rebuilt").glob("*/*.rpm"))
    digest = stages.digest_of(
        [("distro", deciding_digest(locate_distro()).encode())]
        + [("installation", _of_this_installation(edition).encode())]
        + [(path.name, str(path.stat().st_mtime_ns).encode()) for path in rebuilt]
    )
    variants = variants_of(edition, formats)
    if _last_import(edition, places) == digest and (found := _complete(variants, places)):
        return found
    supply = open_supply(places.cache, monitor=monitor)
    taken = supply.take(supply.plan((), variants))
    signer = Signer.create(places.keys)
    for name, paths in ((_BASE, taken.paths), (_UPDATES, rebuilt)):
        if paths:
            repository = Repository.ensure(places.repositories / name, settings_of(name))
            reason = f"the edition {edition.name}"
            take_in(repository, paths, signer, places.cache, reason=reason, monitor=monitor)
    atomic_write(places.imported(edition), digest.encode())
    return chosen_sources((), places.repositories, places.keyring)


def variants_of(edition: Edition, formats: Sequence[str]) -> list[Edition]:
    """The edition, and the edition with what a format asks for besides, or what it offers."""
    wanted = dict.fromkeys([*(load_output(name).packages for name in formats), edition.offers])
    variants = {each.name: each for each in (with_packages(edition, more) for more in wanted)}
    return [edition, *(each for name, each in variants.items() if name != edition.name)]


def deciding_digest(distro: Path) -> str:
    """Of the data that decides what is imported and what our own packages hold."""
    files = [
        path
        for name in _DECIDING
        for path in sorted([distro / name, *(distro / name).rglob("*")])
        if path.is_file()
    ]
    return stages.digest_of((str(path.relative_to(distro)), path.read_bytes()) for path in files)


def _of_this_installation(edition: Edition) -> str:
    """Of the modules that packages of ours bring, those of this very installation."""
    brought = [modules_of(name) for name in (*edition.packages, *edition.offers)]
    return installation_digest([pattern for each in brought for pattern in each])


def _last_import(edition: Edition, places: Places) -> str | None:
    path = places.imported(edition)
    return path.read_text() if path.is_file() else None


def _complete(editions: Sequence[Edition], places: Places) -> list[Source] | None:
    """The repositories, if nothing that ``editions`` take is missing."""
    there = any((places.repositories / name / "repodata").is_dir() for name in NAMES)
    if not there:
        return None
    try:
        sources = chosen_sources((), places.repositories, places.keyring)
        chosen = [each for edition in editions for each in choose(edition, sources).packages]
    except HeliostatError:
        return None
    missing = [each for each in chosen if each.path is None or not each.path.is_file()]
    return None if missing else sources
