"""Debian source packages as recipes, and what they make as RPMs.

The source is built by its own ``debian/rules`` with all of Debian's hardening switched on
(dpkg-buildflags(1)); the packages that come out are converted as imported ones are.  A
rebuild's release ends in ``+bhs1``: newer than every build of the same source by the archive
(``+b4``), older than the archive's next source (``+deb13u1``), so that no rebuild hides a
security update of what it was built from.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor
from heliostat.os.packages.build.archive import SourceArchive
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.rebuilds import Rebuild
from heliostat.os.packages.build.recipe import Limits, Recipe
from heliostat.os.packages.build.root import BuildRoot, build_root, planned
from heliostat.os.packages.build.source_package import SourcePackage
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.relation import Relation, Sense

SUFFIX = "+bhs1"
VENDOR = "Heliostat (rebuilt from Debian's source)"
HARDENING = "hardening=+all"

_SCRIPT = """
mkdir in && cp /in/* in/
dpkg-source --no-check -x in/source.dsc source
cd source
{patches}{prepare}
DEB_BUILD_OPTIONS="$DEB_BUILD_OPTIONS parallel=$(nproc)"
export DEB_BUILD_OPTIONS
dpkg-buildpackage --build={kinds} --no-sign --rules-file=debian/rules {profiles}
"""


def check_packages(source: SourcePackage, rebuild: Rebuild) -> None:
    """Refuse a list that wants what the source doesn't make: an hour later would be late."""
    known = source.binaries
    for name in rebuild.packages if known else ():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            nearest = f" Did you mean {close[0]}?" if close else ""
            raise HeliostatError(
                "InvalidSetting",
                f"distro/rebuilds.yaml: {source.name} {source.version} makes no package "
                f"{name}.{nearest}",
                hint=f"It makes {', '.join(known[:12])}{'…' if len(known) > 12 else ''}.",
            )


def recipe_of(
    archive: SourceArchive,
    source: SourcePackage,
    rebuild: Rebuild,
    beside: Sequence[Path],
    cache: Path,
    monitor: Monitor,
) -> Recipe:
    """The recipe of a source package, its root made; ``beside`` are the files that it names."""
    check_packages(source, rebuild)
    packages = planned(archive, rebuild.build_packages, source.dsc, rebuild.profiles)
    return recipe_in(build_root(archive, packages, cache, monitor), source, rebuild, beside)


def recipe_in(
    root: BuildRoot, source: SourcePackage, rebuild: Rebuild, beside: Sequence[Path]
) -> Recipe:
    """The recipe in a root that has what the source asks for."""
    inputs = (*source.inputs, *(Input.of(path) for path in beside))
    return Recipe(
        name=source.name,
        version=source.version,
        root=root,
        inputs=inputs,
        script=script_of(rebuild, [Path(name).name for name in rebuild.patches]),
        outputs=tuple(f"{name}_*.deb" for name in rebuild.packages) or ("*.deb",),
        environment=environment_of(rebuild),
        limits=Limits(rebuild.timeout_s, rebuild.disk_bytes),
    )


def script_of(rebuild: Rebuild, patches: Sequence[str]) -> str:
    """The commands of the build."""
    return _SCRIPT.format(
        patches="".join(f"patch -p1 < /in/{name}\n" for name in patches),
        prepare=rebuild.prepare,
        kinds="any,all" if not rebuild.packages else "any",
        profiles=f"--build-profiles={','.join(rebuild.profiles)}" if rebuild.profiles else "",
    )


def environment_of(rebuild: Rebuild) -> dict[str, str]:
    """Hardening, profiles and what the list says, as dpkg and the sources read them."""
    options = (*rebuild.profiles, *rebuild.options, HARDENING)
    return {
        "DEB_BUILD_MAINT_OPTIONS": HARDENING,
        "DEB_BUILD_OPTIONS": " ".join(dict.fromkeys(options)),
        "DEB_BUILD_PROFILES": " ".join(rebuild.profiles),
        **rebuild.environment,
    }


def as_rebuilt(package: Package) -> Package:
    """A converted package as ours: a newer release, which also provides the archive's."""
    release = package.release + SUFFIX
    said = str(package.evr)
    ours = f"{said}{SUFFIX}"
    own = Relation(package.name, Sense.EQUAL, ours)
    provides = tuple(dict.fromkeys((own, *package.provides)))
    return replace(package, release=release, vendor=VENDOR, provides=provides)
