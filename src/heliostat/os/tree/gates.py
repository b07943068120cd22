"""The gates: no tree leaves without having passed each of them.

A gate is a function of the tree and its edition (one also of what was printed while
composing) that gives a ``Verdict``.  ``GATES`` is the table of them.  Files that may
differ, set-user-id files and units are named in the edition; ELF files in
``distro/audit``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from heliostat.os.harden import elf
from heliostat.os.harden.elffile import ElfFile
from heliostat.os.tree.database import verify
from heliostat.os.tree.edition import Edition
from heliostat.os.tree.finish import MACHINE_ID
from heliostat.os.tree.libraries import missing_libraries
from heliostat.os.tree.strays import strays
from heliostat.os.tree.units import states_that_differ
from heliostat.os.tree.verdict import Verdict, judged, refuse_failed

__all__ = ["GATES", "Scene", "Verdict", "gates", "refuse_failed"]

_LEAST_CERTIFICATES = 100
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# one line of `rpm -V`: nine marks or "missing", the kind of file, its path
_DIFFERENCE = re.compile(r"^(?P<marks>[.?SM5DLUGTP]{9}|missing)\s+(?:[cdglr]\s+)?(?P<path>/.*)$")
_UNMET = re.compile(r"^Unsatisfied dependencies|^\s+.+ is needed by ")


@dataclass(frozen=True)
class Scene:
    """What gates look at."""

    root: Path
    edition: Edition
    said: str | None
    """What was printed while the tree was composed; None: not known any more."""
    complaints: Callable[[], list[str]]
    """What `rpm --verify` has to say, as soon as it is known; two gates look at it."""

    @cached_property
    def programs(self) -> list[tuple[str, ElfFile | None]]:
        """Programs and libraries of the tree; two gates look at them."""
        return list(elf.elf_files(self.root))


def gates(root: Path, edition: Edition, *, said: str | None = None) -> Iterator[Verdict]:
    """The verdict of every gate, in the order of the table.

    RPM reads all files meanwhile, for the two gates that wait for it.
    """
    with ThreadPoolExecutor(1) as beside:
        scene = Scene(root, edition, said, beside.submit(verify, root, []).result)
        verdicts = {gate: gate(scene) for gate in sorted(GATES, key=_OF_RPM.__contains__)}
    for gate in GATES:
        yield verdicts[gate]


def as_packaged(scene: Scene) -> Verdict:
    """`rpm -Va`: every packaged file is as its package has it, but for those named."""
    faults = [
        line
        for line in scene.complaints()
        if not _UNMET.match(line)
        and (
            (found := _DIFFERENCE.match(line)) is None
            or _plain(found["path"]) not in scene.edition.changed
        )
    ]
    fine = f"every file is as packaged, but {len(scene.edition.changed)} that may differ"
    return judged("as-packaged", faults, fine, "{n} packaged files differ")


def dependencies(scene: Scene) -> Verdict:
    """What packages need is there."""
    faults = [line for line in scene.complaints() if _UNMET.match(line)]
    return judged("dependencies", faults, "all dependencies are met", "{n} are not met")


def quiet(scene: Scene) -> Verdict:
    """Neither RPM nor a trigger complained: they exit well even if they failed."""
    if scene.said is None:
        return Verdict("quiet", True, "what was printed while composing is not known any more")
    faults = [line for line in scene.said.splitlines() if line.strip()]
    return judged("quiet", faults, "nothing complained", "{n} lines were printed while composing")


def certificates(scene: Scene) -> Verdict:
    """The bundle that TLS clients read has authorities in it, if there is one at all."""
    bundle = scene.root / _CERTIFICATES
    if not (scene.root / "usr/share/ca-certificates").is_dir():
        return Verdict("certificates", True, "the edition has no certificate authorities")
    count = bundle.read_text().count("BEGIN CERTIFICATE") if bundle.is_file() else 0
    reason = f"{count} certificate authorities are trusted"
    few = (f"/{_CERTIFICATES} should have at least {_LEAST_CERTIFICATES}",)
    passed = count >= _LEAST_CERTIFICATES
    return Verdict("certificates", passed, reason, () if passed else few)


def units(scene: Scene) -> Verdict:
    """Units are enabled, disabled and masked as the edition says."""
    faults = list(states_that_differ(scene.root, scene.edition.units))
    fine = f"{len(scene.edition.units.enable)} units are enabled as the edition says"
    return judged("units", faults, fine, "{n} units are not as the edition says")


def binaries(scene: Scene) -> Verdict:
    """Programs and libraries follow the hardening policy, or are excused by name."""
    faults = [str(each) for each in elf.violations(scene.root, files=scene.programs)]
    return judged("elf", faults, "all follow the policy", "{n} breaches of the hardening policy")


def libraries(scene: Scene) -> Verdict:
    """What programs are loaded with wasn't left out."""
    found = missing_libraries(scene.root, scene.programs)
    faults = [f"{path} needs {name}" for path, name in found]
    fine = "every program has its libraries"
    return judged("libraries", faults, fine, "{n} libraries that programs need are not there")


def set_id(scene: Scene) -> Verdict:
    """Only files that the edition names run as another user or group."""
    found = {path for path, mode in _regular_files(scene.root) if mode & 0o6000}
    unnamed = sorted(found - scene.edition.set_id.keys())
    fine = f"{len(found)} files, all of them named"
    return judged("set-id", unnamed, fine, "{n} files run as another user and aren't named")


def identity(scene: Scene) -> Verdict:
    """Nothing of one machine is in the tree: it gets that when it first boots."""
    faults: list[str] = []
    machine = scene.root / "etc/machine-id"
    if not machine.is_file() or machine.read_bytes() != MACHINE_ID:
        faults.append("/etc/machine-id should be `uninitialized`")
    faults += [f"/etc/ssh/{key.name}" for key in sorted(scene.root.glob("etc/ssh/ssh_host_*"))]
    faults += [f"{who} has a password" for who in _with_password(scene.root)]
    return judged("identity", faults, "made at the first boot", "{n} things belong to one machine")


def accounted(scene: Scene) -> Verdict:
    """Every file below /usr belongs to a package, or to what is made from packages."""
    faults = strays(scene.root)
    return judged("accounted", faults, "every file has its package", "{n} files have no package")


GATES: tuple[Callable[[Scene], Verdict], ...] = (
    quiet,
    dependencies,
    as_packaged,
    accounted,
    units,
    certificates,
    identity,
    set_id,
    binaries,
    libraries,
)
_OF_RPM = (as_packaged, dependencies, accounted)  # its database has one reader at a time


def _plain(path: str) -> str:
    """Without the remark that `rpm -V` puts behind some paths."""
    return re.sub(r" \((?:Permission denied|replaced|not installed|net shared)\)$", "", path)


def _regular_files(root: Path) -> Iterator[tuple[str, int]]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = f"{folder}/{name}"
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                yield path[len(str(root)) :], mode


def _with_password(root: Path) -> Iterator[str]:
    """Accounts of the shadow file that a password opens, the empty one included."""
    shadow = root / "etc/shadow"
    if not shadow.is_file():
        return
    for line in shadow.read_text().splitlines():
        name, password = [*line.split(":"), ""][:2]
        if not password.startswith(("!", "*")):
            yield name
