"""Which package brought a file or folder, by the tree's own database: RPM's or dpkg's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from heliostat.os.inventory.installed import database_in, installed

_INFO = "var/lib/dpkg/info"


def owners_of(root: Path, places: Collection[str]) -> dict[str, str]:
    """Names of packages by place, for those places that are a package's.

    A folder's owner is who brought the metadata in it, else who brought the folder.
    """
    wanted = {spelt: place for place in places for spelt in _spellings(place)}
    found: dict[str, str] = {}
    for package, path in _files(root) if wanted else ():
        place = wanted.get(path)
        if place is not None and (place not in found or path.count("/") > place.count("/")):
            found[place] = package
    return found


def _spellings(place: str) -> Iterator[str]:
    """Before ``/bin`` and ``/lib`` became links, files were packaged below them."""
    for path in (place, f"{place}/METADATA", f"{place}/PKG-INFO"):
        yield path
        if path.startswith("/usr/"):
            yield path.removeprefix("/usr")


def _files(root: Path) -> Iterator[tuple[str, str]]:
    """Package and path."""
    if database_in(root) is not None:
        for package in installed(root):
            for path in package.entries:
                yield package.name, path
    for listed in sorted((root / _INFO).glob("*.list")):
        name = listed.name.removesuffix(".list").partition(":")[0]
        for path in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            yield name, path
