"""Formats that images are given out in: one file of ``distro/outputs`` each, read into a struct.

The file says what a machine made from the format looks like and what its users are
told; ``kind`` chooses the code that writes it.
"""

from __future__ import annotations

import difflib
from enum import StrEnum
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.data import load
from heliostat.os.image.distro import locate_distro


class Kind(StrEnum):
    """The code that writes a format."""

    RAW = "raw"
    QCOW2 = "qcow2"
    VMDK = "vmdk"
    OVA = "ova"
    VHD = "vhd"
    GCE = "gce"
    VAGRANT = "vagrant"
    OCI = "oci"
    PXE = "pxe"

    @property
    def of_disk(self) -> bool:
        """Is it made from the disk, or from the tree alone?"""
        return self not in (Kind.OCI, Kind.PXE)


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The virtual machine that a format describes, where it describes one."""

    cpus: int = 1
    memory_mib: int = 1024
    firmware: str = "efi"
    hardware: str = "vmx-14"
    """VMware's version of virtual hardware."""
    network: str = "VmxNet3"
    controller: str = "VirtualSCSI"
    """VMware's paravirtual SCSI adapter."""


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One format."""

    kind: Kind
    summary: str
    suffix: str
    """End of the file's name, with what sets it apart from other formats of the same kind."""
    ftype: str
    """What the download index calls it."""
    base: str = ""
    """Another format whose file goes into this one."""
    provider: str = ""
    """Vagrant's name for who runs the box."""
    packages: tuple[str, ...] = ()
    """Packages besides those of the edition, such as a cloud's own agent."""
    files: dict[str, str] = {}
    """Files added to the disk, by path: settings that only this format wants."""
    machine: Machine = Machine()
    next_step: str = ""
    """What its user does with ``{path}``."""


def output_names() -> list[str]:
    """Names of the formats."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def load_output(name: str) -> Output:
    """The format of that name; ``InvalidSetting`` tells the nearest one."""
    known = output_names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}."
        raise HeliostatError(
            "InvalidSetting",
            f"There is no image format {name}; {meant}",
            hint="`helio os image formats` lists them.",
        )
    return load(output_path(name), Output)


def output_path(name: str) -> Path:
    """The file that describes a format."""
    return _folder() / f"{name}.yaml"


def _folder() -> Path:
    return locate_distro() / "outputs"
