"""``linux-virt``: a compiled kernel as a package, its modules signed and packed.

Everything lies below ``/usr/lib/modules/<release>``, the kernel as ``vmlinuz`` in there;
what boots it copies it to ``/boot``.  The lists that depmod makes are the package's but not in
it: kmod's trigger writes them when modules come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.build.carry_out import Built
from heliostat.os.packages.build.kernel import KernelSettings
from heliostat.os.packages.build.modules import ModuleKey
from heliostat.os.packages.rpm.file import File, FileFlag
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.relation import Relation, Sense

PACKER = 2
"""Counts up when the same kernel is packed differently."""

LEVEL = 19
"""zstd's level of modules: packed once, read at every load."""

_OF_DEPMOD = (
    "modules.alias",
    "modules.alias.bin",
    "modules.builtin.alias.bin",
    "modules.builtin.bin",
    "modules.dep",
    "modules.dep.bin",
    "modules.devname",
    "modules.softdep",
    "modules.symbols",
    "modules.symbols.bin",
    "modules.weakdep",
)
_DESCRIPTION = """\
A kernel for virtual machines on KVM, VMware, Hyper-V and Xen, and for containers in them.
Disks, network cards and clocks of these are built in, so it needs no initrd."""


@dataclass(frozen=True, slots=True)
class CompiledKernel:
    """The folder that the build left, with what it says of itself."""

    folder: Path
    release: str
    """What ``uname -r`` will say."""
    epoch: int
    """The time of the source."""
    trusted: bytes
    """The certificate, in DER, by which it knows modules of its own."""

    @classmethod
    def of(cls, built: Built) -> CompiledKernel:
        folder = built.folder / "out" / "kernel"
        try:
            return cls(
                folder,
                (folder / "release").read_text(),
                int((folder / "epoch").read_text()),
                (folder / "trusted.x509").read_bytes(),
            )
        except (FileNotFoundError, ValueError) as error:
            raise HeliostatError(
                "BuildFailed",
                f"The result in {folder} is not whole: {error}.",
                hint="Build it anew: `helio os kernel build --anew`.",
            ) from error

    @property
    def modules(self) -> Path:
        return self.folder / "lib" / "modules" / self.release


def kernel_package(
    kernel: CompiledKernel,
    settings: KernelSettings,
    key: ModuleKey,
    version: str,
    release: str,
) -> Package:
    """The RPM of a compiled kernel; ``version`` and ``release`` are the source's.

    Raises ``BuildFailed`` when the kernel would take modules signed by ``key`` for foreign ones.
    """
    if kernel.trusted != key.certificate_der:
        raise HeliostatError(
            "BuildFailed",
            f"The kernel in {kernel.folder} trusts another key than that of its modules.",
            hint="Build it anew: `helio os kernel build --anew`.",
        )
    evr = f"{version}-{release}"
    provides = (
        Relation(settings.name, Sense.EQUAL, evr),
        Relation("kernel", Sense.EQUAL, evr),
        Relation("kernel-uname-r", Sense.EQUAL, kernel.release),
    )
    return Package(
        name=settings.name,
        version=version,
        release=release,
        arch="x86_64",
        summary=settings.summary,
        description=_DESCRIPTION,
        licence="GPL-2.0-only WITH Linux-syscall-note",
        vendor="Heliostat (built from Debian's source)",
        url="https://www.kernel.org/",
        group="kernel",
        source_rpm=f"linux-{version}-{release}.src.rpm",
        build_time=kernel.epoch,
        provides=provides,
        files=tuple(_files(kernel, key)),
    )


def _files(kernel: CompiledKernel, key: ModuleKey) -> Iterator[File]:
    base, time = f"/usr/lib/modules/{kernel.release}", kernel.epoch
    yield File.folder(base, mtime=time)
    for name in ("vmlinuz", "config", "System.map"):
        data = (kernel.folder / name).read_bytes()
        yield File.regular(
            f"{base}/{name}", data, 0o644 if name != "System.map" else 0o600, mtime=time
        )
    for path in sorted(kernel.modules.rglob("*")):
        target = f"{base}/{path.relative_to(kernel.modules)}"
        if path.is_symlink() or path.name in _OF_DEPMOD:
            continue
        if path.is_dir():
            yield File.folder(target, mtime=time)
        elif path.suffix == ".ko":
            yield File.regular(f"{target}.zst", packed(key.sign(path.read_bytes())), mtime=time)
        else:
            yield File.regular(target, path.read_bytes(), mtime=time)
    for name in _OF_DEPMOD:
        yield File.regular(f"{base}/{name}", b"", mtime=time, flags=FileFlag.GHOST)


def packed(module: bytes) -> bytes:
    """One zstd frame that says its size, as the kernel's own decompressor reads it."""
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(module)
