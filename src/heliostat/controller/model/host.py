"""Hosts: machines that an agent runs guests on.

The host's document holds what administrators decide; what its agent says it has
is a document of its own (:class:`HostInventory`), so that an agent's news never
collides with a placement that guards the host's state.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.agentlink.messages import HostDatastore


class HostState(StrEnum):
    """NOT_PROVISIONED: no agent has joined yet; SUSPENDED: guests run, no new ones."""

    CREATING = "CREATING"
    NOT_PROVISIONED = "NOT_PROVISIONED"
    READY = "READY"
    MAINTENANCE = "MAINTENANCE"
    SUSPENDED = "SUSPENDED"
    ERROR = "ERROR"
    DELETED = "DELETED"


class UsageTag(StrEnum):
    """What a host is for: guests of tenants, or of the platform itself."""

    CLOUD = "CLOUD"
    MGMT = "MGMT"


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Unique by address."""

    id: str
    address: str
    state: HostState
    usage_tags: tuple[UsageTag, ...]
    zone: str = ""
    metadata: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1


class HostInventory(msgspec.Struct, frozen=True, kw_only=True):
    """What a host has, as its agent said; sizes in bytes, memory in MiB.

    ``images`` are digests of images in any of its datastores.  ``datastores`` is empty
    only in what an older agent said.  ``networks`` are names of networks (port groups) that
    it is attached to.
    """

    id: str
    hostname: str
    cpu_count: int
    memory_mib: int
    disk_total_bytes: int
    disk_free_bytes: int
    datastore: str
    accelerator: str
    hypervisor: str
    agent_version: str
    images: tuple[str, ...] = ()
    datastores: tuple[HostDatastore, ...] = ()
    networks: tuple[str, ...] = ()
    schema: int = 1

    @property
    def places(self) -> tuple[HostDatastore, ...]:
        """Where disks can lie; an older agent's one place has the empty id."""
        if self.datastores:
            return tuple(each for each in self.datastores if each.available)
        return (
            HostDatastore(
                datastore_id="",
                name=self.datastore,
                total_bytes=self.disk_total_bytes,
                free_bytes=self.disk_free_bytes,
                images=self.images,
            ),
        )


class HostSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a host is created from; user name and password of old clients are not kept."""

    address: str
    usage_tags: tuple[str, ...]
    zone: str = ""
    metadata: dict[str, str] = {}
    labels: dict[str, str] = {}
