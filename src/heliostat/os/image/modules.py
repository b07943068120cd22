"""Kernel modules: which files a set of module names needs, in loading order.

Dependencies are read from the modules themselves (their ``.modinfo`` section),
because a package that was only unpacked has no ``modules.dep`` yet.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError

_DEPENDS = re.compile(rb"\0?depends=([^\0]*)\0")
_SUFFIX = re.compile(r"\.ko(\.xz)?$")


@dataclass(frozen=True, slots=True)
class Module:
    """A module's file name (``virtio_net.ko``) and its uncompressed content."""

    name: str
    content: bytes


def loading_order(tree: Path, wanted: Iterable[str]) -> tuple[Module, ...]:
    """The modules ``wanted`` and what they depend on, dependencies first."""
    files = {_plain(path.name): path for path in tree.rglob("*.ko*")}
    chosen: dict[str, Module] = {}
    for name in wanted:
        _choose(name, files, chosen)
    return tuple(chosen.values())


def _choose(name: str, files: dict[str, Path], chosen: dict[str, Module]) -> None:
    name = _plain(name)
    if name in chosen:
        return
    if name not in files:
        raise HeliostatError("BuildFailed", f"The kernel has no module {name}.")
    content = _read(files[name])
    for needed in dependencies(content):
        _choose(needed, files, chosen)
    chosen[name] = Module(f"{name}.ko", content)


def dependencies(content: bytes) -> tuple[str, ...]:
    """Names of the modules that a module needs loaded before it."""
    found = _DEPENDS.search(content)
    return tuple(name.decode() for name in found.group(1).split(b",") if name) if found else ()


def _plain(name: str) -> str:
    """A module's name as the kernel compares it: without suffix, hyphens as underscores."""
    return _SUFFIX.sub("", name).replace("-", "_")


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content
