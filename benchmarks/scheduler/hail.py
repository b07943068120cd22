"""Ganeti's ``hail`` as Ganeti calls it: a program that reads the cluster and one request.

The input is the allocator's documented JSON: node groups, nodes, no instances, and a
request for one machine on one node (``plain`` disks).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.scheduler.openstack import Size

PROGRAM = Path("/usr/lib/ganeti/iallocators/hail")
GROUP = "00000000-0000-4000-8000-000000000000"
_LARGEST = 1 << 30
_SPEC = ("memory-size", "cpu-count", "disk-count", "disk-size", "nic-count", "spindle-use")


def decide(folder: Path, hosts: Iterable[Size], asked: Size) -> str:
    """The node that it chooses."""
    source = folder / "hail.json"
    source.write_text(json.dumps(cluster(hosts, asked)), encoding="utf-8")
    answer = subprocess.run(
        [str(PROGRAM), str(source)], capture_output=True, check=True, timeout=600
    )
    found = json.loads(answer.stdout)
    if not found["success"]:
        raise RuntimeError(found["info"])
    return str(found["result"][0])


def cluster(hosts: Iterable[Size], asked: Size) -> dict[str, Any]:
    """The allocator's input."""
    policy = _policy()
    group = {"name": "default", "alloc_policy": "preferred", "ipolicy": policy}
    return {
        "version": 2,
        "cluster_name": "bench",
        "cluster_tags": [],
        "enabled_hypervisors": ["kvm"],
        "ipolicy": policy,
        "nodegroups": {GROUP: {**group, "networks": [], "tags": []}},
        "nodes": {f"host-{number}": _node(number, host) for number, host in enumerate(hosts)},
        "instances": {},
        "request": {
            "type": "allocate",
            "name": "guest",
            "memory": asked.memory_mib,
            "vcpus": asked.cpus,
            "spindle_use": 1,
            "disks": [{"size": asked.disk_gib * 1024, "mode": "rw"}],
            "disk_space_total": asked.disk_gib * 1024,
            "disk_template": "plain",
            "os": "debian",
            "tags": [],
            "nics": [],
            "required_nodes": 1,
            "hypervisor": "kvm",
        },
    }


def _policy() -> dict[str, Any]:
    """Limits so wide that they refuse nothing."""
    return {
        "minmax": [
            {"min": dict.fromkeys(_SPEC, 0), "max": dict.fromkeys(_SPEC, _LARGEST)},
        ],
        "std": dict.fromkeys(_SPEC, 1),
        "disk-templates": ["plain"],
        "vcpu-ratio": 16.0,
        "spindle-ratio": float(_LARGEST),
    }


def _node(number: int, host: Size) -> dict[str, Any]:
    address = f"10.0.{number >> 8}.{number & 255}"
    disk_mib = host.disk_gib * 1024
    return {
        "total_memory": host.memory_mib,
        "reserved_memory": 0,
        "free_memory": host.memory_mib,
        "total_disk": disk_mib,
        "free_disk": disk_mib,
        "total_spindles": 0,
        "free_spindles": 0,
        "total_cpus": host.cpus,
        "reserved_cpus": 0,
        "primary_ip": address,
        "secondary_ip": address,
        "tags": [],
        "master_candidate": False,
        "master_capable": True,
        "vm_capable": True,
        "drained": False,
        "offline": False,
        "group": GROUP,
        "i_pri_memory": 0,
        "i_pri_up_memory": 0,
        "ndparams": {
            "spindle_count": 1,
            "exclusive_storage": False,
            "oob_program": None,
            "ovs": False,
            "ovs_name": "",
            "ovs_link": "",
            "ssh_port": 22,
            "cpu_speed": 1.0,
        },
    }
