"""Persistent disks: they outlive the machines they are attached to."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.controller.model.affinity import Affinity
from heliostat.controller.model.policy import Policy
from heliostat.controller.model.quantity import CostItem


class DiskState(StrEnum):
    """State of a persistent disk, as clients know it."""

    CREATING = "CREATING"
    DETACHED = "DETACHED"
    ATTACHED = "ATTACHED"
    ERROR = "ERROR"
    DELETED = "DELETED"


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """``host_id`` is where it lies (empty until reserved); ``vm_id`` what it is attached to.

    ``datastore`` is what clients are shown, ``datastore_id`` where the host keeps it (empty
    for disks of a time when a host had but one).  A DELETED disk is kept until
    ``deleted_until_ms``, which is 0 for any other.
    """

    id: str
    project_id: str
    tenant_id: str
    name: str
    state: DiskState
    flavor_id: str
    flavor: str
    capacity_gb: int
    cost: tuple[CostItem, ...]
    host_id: str = ""
    datastore: str = ""
    datastore_id: str = ""
    vm_id: str = ""
    deleted_until_ms: int = 0
    affinities: tuple[Affinity, ...] = ()
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    policy: Policy = ()
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1


class DiskSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a persistent disk is created from."""

    name: str
    flavor: str
    capacity_gb: int
    kind: str = "persistent-disk"
    affinities: tuple[Affinity, ...] = ()
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
