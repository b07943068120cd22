"""The formats an image is given out in: a function for each kind.

Each writes one file from a :class:`Material`, the same bytes for the same material.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from heliostat.os.image.formats import gce, oci, ova, pxe, qcow2, raw, vagrant, vhd, vmdk
from heliostat.os.image.formats.material import Material
from heliostat.os.image.outputs import Kind

Write = Callable[[Material, Path], None]

WRITERS: dict[Kind, Write] = {
    Kind.RAW: raw.write,
    Kind.QCOW2: qcow2.write,
    Kind.VMDK: vmdk.write,
    Kind.OVA: ova.write,
    Kind.VHD: vhd.write,
    Kind.GCE: gce.write,
    Kind.VAGRANT: vagrant.write,
    Kind.OCI: oci.write,
    Kind.PXE: pxe.write,
}

__all__ = ["WRITERS", "Material", "Write"]
