"""Virtual appliances: envelope, manifest and disk in one archive, in the order OVF wants."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from heliostat.os.image import sparse
from heliostat.os.image.formats import archive
from heliostat.os.image.formats.material import Material
from heliostat.os.image.formats.ovf import Appliance, envelope


def write(material: Material, out: Path) -> None:
    """The appliance around the VMDK that is the base."""
    disk = material.need_base()
    names = {kind: f"{material.name}.{kind}" for kind in ("ovf", "mf", "vmdk")}
    described = envelope(described_as(material, names["vmdk"]))
    digests = {
        names["ovf"]: hashlib.sha256(described).hexdigest(),
        names["vmdk"]: sparse.sha256(disk),
    }
    manifest = "".join(f"SHA256({name})= {digest}\n" for name, digest in digests.items())
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as tar:
        archive.add_bytes(tar, names["ovf"], described, material.epoch)
        archive.add_bytes(tar, names["mf"], manifest.encode(), material.epoch)
        archive.add_file(tar, names["vmdk"], disk, material.epoch)


def described_as(material: Material, disk_name: str) -> Appliance:
    """The machine of ``material`` with its base as disk."""
    return Appliance(
        name=material.name,
        summary=material.summary,
        machine=material.output.machine,
        disk_name=disk_name,
        disk_file_bytes=material.need_base().stat().st_size,
        disk_bytes=material.disk_bytes,
    )
