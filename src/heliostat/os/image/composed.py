"""The stage that composes a tree: what it is made from, and what is known of it afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from heliostat.core.files import atomic_write
from heliostat.os import solve, tree
from heliostat.os.image import programs
from heliostat.os.image.built import PackageRecord
from heliostat.os.image.stages import Stage
from heliostat.os.inventory.installed import installed
from heliostat.os.monitor import Monitor
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.solve import Chosen, Source
from heliostat.os.tree import Edition

ROOT = "root"
_RECORD = "tree.json"
_PROGRAMS = ("rpm",)


class TreeRecord(msgspec.Struct, frozen=True, rename="camel"):
    """What lies beside a composed tree."""

    epoch: int
    fingerprint: str
    packages: list[PackageRecord]


def with_packages(edition: Edition, more: Iterable[str]) -> Edition:
    """The edition and ``more`` packages; named after both."""
    added = tuple(name for name in more if name not in edition.packages)
    if not added:
        return edition
    return msgspec.structs.replace(
        edition,
        name="+".join((edition.name, *added)),
        packages=(*edition.packages, *added),
    )


def tree_stage(
    edition: Edition,
    sources: Sequence[Source],
    monitor: Monitor,
    signer: Signer | None,
    epoch: int | None,
) -> Stage:
    """Composing ``edition`` from the packages that ``sources`` offer now.

    ``signer`` signs the edition's own package, whose signature is in the tree's database.
    ``epoch`` is as for ``compose``.
    """
    solution = tree.choose(edition, sources)

    def make(folder: Path) -> None:
        composed = tree.compose(
            edition, sources, folder / ROOT, monitor, epoch=epoch, signer=signer
        )
        record = TreeRecord(
            epoch=composed.epoch,
            fingerprint=tree.fingerprint(composed.root),
            packages=list(_packages(composed.root, composed.packages)),
        )
        atomic_write(folder / _RECORD, msgspec.json.encode(record))

    return Stage(
        name=f"{edition.name}/tree",
        title=f"Composing {edition.name}",
        inputs={
            "edition": hashlib.sha256(msgspec.json.encode(_of_tree(edition))).hexdigest(),
            **{f"package {each.name}": _version(each) for each in solution.packages},
            **({"time": str(epoch)} if epoch is not None else {}),
            "signed by": signer.fingerprint if signer else "nobody",
            **programs.digests(_PROGRAMS),
        },
        make=make,
        code=(tree, solve),
        tells=True,
    )


def tree_record(folder: Path) -> TreeRecord:
    """What is known of the tree that was composed into ``folder``."""
    return msgspec.json.decode((folder / _RECORD).read_bytes(), type=TreeRecord)


def _of_tree(edition: Edition) -> Edition:
    """The edition without what only disks are made from."""
    return msgspec.structs.replace(edition, free_mib=0)


def _version(package: Chosen) -> str:
    return f"{package.evr}.{package.arch} {package.sha256 or ''}"


def _packages(root: Path, chosen: Sequence[Chosen]) -> Iterable[PackageRecord]:
    signers = _signers(root)
    for each in chosen:
        yield PackageRecord(
            name=each.name,
            version=each.evr,
            arch=each.arch,
            sha256=each.sha256 or "",
            repository=each.source,
            source=(each.source_rpm or "").removesuffix(".src.rpm"),
            signer=signers.get((each.name, each.arch), ""),
        )


def _signers(root: Path) -> dict[tuple[str, str], str]:
    """Key ids by name and architecture, as RPM's database in the tree has them."""
    made = ((each, each.signature) for each in installed(root))
    return {(each.name, each.arch): signature.issuer for each, signature in made if signature}
