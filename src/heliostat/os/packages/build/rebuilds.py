"""The rebuild list: which of the archive's sources are built anew, why and how.

``distro/rebuilds.yaml``.  A source that isn't in the list can be built too (it then has
the defaults); the list is what ``make rebuilds`` builds.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.data import load


class Rebuild(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one source is built, where it differs from the defaults."""

    why: str = ""
    """What the archive's own build lacks."""
    packages: tuple[str, ...] = ()
    """Binary packages wanted; all that the build makes if none is named."""
    profiles: tuple[str, ...] = ("nocheck", "nodoc")
    """Debian's build profiles: what is left out, and not asked for."""
    options: tuple[str, ...] = ()
    """Words for ``DEB_BUILD_OPTIONS`` besides the profiles and the hardening."""
    environment: dict[str, str] = {}
    build_packages: tuple[str, ...] = ()
    """What the build needs besides what its source asks for."""
    patches: tuple[str, ...] = ()
    """Files beside the list, applied in this order."""
    files: tuple[str, ...] = ()
    """Files beside the list that ``prepare`` finds in ``/in``."""
    prepare: str = ""
    """Shell commands, run in the unpacked source before the build."""
    timeout_s: float = 3600.0
    disk_bytes: int = 16 * 2**30


class RebuildList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    rebuilds: dict[str, Rebuild]
    """By the name of the source."""


def load_rebuilds(path: Path) -> RebuildList:
    """The list; a patch or file that isn't there is a fault of it."""
    found = load(path, RebuildList)
    for name, rebuild in found.rebuilds.items():
        for kind, listed in (("patch", rebuild.patches), ("file", rebuild.files)):
            for each in listed:
                if not (path.parent / each).is_file():
                    raise HeliostatError(
                        "InvalidSetting",
                        f"{path}: {name} names the {kind} {each}, which isn't there.",
                        hint=f"Put it into {path.parent}, or take the line out.",
                    )
    return found
