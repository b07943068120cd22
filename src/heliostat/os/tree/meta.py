"""The package that an edition is in the system itself: ``heliostat-edition-<name>``.

It requires what the edition names, so that nothing of it is removed unawares, and holds
what makes it this edition: presets, masks, RPM's settings for what is left out, how its
kernels are started, and a line that tells which edition this is.  A pure function of
edition, solution and time.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence

from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.tree.edition import Edition

_LONGEST_DEFINITION = 8000
"""Bytes; RPM 4.18 and 4.20 take 16,384 with the name of the macro."""


def edition_package(edition: Edition, shared: Sequence[str], epoch: int) -> Package:
    """``shared`` are the paths that are left out, ``epoch`` the time of the system."""
    day = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return Package(
        name=f"heliostat-edition-{edition.name}",
        version="1",
        release=f"{day:%Y%m%d}",
        arch="noarch",
        summary=edition.summary,
        description=f"What makes this system the edition {edition.name}.",
        licence="Apache-2.0",
        build_time=epoch,
        files=tuple(_files(edition, shared, epoch)),
        provides=(Relation.parse(f"heliostat-edition = {edition.name}"),),
        requires=tuple(Relation.parse(name) for name in sorted(edition.packages)),
    )


def _files(edition: Edition, shared: Sequence[str], epoch: int) -> Iterable[File]:
    name = f"40-heliostat-{edition.name}"
    texts = {
        f"/usr/lib/systemd/system-preset/{name}.preset": _preset(edition),
        f"/usr/lib/rpm/macros.d/macros.heliostat-{edition.name}": _macros(edition, shared),
        f"/usr/lib/heliostat/editions/{edition.name}": f"{edition.summary}\n",
    }
    if edition.kernel.options:
        texts["/usr/lib/kernel/cmdline"] = f"{' '.join(edition.kernel.options)}\n"
    if edition.kernel.initrd_modules:
        modules = "".join(f"{name}\n" for name in edition.kernel.initrd_modules)
        texts["/usr/lib/kernel/initrd-modules"] = modules
    for folder in ("/usr/lib/heliostat", "/usr/lib/heliostat/editions"):
        yield File.folder(folder, mtime=epoch)
    for path, text in texts.items():
        yield File.regular(path, text.encode(), mtime=epoch)
    for unit in edition.units.mask:
        yield File.link(f"/etc/systemd/system/{unit}", "/dev/null", mtime=epoch)


def _preset(edition: Edition) -> str:
    lines = [f"# The edition {edition.name}: {edition.summary}"]
    lines += [f"enable {unit}" for unit in edition.units.enable]
    lines += [f"disable {unit}" for unit in edition.units.disable]
    return "\n".join(lines) + "\n"


def _macros(edition: Edition, shared: Sequence[str]) -> str:
    """So that packages that are upgraded leave out the same."""
    lines = [
        f"# What packages leave out in the edition {edition.name}",
        f"%_excludedocs {0 if edition.documentation else 1}",
        f"%_install_langs {':'.join(edition.languages) or 'C'}",
    ]
    return "\n".join([*lines, *_shared_macros(shared)]) + "\n"


def _shared_macros(shared: Sequence[str]) -> Iterator[str]:
    """``%_netsharedpath``, put together from definitions that RPM reads to their ends.

    Of a longer one it drops the rest without a word, and half a path that is left then
    means a folder with all that is in it, such as ``/usr/lib``.
    """
    pieces: list[list[str]] = []
    room = 0
    for path in shared:
        if len(path) + 1 > room:
            pieces.append([])
            room = _LONGEST_DEFINITION
        pieces[-1].append(path)
        room -= len(path) + 1
    if len(pieces) < 2:
        yield from (f"%_netsharedpath {':'.join(paths)}" for paths in pieces)
        return
    for number, paths in enumerate(pieces):
        yield f"%_heliostat_shared_{number} {':'.join(paths)}"
    names = (f"%{{_heliostat_shared_{number}}}" for number in range(len(pieces)))
    yield f"%_netsharedpath {':'.join(names)}"
