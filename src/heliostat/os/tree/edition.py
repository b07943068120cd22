"""Editions: what a system is composed of, as data in ``distro/editions/*.yaml``.

An edition includes others (fragments such as ``base``, or whole editions) and adds to
them.  Lists grow in the order of inclusion; for a unit, the last word counts.  Reading
is the only effect here; ``resolve`` is pure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.data import load
from heliostat.os.image.distro import locate_distro

_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+")  # systemd.unit(5): a link is made by it
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class Units(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What systemd is told about units: presets, and links that mask."""

    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for unit in (*self.enable, *self.disable, *self.mask):
            if not _UNIT.fullmatch(unit):
                raise ValueError(f"{unit!r} is no name of a unit")


class Kernel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the boot loader starts the system."""

    options: tuple[str, ...] = ()
    initrd_modules: tuple[str, ...] = ()
    """Loaded by the initrd, where the kernel has one."""


class EditionFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file, as it is written."""

    summary: str
    include: tuple[str, ...] = ()
    fragment: bool = False
    """Only there to be included; nothing is composed of it alone."""
    packages: tuple[str, ...] = ()
    """Names, or ``(a or b)``: then the first that is listed in ``prefer``, else any."""
    offers: tuple[str, ...] = ()
    """Packages that lie in its repositories for whoever wants them; nobody installs them."""
    without: tuple[str, ...] = ()
    """Packages never chosen; what needs one is refused with the chain."""
    prefer: tuple[str, ...] = ()
    """Taken where alternatives meet a need equally well."""
    documentation: bool = False
    languages: tuple[str, ...] = ()
    """Of translations; none: only the untranslated system."""
    exclude: tuple[str, ...] = ()
    """Patterns of packaged paths that aren't installed; ``!`` before one keeps what it matches."""
    bytecode: tuple[str, ...] = ()
    """Folders whose Python modules are compiled ahead: time at boot for space on disk.  Patterns
    that follow pass over modules (``!``) or take them in again; the last one counts."""
    units: Units = Units()
    kernel: Kernel = Kernel()
    free_mib: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Space left in the root file system of an image."""
    set_id: dict[str, str] = {}
    """Every file that may run as another user or group, and why it has to."""
    changed: dict[str, str] = {}
    """Packaged files that may differ from their package, and why."""


class Edition(msgspec.Struct, frozen=True):
    """An edition with all that it includes."""

    name: str
    summary: str
    packages: tuple[str, ...]
    offers: tuple[str, ...]
    without: tuple[str, ...]
    prefer: tuple[str, ...]
    documentation: bool
    languages: tuple[str, ...]
    exclude: tuple[str, ...]
    bytecode: tuple[str, ...]
    units: Units
    kernel: Kernel
    free_mib: int
    set_id: dict[str, str]
    changed: dict[str, str]


def edition_names(folder: Path | None = None) -> list[str]:
    """Names of what can be composed."""
    files = _read_all(folder or _editions())
    return sorted(name for name, each in files.items() if not each.fragment)


def load_edition(name: str, folder: Path | None = None) -> Edition:
    """The edition of that name, or of that file, with what it includes.

    Raises ``HeliostatError``: unknown names tell the nearest one.
    """
    folder = folder or _editions()
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        own = {_own_name(path): load(path, EditionFile)}
        return resolve(path.stem, {**_read_all(folder), **own})
    return resolve(name, _read_all(folder))


def _own_name(path: Path) -> str:
    """Of an edition in a file: its package and its images are named by it."""
    if not _NAME.fullmatch(path.stem):
        raise _invalid(
            f"{path.stem!r} can't be the name of an edition, which the file's name is: "
            "letters, digits and . _ + - may be in it."
        )
    return path.stem


def resolve(name: str, files: Mapping[str, EditionFile]) -> Edition:
    """The edition with its inclusions in order, each once."""
    if name in files and files[name].fragment:
        raise _invalid(f"{name} is only a part of editions and can't be composed by itself.")
    parts = [files[each] for each in _order(name, files, ())]
    return Edition(
        name=name,
        summary=parts[-1].summary,
        packages=_merged(*(part.packages for part in parts)),
        offers=_merged(*(part.offers for part in parts)),
        without=_merged(*(part.without for part in parts)),
        prefer=_merged(*(part.prefer for part in parts)),
        documentation=any(part.documentation for part in parts),
        languages=_merged(*(part.languages for part in parts)),
        exclude=_merged(*(part.exclude for part in parts)),
        bytecode=_merged(*(part.bytecode for part in parts)),
        units=_units([part.units for part in parts]),
        kernel=Kernel(
            options=_merged(*(part.kernel.options for part in parts)),
            initrd_modules=_merged(*(part.kernel.initrd_modules for part in parts)),
        ),
        free_mib=max(part.free_mib for part in parts),
        set_id={path: why for part in parts for path, why in part.set_id.items()},
        changed={path: why for part in parts for path, why in part.changed.items()},
    )


def _order(name: str, files: Mapping[str, EditionFile], above: tuple[str, ...]) -> list[str]:
    if name in above:
        raise _invalid(f"The editions include each other: {' → '.join((*above, name))}.")
    if name not in files:
        wanted_by = f", which {above[-1]} includes" if above else ""
        known = sorted(each for each, file in files.items() if above or not file.fragment)
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}."
        raise _invalid(f"There is no edition {name}{wanted_by}; {meant}")
    order: list[str] = []
    for each in files[name].include:
        order += [one for one in _order(each, files, (*above, name)) if one not in order]
    return [*order, name]


def _merged(*lists: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for each in lists for item in each))


def _units(parts: list[Units]) -> Units:
    """The last word on each unit."""
    words: dict[str, str] = {}
    for part in parts:
        for word in ("enable", "disable", "mask"):
            for unit in getattr(part, word):
                words.pop(unit, None)
                words[unit] = word

    def told(word: str) -> tuple[str, ...]:
        return tuple(unit for unit, said in words.items() if said == word)

    return Units(enable=told("enable"), disable=told("disable"), mask=told("mask"))


def _editions() -> Path:
    return locate_distro() / "editions"


def _read_all(folder: Path) -> dict[str, EditionFile]:
    return {path.stem: load(path, EditionFile) for path in sorted(folder.glob("*.yaml"))}


def _invalid(sentence: str) -> HeliostatError:
    return HeliostatError("InvalidSetting", sentence, hint="`helio os edition list` shows them.")
