"""Where the benchmarks of the system build: folders of their own beside what was downloaded.

Downloads, the archive's index and what was built from source are those of ``HELIO_CACHE``: what
is measured is work, neither the network nor compilers.  Everything that is made from them is
made here, and goes with the folder.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.os.parts import timed
from benchmarks.os.workplace import workplace

from heliostat.core.cache import cache_folder
from heliostat.os.image.built import BuiltImage
from heliostat.os.image.distro import locate_distro
from heliostat.os.image.from_nothing import Places, build, packages_of
from heliostat.os.image.workspace import remove
from heliostat.os.monitor import SilentMonitor
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.own import own_packages
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.intake import take_in
from heliostat.os.repo.repository import Repository
from heliostat.os.tree import load_edition

_GIVEN = ("archives", "debs", "rebuilt", "universe")
_CHANGED = "heliostat-release"


def shared_cache() -> Path:
    """The folder that all builds of this checkout share."""
    return cache_folder(os.environ) / "os"


def shared_image(edition: str) -> BuiltImage:
    """The image as users get it: with the kernel and the rebuilt packages, where they were built.

    Its repositories are the benchmarks' own; without `make kernel` and `make rebuilds` they
    hold the archive's.
    """
    cache = shared_cache()
    places = Places(cache, cache / "benchmarks")
    return build(edition, cache / "benchmarks" / "images", places)


@dataclass(frozen=True, slots=True)
class Site:
    """Repositories, stages and images in ``folder``."""

    folder: Path

    @property
    def places(self) -> Places:
        return Places(self.folder / "cache", self.folder / "home")

    def publish(self, edition: str) -> None:
        """Import what the edition takes; sign and publish it."""
        packages_of(load_edition(edition), self.places, SilentMonitor())

    def build(self, edition: str) -> BuiltImage:
        """The edition's image from the repository that is there."""
        return build(edition, self.folder / "images", self.places)

    def forget_what_was_imported(self) -> None:
        """Leave nothing but what is given."""
        for each in self.folder.iterdir():
            remove(each)
        _link_given(self.places.cache)

    def forget_stages(self) -> None:
        """Leave nothing that was built from the repositories."""
        for each in (self.places.cache / "stages", self.folder / "images"):
            if each.exists():
                remove(each)

    def change_a_package(self, number: int) -> None:
        """Publish a newer version of one package, with another description and digest."""
        packages = own_packages(locate_distro() / "packages")
        before = next(each for each in packages if each.name == _CHANGED)
        release = f"{before.release}.{number}"
        changed = dataclasses.replace(before, release=release, description=f"Change {number}.")
        work = self.folder / "changed"
        work.mkdir(exist_ok=True)
        written = write(changed, work).path
        signer = Signer.create(self.places.keys)
        repository = Repository.open(self.places.repositories / "base")
        take_in(repository, [written], signer, self.places.cache)


@contextmanager
def site() -> Iterator[Site]:
    """A new one on the disk that the cache is on."""
    with workplace(shared_cache()) as folder:
        made = Site(folder)
        made.forget_what_was_imported()
        yield made


@contextmanager
def ready_site(edition: str) -> Iterator[Site]:
    """A new one whose repositories hold what ``edition`` takes."""
    with site() as made:
        timed(f"importing what {edition} takes", partial(made.publish, edition))
        yield made


def _link_given(cache: Path) -> None:
    cache.mkdir(parents=True)
    for name in _GIVEN:
        (shared_cache() / name).mkdir(exist_ok=True)
        (cache / name).symlink_to(shared_cache() / name)
