"""How the units of a tree stand: enabled, disabled or masked, read from systemd's own links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from heliostat.os.tree.edition import Units

_ETC = "etc/systemd/system"
_VENDOR = "usr/lib/systemd/system"


def states_that_differ(root: Path, wanted: Units) -> Iterator[str]:
    """One sentence for every unit that isn't as ``wanted``."""
    linked = _linked(root)
    for unit in wanted.enable:
        if not _exists(root, unit):
            yield f"{unit} should be enabled, but there is no such unit"
        elif unit not in linked:
            yield f"{unit} should be enabled, but nothing wants it"
    for unit in wanted.disable:
        if unit in linked:
            yield f"{unit} should be disabled, but {linked[unit]} wants it"
    for unit in wanted.mask:
        path = root / _ETC / unit
        if not path.is_symlink() or os.readlink(path) != "/dev/null":
            yield f"{unit} should be masked"


def _exists(root: Path, unit: str) -> bool:
    template = f"{unit.partition('@')[0]}@.{unit.rpartition('.')[2]}" if "@" in unit else unit
    return any(
        os.path.lexists(root / folder / name)
        for folder in (_ETC, _VENDOR)
        for name in (unit, template)
    )


def _linked(root: Path) -> dict[str, str]:
    """Units that links in ``/etc`` enable, with what wants them; also under their templates."""
    found: dict[str, str] = {}
    base = root / _ETC
    for path in sorted(base.rglob("*")) if base.is_dir() else []:
        if not path.is_symlink() or os.readlink(path) == "/dev/null":
            continue
        owner = path.parent.name if path.parent != base else "an alias"
        for name in (path.name, os.path.basename(os.readlink(path))):
            found.setdefault(name, owner)
    return found
