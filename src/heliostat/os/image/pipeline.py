"""Building an image: manifest in, bootable qcow2 out, nothing done twice.

An image's identity is the hash of everything that decides what it holds: the
manifest, its overlays, the code that builds it and the Debian release.  A build
writes ``<name>-<identity>.qcow2`` and a JSON file beside it; while both exist,
building again only reads that file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.core.process import CommandFailed
from heliostat.core.units import MIB
from heliostat.os.image import disk, ext4, programs, rootfs
from heliostat.os.image.distro import locate_distro
from heliostat.os.image.manifest import Manifest, load_manifest
from heliostat.os.image.workspace import workspace
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.sources import host as sources

_PROGRAMS = ("apt-get", "mmdebstrap", *programs.DISK_PROGRAMS)
_DECIDING_CODE = ("rootfs.py", "disk.py", "grub.py", "pipeline.py")


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """A finished image: qcow2 file, its SHA-256, and the identity of its inputs."""

    name: str
    path: Path
    digest: str
    size_bytes: int
    virtual_size_bytes: int
    identity: str
    release: str
    built_at_ms: int
    cached: bool
    packages: dict[str, str]


def build(
    manifest: str | Path, out_dir: Path, monitor: Monitor | None = None, *, force: bool = False
) -> BuiltImage:
    """The image of ``manifest`` (a name or a file) in ``out_dir``, built if it isn't there.

    Raises ``BuildFailed`` when the host lacks something, ``InvalidSetting`` for a
    wrong manifest.
    """
    watcher = monitor or SilentMonitor()
    wanted = load_manifest(manifest)
    release = sources.host_release()
    identity = identity_of(wanted, release)
    out_dir.mkdir(parents=True, exist_ok=True)
    with _one_builder(out_dir):
        found = None if force else _built(out_dir / f"{wanted.name}-{identity[:16]}.json")
        if found is not None:
            return found
        _require_root()
        programs.require(_PROGRAMS)
        return _build(wanted, release, identity, out_dir, watcher)


def built_images(out_dir: Path) -> list[BuiltImage]:
    """The finished images in ``out_dir``, newest first."""
    records = (_built(path) for path in out_dir.glob("*.json"))
    images = [image for image in records if image is not None]
    return sorted(images, key=lambda image: -image.built_at_ms)


def identity_of(manifest: Manifest, release: str) -> str:
    """SHA-256 over all inputs of a build, except for the packages' versions."""
    digest = hashlib.sha256(f"{release}\n{manifest!r}\n".encode())
    for path in (Path(__file__).parent / name for name in _DECIDING_CODE):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for overlay in manifest.overlays:
        folder = locate_distro() / "overlay" / overlay
        for path in rootfs.overlay_files(folder):
            mode = "x" if os.access(path, os.X_OK) else "-"
            digest.update(f"{path.relative_to(folder)}\0{mode}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _build(
    manifest: Manifest, release: str, identity: str, out_dir: Path, monitor: Monitor
) -> BuiltImage:
    with ExitStack() as stack:
        work = stack.enter_context(workspace(out_dir))
        root, raw, packed = work / "root", work / "disk.raw", work / "disk.qcow2"
        stack.enter_context(_failures_named(manifest.name))
        with monitor.step("Installing Debian packages"):
            rootfs.install_packages(manifest, release, root, monitor)
        with monitor.step("Configuring the system"):
            layout_id = disk.Layout(identity, 0, manifest.name, 0).root_partition_id
            rootfs.configure(manifest, root, layout_id)
            packages = rootfs.installed_packages(root)
        with monitor.step("Writing the disk"):
            root_bytes = ext4.size_for(root, manifest.free_mib * MIB)
            layout = disk.Layout(identity, root_bytes, manifest.name, int(time.time()))
            disk.assemble(disk.Content(root), layout, raw, work)
        with monitor.step("Compressing the image"):
            disk.compress(raw, packed)
        with monitor.step("Hashing the image"), packed.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        record: dict[str, Any] = {
            "name": manifest.name,
            "digest": digest,
            "size_bytes": packed.stat().st_size,
            "virtual_size_bytes": raw.stat().st_size,
            "identity": identity,
            "release": release,
            "built_at_ms": time.time_ns() // 1_000_000,
            "packages": packages,
        }
        path = out_dir / f"{manifest.name}-{identity[:16]}.qcow2"
        packed.rename(path)
        atomic_write(path.with_suffix(".json"), json.dumps(record, indent=1).encode())
        return BuiltImage(path=path, cached=False, **record)


def _built(record: Path) -> BuiltImage | None:
    """The image that ``record`` describes, if it is there and has its size."""
    image = record.with_suffix(".qcow2")
    try:
        values = json.loads(record.read_bytes())
        if image.stat().st_size != values["size_bytes"]:
            return None
        return BuiltImage(path=image, cached=True, **values)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _one_builder(out_dir: Path) -> Iterator[None]:
    """Keeps two builds in one folder from doing the same work at once."""
    with open(out_dir / ".lock", "ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def _failures_named(name: str) -> Iterator[None]:
    try:
        yield
    except CommandFailed as error:
        raise HeliostatError(
            "BuildFailed",
            f"Building the image {name} failed: {error.message}",
            hint="The program's own output follows; correct what it names and build again.",
            data=error.data,
        ) from error


def _require_root() -> None:
    if os.geteuid() != 0:
        raise HeliostatError(
            "BuildFailed",
            "Building an image needs root: packages are installed into a root file system.",
            hint="Run it with sudo, or build on a machine where you are root.",
        )
