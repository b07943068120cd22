"""RPM spec files as recipes: rpmbuild in the sandbox, with our flags and no clock.

A spec can run any program while it is merely read, so even its build requirements are read
in the sandbox, by a first small build.  ``BuildRequires`` are names of the archive's packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor
from heliostat.os.packages.build.archive import SourceArchive
from heliostat.os.packages.build.carry_out import carry_out
from heliostat.os.packages.build.input_file import Input
from heliostat.os.packages.build.recipe import Limits, Recipe
from heliostat.os.packages.build.root import BuildRoot, build_root, planned

TOOLS = ("rpm", "debugedit", "file")
"""rpmbuild, and what it calls."""

C_FLAGS = (
    "-O2 -g -fPIE -Wformat -Werror=format-security -fstack-protector-strong "
    "-fstack-clash-protection -fcf-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 "
    "-ffile-prefix-map=/build=."
)
LINK_FLAGS = "-Wl,-z,relro -Wl,-z,now"
"""The compiler of the root links position independent programs unless told otherwise."""

MACROS = {
    "_topdir": "/build/rpm",
    "_sourcedir": "/build/sources",
    "_specdir": "/build/sources",
    "_buildhost": "heliostat",
    "vendor": "Heliostat",
    "dist": ".hs1",
    "debug_package": "%{nil}",
    "optflags": C_FLAGS,
    "build_ldflags": LINK_FLAGS,
    "source_date_epoch_from_changelog": "1",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "build_mtime_policy": "clamp_to_source_date_epoch",
    "_binary_payload": "w6.zstdio",
    "_build_id_links": "none",
}
_ENVIRONMENT = {
    "CFLAGS": C_FLAGS,
    "CXXFLAGS": C_FLAGS,
    "LDFLAGS": LINK_FLAGS,
    # of packages without a change log; any fixed time will do
    "SOURCE_DATE_EPOCH": "946684800",
}
_SOURCE = re.compile(r"^(?:Source|Patch)\d*:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_HEADER = re.compile(r"^(Name|Version):\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_REQUIREMENT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.+-]*")


@dataclass(frozen=True, slots=True)
class Spec:
    """What a spec says once its macros are expanded."""

    name: str
    version: str
    sources: tuple[str, ...]
    requirements: tuple[str, ...]


def recipe_of(archive: SourceArchive, path: Path, cache: Path, monitor: Monitor) -> Recipe:
    """The recipe of the spec at ``path``, with its sources beside it; its root made."""
    tools = build_root(archive, planned(archive, TOOLS), cache, monitor)
    said = read_spec(path, tools, cache, monitor)
    root = build_root(archive, planned(archive, (*TOOLS, *said.requirements)), cache, monitor)
    return recipe_in(root, path, said)


def recipe_in(root: BuildRoot, path: Path, said: Spec) -> Recipe:
    """The recipe in a root that has what the spec asks for."""
    script = (
        "mkdir sources && cp /in/* sources/\n"
        f"rpmbuild -bb --nodeps {_defined()} sources/{path.name}\n"
        "find rpm/RPMS -name '*.rpm' -exec mv {} . ';'\n"
    )
    return Recipe(
        name=said.name,
        version=said.version,
        root=root,
        inputs=_inputs(path, said.sources),
        script=script,
        outputs=("*.rpm",),
        environment=_ENVIRONMENT,
    )


def read_spec(path: Path, root: BuildRoot, cache: Path, monitor: Monitor) -> Spec:
    """What the spec says, read in a sandbox of its own."""
    script = (
        "mkdir sources && cp /in/* sources/\n"
        f"rpmspec -P {_defined()} sources/{path.name} > expanded\n"
        f"rpmspec -q --buildrequires {_defined()} sources/{path.name} > requirements\n"
    )
    step = Recipe(
        name=f"{path.stem}-spec",
        version="1",
        root=root,
        inputs=(Input.of(path),),
        script=script,
        outputs=("expanded", "requirements"),
        environment=_ENVIRONMENT,
        limits=Limits(120, 2**28),
    )
    built = carry_out(step, cache, monitor)
    texts = {each.name: each.read_text(encoding="utf-8") for each in built.files}
    return parsed(path, texts["expanded"], texts["requirements"])


def parsed(path: Path, expanded: str, requirements: str) -> Spec:
    """From what rpmspec printed; pure."""
    preamble = expanded.partition("\n%description")[0]
    said = {key.lower(): value for key, value in reversed(_HEADER.findall(preamble))}
    if "name" not in said or "version" not in said:
        raise HeliostatError(
            "InvalidSetting",
            f"{path} has no Name or no Version.",
            hint="Both are needed in the preamble of a spec file.",
        )
    sources = tuple(each.rpartition("/")[2] for each in _SOURCE.findall(preamble))
    return Spec(said["name"], said["version"], sources, tuple(_names(path, requirements)))


def _names(path: Path, requirements: str) -> Iterable[str]:
    """The packages to install; a comparison is left to the archive, which has one version."""
    for line in requirements.splitlines():
        wanted = line.strip()
        if not wanted or wanted.startswith("rpmlib("):
            continue
        found = _REQUIREMENT.match(wanted)
        rest = wanted[found.end() :] if found else wanted
        if found is None or rest.startswith(("(", "/", "_")):
            raise HeliostatError(
                "InvalidSetting",
                f"{path}: BuildRequires: {wanted} isn't the name of a package of the archive.",
                hint="Name the package that has it, such as libssl-dev; "
                "`helio os source search PART` looks for one.",
            )
        yield found[0]


def _inputs(path: Path, sources: Iterable[str]) -> tuple[Input, ...]:
    missing = [name for name in sources if not (path.parent / name).is_file()]
    if missing:
        raise HeliostatError(
            "InvalidSetting",
            f"{path} names {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            f"not beside it: builds have no network.",
            hint=f"Put the files into {path.parent}.",
        )
    return (Input.of(path), *(Input.of(path.parent / name) for name in dict.fromkeys(sources)))


def _defined() -> str:
    return " ".join(f"--define '{name} {value}'" for name, value in MACROS.items())
