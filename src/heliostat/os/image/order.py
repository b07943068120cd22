"""Building an image: edition and repositories in, bootable files out, nothing done twice.

An image's identity is the hash of its packages, its edition, and the code, data and programs that
build it: under one identity all formats hold the same disk.
Solving comes first, so a build of what is there already needs neither root nor time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.cache import cache_folder
from heliostat.core.errors import HeliostatError
from heliostat.os import image
from heliostat.os.image import built, programs, stages
from heliostat.os.image.assembly import RAW, Assembly
from heliostat.os.image.built import BuiltImage, ImageFile, ImageRecord
from heliostat.os.image.composed import tree_record
from heliostat.os.image.distro import locate_distro
from heliostat.os.image.outputs import Output, load_output
from heliostat.os.image.prune import prune_stages, room_beside
from heliostat.os.image.store import Build, Outcome, StageStore
from heliostat.os.monitor import Monitor
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.solve import Source
from heliostat.os.tree import Edition

DEFAULT_FORMATS = ("qcow2",)
_PROGRAMS = ("rpm", *programs.DISK_PROGRAMS)
_DECIDING = ("boot", "outputs")  # what is made of a tree, whichever it is


@dataclass(frozen=True, slots=True)
class Order:
    """An image that is wanted."""

    edition: Edition
    sources: tuple[Source, ...]
    """Repositories that its packages come from."""
    formats: tuple[str, ...]
    out_dir: Path
    stages: Path
    """Folder of the kept stages."""
    force: bool = False
    """Make every stage again."""
    signer: Signer | None = None
    """Signs the package that the edition itself is; without one it stays unsigned."""
    epoch: int | None = None
    """Time of the image, if its newest package isn't younger."""
    keep: int | None = None
    """Outcomes of each stage that stay, older ones go; without it all of them do."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A built image, and what became of every stage."""

    image: BuiltImage
    outcomes: tuple[Outcome, ...]


def carry_out(order: Order, monitor: Monitor) -> Finished:
    """Build what ``order`` asks for.

    Raises ``HeliostatError``: ``BuildFailed`` when the host lacks something, ``DiskFull``,
    and what composing a tree raises.
    """
    outputs = {name: load_output(name) for name in order.formats}
    programs.require(_PROGRAMS)
    _require_root()
    with _build(order, monitor) as running:
        assembly = Assembly(
            running, order.edition, order.sources, monitor, order.signer, order.epoch
        )
        tree = assembly.tree()
        made = {name: assembly.format(name) for name in outputs}
        cached = all(each.reused for each in running.outcomes)
        record = _record(order, outputs, tree, made, running)
        files = {name: each.file for name, each in made.items()}
        image_there = _published(order.out_dir, record) if cached else None
        if image_there is None:
            image_there = built.publish(order.out_dir, record, files, order.formats[0])
        return Finished(image_there, tuple(running.outcomes))


@contextmanager
def _build(order: Order, monitor: Monitor) -> Iterator[Build]:
    """The store's build; what goes to make room goes beside the work, and the rest after it."""
    store = StageStore(order.stages)
    if order.keep is None:
        with store.build(monitor, force=order.force) as running:
            yield running
        return
    with (
        room_beside(store, keep=order.keep) as make_room,
        store.build(monitor, force=order.force, make_room=make_room) as running,
    ):
        yield running
    prune_stages(store, keep=order.keep)


def stages_folder() -> Path:
    """Where stages are kept unless told otherwise."""
    return cache_folder(os.environ) / "os" / "stages"


def identity_of(edition: Edition, tree: Outcome) -> str:
    """Hash of all that decides an image of ``edition``, in whatever format."""
    distro = locate_distro()
    data = [path for name in _DECIDING for path in sorted((distro / name).iterdir())]
    inputs = {
        "tree": tree.record.identity,
        "code": stages.code_digest(image),
        "data": stages.digest_of((path.name, path.read_bytes()) for path in data),
        "free space": f"{edition.free_mib} MiB",
        **programs.digests(programs.DISK_PROGRAMS),
        **programs.loader_digests(),
    }
    return stages.identity_of(edition.name, inputs)


def _record(
    order: Order,
    outputs: Mapping[str, Output],
    tree: Outcome,
    made: Mapping[str, Outcome],
    running: Build,
) -> ImageRecord:
    known = tree_record(tree.folder)
    identity = identity_of(order.edition, tree)
    stem = built.stem_of(order.edition.name, identity)
    files = {
        name: ImageFile(
            name=f"{stem}{outputs[name].suffix}",
            sha256=each.record.files[each.file.name].sha256,
            size_bytes=each.record.files[each.file.name].size_bytes,
            ftype=outputs[name].ftype,
        )
        for name, each in made.items()
    }
    return ImageRecord(
        name=order.edition.name,
        identity=identity,
        summary=order.edition.summary,
        version=built.version_of(known.epoch, identity),
        epoch=known.epoch,
        tree=known.fingerprint,
        virtual_size_bytes=_disk_bytes(running.outcomes),
        built_at_ms=time.time_ns() // 1_000_000,
        files=files,
        packages=known.packages,
        inputs={each.name: each.record.inputs for each in running.outcomes},
    )


def _disk_bytes(outcomes: Sequence[Outcome]) -> int:
    """Size of the disk, if one was made."""
    disks = [each.folder / RAW for each in outcomes if (each.folder / RAW).is_file()]
    return disks[0].stat().st_size if disks else 0


def _published(folder: Path, record: ImageRecord) -> BuiltImage | None:
    """The image as it lies in ``folder`` already, whole."""
    for each in built.built_images(folder):
        same = (
            each.identity == record.identity and record.files.items() <= each.record.files.items()
        )
        if same:
            first = next(iter(record.files.values()))
            return BuiltImage(each.record, folder / first.name, cached=True)
    return None


def _require_root() -> None:
    if os.geteuid() != 0:
        raise HeliostatError(
            "BuildFailed",
            "Building an image needs root: files get owners, and programs run shut in.",
            hint="Run it with sudo, or build on a machine where you are root.",
        )
