"""The stages of one image, from an edition to files: which follow from which.

::

    edition, packages ─ tree ─┬─ disk ─┬─ raw, qcow2, vmdk, …
                              │        └─ those that hold another: ova, vagrant-…
                              └─ oci, pxe

A format that asks for packages of its own has a tree and a disk of its own.  A stage's
inputs are digests of what went before, not how that came to be: a tree that is composed
again and turns out the same leaves its disk alone.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import zstandard

from heliostat.core.units import GIB, MIB
from heliostat.os.image import boot, cpio, disk, esp, ext4, formats, grub, modules, programs, sparse
from heliostat.os.image.composed import ROOT, TreeRecord, tree_record, tree_stage, with_packages
from heliostat.os.image.formats import WRITERS, Material
from heliostat.os.image.outputs import Kind, load_output, output_path
from heliostat.os.image.stages import Stage
from heliostat.os.image.store import Build, Outcome
from heliostat.os.monitor import Monitor
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.solve import Source
from heliostat.os.tree import Edition

RAW = "disk.raw"
_LABEL_LENGTH = 16
_UNIT_BYTES = GIB  # clouds take whole GiB; the holes cost nothing
_DISK_CODE = (boot, cpio, disk, esp, ext4, grub, modules)


@dataclass(frozen=True, slots=True)
class Variant:
    """What a format wants besides the edition; formats that want the same share a disk."""

    packages: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()


class Assembly:
    """The stages of ``edition``, each run once and only when a format needs it."""

    def __init__(
        self,
        build: Build,
        edition: Edition,
        sources: Sequence[Source],
        monitor: Monitor,
        signer: Signer | None = None,
        epoch: int | None = None,
    ) -> None:
        self._build = build
        self._edition = edition
        self._sources = sources
        self._monitor = monitor
        self._signer = signer
        self._epoch = epoch
        self._done: dict[str, Outcome] = {}

    def tree(self, more: Sequence[str] = ()) -> Outcome:
        """The composed tree, with ``more`` packages."""
        edition = with_packages(self._edition, more)
        if f"{edition.name}/tree" not in self._done:
            self._once(tree_stage(edition, self._sources, self._monitor, self._signer, self._epoch))
        return self._done[f"{edition.name}/tree"]

    def disk(self, variant: Variant) -> Outcome:
        """The raw disk of that tree."""
        name = f"{self._named(variant)}/disk"
        if name not in self._done:
            self._once(self._disk_stage(name, self.tree(variant.packages), variant.files))
        return self._done[name]

    def format(self, name: str) -> Outcome:
        """The file of a format, alone in the outcome's record."""
        output = load_output(name)
        return self._format(name, Variant(output.packages, tuple(sorted(output.files.items()))))

    def _format(self, name: str, variant: Variant) -> Outcome:
        """``name`` of that variant, which may be another format's wish."""
        stage_name = f"{self._named(variant)}/{name}"
        if stage_name not in self._done:
            self._once(self._format_stage(stage_name, name, variant))
        return self._done[stage_name]

    def _named(self, variant: Variant) -> str:
        name = with_packages(self._edition, variant.packages).name
        files = hashlib.sha256(repr(variant.files).encode()).hexdigest()[:8]
        return f"{name}@{files}" if variant.files else name

    def _once(self, stage: Stage) -> None:
        self._done[stage.name] = self._build.run(stage)

    def _disk_stage(
        self, name: str, composed: Outcome, files: tuple[tuple[str, str], ...]
    ) -> Stage:
        record = tree_record(composed.folder)
        root = composed.folder / ROOT
        edition = self._edition

        def make(folder: Path) -> None:
            added = boot.additions(root, edition.kernel.options, edition.kernel.initrd_modules)
            added |= {path: text.encode() for path, text in files}
            with TemporaryDirectory(prefix="work-", dir=folder) as work:
                layout = _layout(edition, record, root)
                disk.assemble(disk.Content(root, added), layout, folder / RAW, Path(work))

        return Stage(
            name=name,
            title=f"Writing the disk of {edition.name}",
            inputs={
                "tree": record.fingerprint,
                "time": str(record.epoch),
                "free space": f"{edition.free_mib} MiB",
                "kernel options": " ".join(edition.kernel.options),
                "modules of the initrd": " ".join(edition.kernel.initrd_modules),
                **{f"file {path}": text for path, text in files},
                "first program of the initrd": _digest(boot.init_script()),
                **programs.digests(programs.DISK_PROGRAMS),
                **programs.loader_digests(),
            },
            make=make,
            code=_DISK_CODE,
        )

    def _format_stage(self, stage_name: str, name: str, variant: Variant) -> Stage:
        output, edition = load_output(name), self._edition
        composed = self.tree(variant.packages)
        record = tree_record(composed.folder)
        raw = self.disk(variant) if output.kind.of_disk else None
        base = self._format(output.base, variant) if output.base else None
        material = Material(
            name=edition.name,
            summary=edition.summary,
            epoch=record.epoch,
            identity=record.fingerprint,
            tree=composed.folder / ROOT,
            disk=raw.folder / RAW if raw else None,
            base=base.file if base else None,
            output=output,
            modules=edition.kernel.initrd_modules,
            options=edition.kernel.options,
        )
        return Stage(
            name=stage_name,
            title=f"Making {name} of {edition.name}",
            inputs={
                "format": _digest(output_path(name)),
                **_compressors(output.kind),
                "summary": edition.summary,
                **({"disk": raw.record.identity} if raw else {"tree": record.fingerprint}),
                **({output.base: base.record.identity} if base else {}),
            },
            make=lambda folder: WRITERS[output.kind](material, folder / f"image{output.suffix}"),
            code=(formats, sparse, disk, boot, cpio, modules),
            hashed=True,
        )


def _layout(edition: Edition, record: TreeRecord, root: Path) -> disk.Layout:
    needed = ext4.size_for(root, edition.free_mib * MIB)
    return disk.Layout(
        identity=record.fingerprint,
        root_bytes=disk.whole_disk(needed, _UNIT_BYTES),
        label=edition.name[:_LABEL_LENGTH],
        epoch=record.epoch,
    )


def _compressors(kind: Kind) -> dict[str, str]:
    """Versions of what compresses: another one may write other bytes."""
    versions = {
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "zstd": ".".join(map(str, zstandard.ZSTD_VERSION)),
    }
    return versions | (programs.digests(["qemu-img"]) if kind is Kind.VAGRANT else {})


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
