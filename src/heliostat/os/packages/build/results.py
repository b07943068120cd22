"""What builds came to: RPMs signed and kept under the build's name, found again later.

``<cache>/rebuilt/<name>/`` holds the RPMs of the newest build of a name, its provenance and
``result.json``, which is written last.  The folder is replaced as a whole, so whoever takes
``rebuilt/*/*.rpm`` takes whole builds.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write, sync_all, sync_directory
from heliostat.os.monitor import Monitor
from heliostat.os.packages.build.carry_out import PROVENANCE, Built
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.turn import turn

RECORD = "result.json"
PACKER = 1
"""Counts up when the same build is packed differently."""


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """One build and its RPMs."""

    name: str
    version: str
    identity: str
    """Of the recipe."""
    packed: str
    """Of what was made of its result: policy, key, packer."""
    packages: tuple[str, ...]
    """File names of the RPMs."""
    folder: str
    log: str
    cached: bool = False

    @property
    def paths(self) -> list[Path]:
        return [Path(self.folder) / name for name in self.packages]

    @property
    def provenance(self) -> Path:
        return Path(self.folder) / PROVENANCE


def packed(
    built: Built,
    decided: str,
    pack: Callable[[Path], Iterable[Path]],
    signer: Signer,
    results: Path,
    monitor: Monitor,
) -> Result:
    """The signed RPMs of a build; ``pack`` writes them into a folder.

    ``decided`` names everything besides the build that the RPMs follow from.
    """
    parts = (str(PACKER), decided, hashlib.sha256(signer.certificate).hexdigest())
    identity = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with turn(results / f"{built.name}.lock", f"packing {built.name}", monitor):
        _recover(results / built.name)
        there = _read(results / built.name)
        if there and (there.identity, there.packed) == (built.identity, identity):
            return msgspec.structs.replace(there, cached=built.cached)
        with monitor.step(f"Packing {built.name} {built.version}"):
            return _make(built, identity, pack, results)


def _make(
    built: Built, identity: str, pack: Callable[[Path], Iterable[Path]], results: Path
) -> Result:
    folder = results / built.name
    begun = _begun(folder)
    begun.mkdir(parents=True)
    try:
        begun.chmod(0o755)
        names = tuple(sorted(path.name for path in pack(begun)))
        shutil.copyfile(built.provenance, begun / PROVENANCE)
        sync_all([*(begun / name for name in names), begun / PROVENANCE])
        result = Result(
            built.name,
            built.version,
            built.identity,
            identity,
            names,
            str(folder),
            str(built.log),
        )
        atomic_write(begun / RECORD, msgspec.json.format(msgspec.json.encode(result)) + b"\n")
        _replace(begun, folder)
    except BaseException:
        shutil.rmtree(begun, ignore_errors=True)
        raise
    return result


def _replace(begun: Path, folder: Path) -> None:
    """The new folder in the old one's place, which is gone afterwards."""
    if folder.exists():
        _old(folder).parent.mkdir(exist_ok=True)
        folder.rename(_old(folder))
    begun.rename(folder)
    sync_directory(folder.parent)
    shutil.rmtree(_old(folder), ignore_errors=True)


def _recover(folder: Path) -> None:
    """What a killed packing left goes, but for what it had just put aside; we have the turn."""
    if _old(folder).exists() and not folder.exists():
        _old(folder).rename(folder)
    for left in (_begun(folder), _old(folder)):
        shutil.rmtree(left, ignore_errors=True)


def _begun(folder: Path) -> Path:
    """Beside the folder of all results: whoever looks through that must not find it."""
    return _beside(folder.parent, "begun") / folder.name


def _old(folder: Path) -> Path:
    return _beside(folder.parent, "old") / folder.name


def _beside(results: Path, what: str) -> Path:
    return results.with_name(f".{results.name}-{what}")


def listed(results: Path) -> list[Result]:
    """Every build there is, by name."""
    found = (_read(path) for path in sorted(results.glob("[!.]*")) if path.is_dir())
    return [each for each in found if each is not None]


def find(results: Path, name: str) -> Result:
    """The build of that name, or the one that made a package of that name."""
    for each in listed(results):
        made = [package.removesuffix(".rpm") for package in each.packages]
        names = {each.name, *made, *(full.rsplit("-", 2)[0] for full in made)}
        if name in names or (each.identity.startswith(name) and len(name) >= 8):
            return each
    raise HeliostatError("BuildNotFound", f"Nothing named {name} was built here.")


def _read(folder: Path) -> Result | None:
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Result)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        return None  # of an older form: as if it weren't there
