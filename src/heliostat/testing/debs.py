"""Small Debian packages, built by ``dpkg-deb`` with fixed times."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TinyDeb:
    """A package to build: control fields beside the usual ones, files, scripts, links."""

    name: str
    version: str = "1.0-1"
    architecture: str = "amd64"
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    hard_links: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    config_files: tuple[str, ...] = ()
    compression: str = "xz"


def build_deb(deb: TinyDeb, folder: Path) -> Path:
    """The .deb in ``folder``, its times fixed."""
    root = folder / f"{deb.name}-{deb.version.replace(':', '_')}.root"
    control = root / "DEBIAN"
    control.mkdir(parents=True)
    usual = {
        "Package": deb.name,
        "Version": deb.version,
        "Architecture": deb.architecture,
        "Maintainer": "Test <test@example.org>",
        "Description": f"{deb.name} of the test\n A longer text.\n .\n Its second part.",
    }
    lines = "".join(f"{name}: {value}\n" for name, value in {**usual, **deb.fields}.items())
    (control / "control").write_text(lines)
    if deb.config_files:
        (control / "conffiles").write_text("".join(f"{path}\n" for path in deb.config_files))
    for name, text in deb.scripts.items():
        (control / name).write_text(text)
        (control / name).chmod(0o755)
    _lay_out(root, deb)
    path = folder / f"{deb.name}_{deb.version.rpartition(':')[2]}_{deb.architecture}.deb"
    argv = ["dpkg-deb", "--root-owner-group", f"-Z{deb.compression}", "-b", str(root), str(path)]
    done = subprocess.run(
        argv, capture_output=True, env={"SOURCE_DATE_EPOCH": "1700000000", "PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr.decode()
    return path


def _lay_out(root: Path, deb: TinyDeb) -> None:
    for path, mode in deb.folders.items():
        (root / path[1:]).mkdir(parents=True, exist_ok=True)
        (root / path[1:]).chmod(mode)
    for path, content in deb.files.items():
        target = root / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(deb.modes.get(path, 0o644))
    for path, other in deb.links.items():
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).symlink_to(other)
    for path, other in deb.hard_links.items():
        (root / path[1:]).hardlink_to(root / other[1:])
