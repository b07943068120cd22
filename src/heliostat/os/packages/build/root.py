"""Roots that builds run in: exactly the packages that one build asks for.

What a root holds is planned first, by apt on an empty system; the plan's digest names
the root, so the same list of packages is the same root, however the archive moves on.
A root is complete once its list lies beside it, and is never changed afterwards; it goes
when it was not used for long and the cache is full.  What a killed one left goes when
the same root is made next; its mounts went with its processes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.core.process import ENDING_WITH_US, CommandFailed, run
from heliostat.os.cache.bound import keep_within
from heliostat.os.image.workspace import remove
from heliostat.os.monitor import Monitor
from heliostat.os.packages.build.archive import SourceArchive
from heliostat.os.packages.build.builder import BUILDER_ID
from heliostat.os.turn import turn

BASE = ("?essential", "apt", "build-essential", "fakeroot")
"""What is in every root; Debian sources take the first three for granted."""

_INSTALL_TIMEOUT_S = 1800.0
_INSTALLED = re.compile(r"^Inst (\S+) \((\S+) ", re.MULTILINE)
_BUILDER = f"builder:x:{BUILDER_ID}:{BUILDER_ID}::/build:/bin/sh\n"
_LEFT_OVER = ("var/lib/apt/lists/*", "var/cache/apt/*", "var/log/*", "var/cache/debconf/*-old")


@dataclass(frozen=True, slots=True)
class BuildRoot:
    """A root and its packages, each as ``name=version``, sorted."""

    path: Path
    packages: tuple[str, ...]
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each package, as the archive's signed index had it."""

    @property
    def digest(self) -> str:
        return digest_of(self.packages)


def digest_of(packages: Iterable[str]) -> str:
    """SHA-256 of a list of packages, whatever its order."""
    return hashlib.sha256("\n".join(sorted(packages)).encode()).hexdigest()


def planned(
    archive: SourceArchive,
    wanted: Sequence[str],
    dsc: Path | None = None,
    profiles: Sequence[str] = (),
) -> list[str]:
    """``name=version`` of all that ``wanted`` and the build dependencies of ``dsc`` take.

    ``profiles`` are Debian's build profiles, which make a source ask for less.
    """
    listed = _INSTALLED.findall(archive.simulate(["install", *BASE, *wanted]))
    if dsc is not None:
        named = [f"--build-profiles={','.join(profiles)}"] if profiles else []
        listed += _INSTALLED.findall(archive.simulate(["build-dep", *named, str(dsc)]))
    return sorted({f"{name}={version}" for name, version in listed})


def build_root(
    archive: SourceArchive, packages: Sequence[str], cache: Path, monitor: Monitor
) -> BuildRoot:
    """The root of exactly these packages, made if it isn't there; ``cache`` is ``.cache/os``."""
    folder = cache.resolve() / "roots"
    name = digest_of(packages)[:16]
    made = not (folder / f"{name}.json").is_file()
    with turn(folder / f"{name}.lock", "making the same build root", monitor):
        path, record = folder / name, folder / f"{name}.json"
        if not record.is_file():
            for stale in (*folder.glob(f".{name}-*"), *folder.glob(name)):
                remove(stale)
            digests = archive.digests(packages)
            with monitor.step(f"Making a build root of {len(packages)} packages"):
                _make(archive, packages, path)
            atomic_write(record, msgspec.json.encode(digests))
        root = _read(record)
    if made:
        keep_within(cache.resolve())
    return root


def _read(record: Path) -> BuildRoot:
    """The root of a record; in older ones there are no digests."""
    told = msgspec.json.decode(record.read_bytes(), type=dict[str, str] | list[str])
    digests = told if isinstance(told, dict) else {}
    return BuildRoot(record.with_suffix(""), tuple(sorted(told)), digests)


def _make(archive: SourceArchive, packages: Sequence[str], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        begun.chmod(0o755)
        _install(archive, packages, begun)
        _furnish(begun)
        # its packages aren't waited for one by one; the list says that all of it is there
        run(["sync", "--file-system", str(begun)], timeout_s=_INSTALL_TIMEOUT_S)
        begun.rename(path)
    except BaseException:
        remove(begun)
        raise


def _install(archive: SourceArchive, packages: Sequence[str], path: Path) -> None:
    lines = "".join(f"{source.line()}\n" for source in archive.archive.sources)
    options = ('APT::Install-Recommends "false"', 'Acquire::Languages "none"')
    argv = [*ENDING_WITH_US, "unshare", "--mount", "--pid", "--fork", "--kill-child"]
    argv += ["mmdebstrap", "--variant=buildd", "--format=directory", "--skip=check/empty"]
    argv += [f"--aptopt={option}" for option in (*options, *archive.archive.apt_options)]
    argv += ["--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/info/*"]
    argv += [f"--include={','.join(packages)}", archive.archive.suite, str(path), "-"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        run(argv, timeout_s=_INSTALL_TIMEOUT_S, stdin=lines.encode(), env=environment)
    except CommandFailed as error:
        raise HeliostatError(
            "BuildFailed",
            f"The build root could not be made: {error.message}",
            hint="The archive may have moved on: `helio os source update`, then the same again.",
            data=error.data,
        ) from error


def _furnish(root: Path) -> None:
    """The builder, and nothing that tells when or where it was made."""
    with (root / "etc/passwd").open("a") as stream:
        stream.write(_BUILDER)
    with (root / "etc/group").open("a") as stream:
        stream.write(f"builder:x:{BUILDER_ID}:\n")
    for pattern in _LEFT_OVER:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in ("etc/resolv.conf", "etc/hostname", "etc/machine-id"):
        (root / name).unlink(missing_ok=True)
