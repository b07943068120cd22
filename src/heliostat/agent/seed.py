"""The NoCloud seed: a small ISO 9660 disk from which cloud-init takes its first settings.

Format: https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
(volume name ``cidata``).  JSON is valid YAML, so the files need no YAML writer and
no value can break out of its place.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pycdlib

from heliostat.agentlink.messages import DesiredVm

SEED = "seed.iso"


def seed_files(vm: DesiredVm) -> dict[str, bytes]:
    """The seed's files by name; pure."""
    return {
        "meta-data": _json(_meta_data(vm)),
        "user-data": _user_data(vm),
        "network-config": _json(_network_config(vm)),
    }


def write_seed(vm: DesiredVm, path: Path) -> None:
    """Make the seed of ``vm``; blocks for some 0.1 s."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=4, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    try:
        for name, data in seed_files(vm).items():
            iso.add_fp(
                io.BytesIO(data), len(data), f"/{name}", rr_name=name, joliet_path=f"/{name}"
            )
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as stream:
            iso.write_fp(stream)
            stream.flush()
            os.fsync(stream.fileno())
    finally:
        iso.close()
    part.chmod(0o600)
    os.replace(part, path)


def host_name(vm: DesiredVm) -> str:
    """The guest's host name: the one wanted, else its name."""
    return vm.hostname or vm.name or vm.id


def _meta_data(vm: DesiredVm) -> dict[str, Any]:
    data: dict[str, Any] = {"instance-id": vm.id, "local-hostname": host_name(vm)}
    if vm.ssh_keys:
        data["public-keys"] = list(vm.ssh_keys)
    if vm.environment:
        data["environment"] = vm.environment
    return data


def _user_data(vm: DesiredVm) -> bytes:
    """What the user gave, untouched, or settings that let the keys in as root."""
    if vm.user_data:
        return vm.user_data.encode()
    config = {
        "hostname": host_name(vm),
        "disable_root": False,
        "users": [{"name": "root", "ssh_authorized_keys": list(vm.ssh_keys)}],
    }
    return b"#cloud-config\n" + _json(config)


def _network_config(vm: DesiredVm) -> dict[str, Any]:
    """DHCP on each interface, matched by its address since names differ between guests."""
    ethernets = {
        f"nic{number}": {"match": {"macaddress": nic.mac.lower()}, "dhcp4": True}
        for number, nic in enumerate(vm.nics)
    }
    return {"version": 2, "ethernets": ethernets}


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"
