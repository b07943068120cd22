"""Image manifests: what an image holds, as data.

A manifest is ``distro/images/<name>.toml``; the field table below is its schema.
Reading reports every fault at once, and an unknown key names the nearest known one.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from heliostat.core.errors import HeliostatError
from heliostat.os.image.distro import locate_distro


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an image holds."""

    name: str
    """Name of the image; also of its file system label (at most 16 characters)."""
    description: str = ""
    """One sentence for people who choose an image."""
    packages: tuple[str, ...]
    """Debian packages; their dependencies come along, what they recommend does not."""
    exclude: tuple[str, ...] = ()
    """Patterns of paths that are never unpacked, as for dpkg's path-exclude."""
    include: tuple[str, ...] = ()
    """Exceptions from ``exclude``."""
    remove: tuple[str, ...] = ()
    """Patterns of paths removed after installation, relative to the root."""
    overlays: tuple[str, ...] = ()
    """Folders under ``distro/overlay`` copied over the root, in this order."""
    links: dict[str, str] = field(default_factory=dict)
    """Symbolic links: path in the image to target."""
    enable: tuple[str, ...] = ()
    """Units to enable."""
    disable: tuple[str, ...] = ()
    """Units to disable."""
    mask: tuple[str, ...] = ()
    """Units that must never start."""
    kernel_options: tuple[str, ...]
    """Kernel command line, without ``root=``."""
    initrd_modules: tuple[str, ...] = ()
    """Kernel modules that the boot disk needs; with any, the image gets a small initrd."""
    free_mib: int = 256
    """Free space of the root file system before it grows into a larger disk."""


def load_manifest(name_or_path: str | Path) -> Manifest:
    """The manifest of that name in ``distro/images``, or in the file at that path."""
    path = manifest_path(name_or_path)
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise _fault(f"There is no image manifest {name_or_path}; there is {_known()}.") from error
    except tomllib.TOMLDecodeError as error:
        raise _fault(f"{path.name} is not TOML: {error}.") from error
    faults = list(_faults(values))
    if faults:
        raise _fault(f"{path.name}: {'; '.join(faults)}.")
    return Manifest(**{key: _frozen(value) for key, value in values.items()})


def manifest_path(name_or_path: str | Path) -> Path:
    """Where a manifest lies: names have neither a slash nor a suffix."""
    if isinstance(name_or_path, Path) or "/" in name_or_path or name_or_path.endswith(".toml"):
        return Path(name_or_path)
    return locate_distro() / "images" / f"{name_or_path}.toml"


def manifest_names() -> list[str]:
    """Names of the manifests that come with this installation."""
    return sorted(path.stem for path in (locate_distro() / "images").glob("*.toml"))


def _faults(values: dict[str, Any]) -> Iterator[str]:
    hints = get_type_hints(Manifest)
    for key, value in values.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.0)
            yield f"unknown key {key}, did you mean {near[0]}?"
        elif not _fits(value, hints[key]):
            yield f"{key} must be {_WANTED[hints[key]]}"
    required = {item.name for item in fields(Manifest)} - _OPTIONAL
    for key in sorted(required - values.keys()):
        yield f"{key} is missing"
    if len(str(values.get("name", ""))) > _LABEL_LENGTH:
        yield f"name must have at most {_LABEL_LENGTH} characters"


_LABEL_LENGTH = 16
_OPTIONAL = {item.name for item in fields(Manifest)} - {"name", "packages", "kernel_options"}
_WANTED: dict[Any, str] = {
    str: "text",
    int: "a number above 0",
    tuple[str, ...]: "a list of text",
    dict[str, str]: "a table of text",
}


def _fits(value: object, wanted: object) -> bool:
    if wanted is str:
        return isinstance(value, str)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    if isinstance(value, list):
        return wanted == tuple[str, ...] and all(isinstance(item, str) for item in value)
    return (
        isinstance(value, dict)
        and wanted == dict[str, str]
        and all(isinstance(item, str) for item in value.values())
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _known() -> str:
    return ", ".join(manifest_names()) or "none"


def _fault(message: str) -> HeliostatError:
    return HeliostatError(
        "InvalidSetting", message, hint="`helio os image list` shows the manifests and images."
    )
