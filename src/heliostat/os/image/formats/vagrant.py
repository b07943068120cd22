"""Vagrant boxes: what each provider wants beside the disk, in a gzipped tar archive.

The user ``vagrant`` with the key that Vagrant knows is made at the first boot, from the
seed that the format's files put into the disk.  Formats: vagrantup.com, "Box File Format",
and the documentation of vagrant-libvirt.
"""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from heliostat.core.process import run
from heliostat.core.units import GIB
from heliostat.os.image.formats import archive
from heliostat.os.image.formats.gzipped import gzip_file
from heliostat.os.image.formats.material import Material
from heliostat.os.image.formats.ova import described_as
from heliostat.os.image.formats.ovf import envelope
from heliostat.os.image.programs import resolve

_DESCRIPTOR_BYTES = 20 * 512
_CONTENT_ID = re.compile(rb"\nCID=[0-9a-f]{1,8}\n")  # without leading zeros
_VAGRANTFILE = """\
Vagrant.configure("2") do |config|
  config.vm.synced_folder ".", "/vagrant", disabled: true
{settings}end
"""
Member = tuple[str, bytes | Path]


def write(material: Material, out: Path) -> None:
    """The box for the provider that the format names."""
    with tempfile.TemporaryDirectory(prefix="box-", dir=out.parent) as work:
        members = _PROVIDERS[material.output.provider](material, Path(work))
        with (
            gzip_file(out) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT) as tar,
        ):
            for name, content in members:
                if isinstance(content, Path):
                    archive.add_file(tar, name, content, material.epoch)
                else:
                    archive.add_bytes(tar, name, content, material.epoch)


def _libvirt(material: Material, work: Path) -> Iterator[Member]:
    del work
    size_gib = -(-material.disk_bytes // GIB)
    yield _metadata(provider="libvirt", format="qcow2", virtual_size=size_gib)
    yield _vagrantfile("  config.vm.provider :libvirt do |vm|\n    vm.memory = 1024\n  end\n")
    yield "box.img", material.need_base()


def _virtualbox(material: Material, work: Path) -> Iterator[Member]:
    del work
    name = "box-disk001.vmdk"
    yield _metadata(provider="virtualbox")
    # VirtualBox wants an address from the box; the prefix is its own
    yield _vagrantfile(f'  config.vm.base_mac = "080027{material.identity[:6].upper()}"\n')
    yield "box.ovf", envelope(described_as(material, name))
    yield name, material.need_base()


def _vmware(material: Material, work: Path) -> Iterator[Member]:
    disk = work / "disk.vmdk"
    _growing_disk(material, disk)
    yield _metadata(provider="vmware_desktop", architecture="amd64")
    yield _vagrantfile("")
    yield f"{material.name}.vmx", _vmx(material).encode()
    yield "disk.vmdk", disk


_PROVIDERS: dict[str, Callable[[Material, Path], Iterator[Member]]] = {
    "libvirt": _libvirt,
    "virtualbox": _virtualbox,
    "vmware_desktop": _vmware,
}


def _growing_disk(material: Material, out: Path) -> None:
    """A VMDK to run from; stream-optimised ones can only be imported."""
    options = "subformat=monolithicSparse,adapter_type=lsilogic,hwversion=14"
    argv = [resolve("qemu-img"), "convert", "-f", "raw", "-O", "vmdk", "-o", options]
    run([*argv, str(material.need_disk()), str(out)], timeout_s=900)
    with out.open("r+b") as stream:  # its identifier would be random
        stream.seek(512)
        descriptor = stream.read(_DESCRIPTOR_BYTES)
        stream.seek(512)
        stream.write(with_content_id(descriptor, material.identity[:8]))


def with_content_id(descriptor: bytes, identifier: str) -> bytes:
    """The descriptor, padded as it was, with that identifier of eight digits."""
    fixed = _CONTENT_ID.sub(f"\nCID={identifier}\n".encode(), descriptor, count=1)
    return fixed[: len(descriptor)].ljust(len(descriptor), b"\0")


def _vmx(material: Material) -> str:
    machine = material.output.machine
    settings = {
        ".encoding": "UTF-8",
        "config.version": "8",
        "virtualHW.version": machine.hardware.removeprefix("vmx-"),
        "displayName": material.name,
        "guestOS": "other4xlinux-64",
        "firmware": machine.firmware,
        "numvcpus": str(machine.cpus),
        "memsize": str(machine.memory_mib),
        "pciBridge0.present": "TRUE",
        "pciBridge4.present": "TRUE",
        "pciBridge4.virtualDev": "pcieRootPort",
        "pciBridge4.functions": "8",
        "scsi0.present": "TRUE",
        "scsi0.virtualDev": "pvscsi",
        "scsi0:0.present": "TRUE",
        "scsi0:0.fileName": "disk.vmdk",
        "ethernet0.present": "TRUE",
        "ethernet0.virtualDev": machine.network.lower(),
        "ethernet0.connectionType": "nat",
        "ethernet0.addressType": "generated",
    }
    return "".join(f'{key} = "{value}"\n' for key, value in settings.items())


def _metadata(**values: str | int) -> Member:
    return "metadata.json", (json.dumps(values) + "\n").encode()


def _vagrantfile(settings: str) -> Member:
    return "Vagrantfile", _VAGRANTFILE.format(settings=settings).encode()
