"""Hosts: machines that an agent runs guests on.

The host's document holds what administrators decide; what its agent says it has
is a document of its own (:class:`HostInventory`), so that an agent's news never
collides with a placement that guards the host's state.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


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

    ``images`` are digests of images in its cache.
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
    schema: int = 1


class HostSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a host is created from; user name and password of old clients are not kept."""

    address: str
    usage_tags: tuple[str, ...]
    zone: str = ""
    metadata: dict[str, str] = {}
    labels: dict[str, str] = {}
