"""Hosts as numpy columns: what placement decides on.

One row a host, sorted by id so that the same fleet always gives the same rows.
A snapshot: it is built from documents (or other rows) and never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heliostat.controller.model.host import Host, HostInventory, HostState, UsageTag
from heliostat.controller.model.reservation import Reservation

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host as placement sees it; no ``inventory`` before its agent has joined.

    ``project_vms`` counts machines by project.
    """

    host: Host
    inventory: HostInventory | None
    agent_active: bool
    reservation: Reservation
    project_vms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class HostColumns:
    """Parallel columns; sizes in MiB and bytes, texts as codes into ``words``."""

    ids: tuple[str, ...]
    position: Mapping[str, int]
    ready: Bools
    active: Bools
    cloud: Bools
    mgmt: Bools
    zone: Codes
    datastore: Codes
    words: Mapping[str, int]
    cpu_total: Floats
    cpu_used: Floats
    memory_total: Floats
    memory_used: Floats
    disk_total: Floats
    disk_free: Floats
    disk_used: Floats
    image_hosts: Mapping[str, NDArray[np.intp]]
    project_hosts: Mapping[str, tuple[NDArray[np.intp], Floats]]

    def __len__(self) -> int:
        return len(self.ids)

    def code(self, word: str) -> int:
        """The code of a zone or datastore; -1 if no host has it."""
        return self.words.get(word, -1)


def build(rows: Iterable[HostRow]) -> HostColumns:
    """The columns of ``rows``."""
    ordered = sorted(rows, key=lambda row: row.host.id)
    words: dict[str, int] = {}
    stores = [row.inventory.datastore if row.inventory else "" for row in ordered]
    ids = tuple(row.host.id for row in ordered)
    return HostColumns(
        ids=ids,
        position={host_id: index for index, host_id in enumerate(ids)},
        ready=np.array([row.host.state is HostState.READY for row in ordered], dtype=np.bool_),
        active=np.array([row.agent_active for row in ordered], dtype=np.bool_),
        cloud=_tagged(ordered, UsageTag.CLOUD),
        mgmt=_tagged(ordered, UsageTag.MGMT),
        zone=_codes([row.host.zone for row in ordered], words),
        datastore=_codes(stores, words),
        words=words,
        cpu_total=_floats(row.inventory.cpu_count if row.inventory else 0 for row in ordered),
        cpu_used=_floats(row.reservation.cpu_count for row in ordered),
        memory_total=_floats(row.inventory.memory_mib if row.inventory else 0 for row in ordered),
        memory_used=_floats(row.reservation.memory_mib for row in ordered),
        disk_total=_floats(
            row.inventory.disk_total_bytes if row.inventory else 0 for row in ordered
        ),
        disk_free=_floats(row.inventory.disk_free_bytes if row.inventory else 0 for row in ordered),
        disk_used=_floats(row.reservation.disk_bytes for row in ordered),
        image_hosts=_images(ordered),
        project_hosts=_projects(ordered),
    )


def _tagged(rows: list[HostRow], tag: UsageTag) -> Bools:
    return np.array([tag in row.host.usage_tags for row in rows], dtype=np.bool_)


def _floats(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)


def _codes(texts: list[str], words: dict[str, int]) -> Codes:
    return np.array([words.setdefault(text, len(words)) for text in texts], dtype=np.int32)


def _images(rows: list[HostRow]) -> dict[str, NDArray[np.intp]]:
    found: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        for digest in row.inventory.images if row.inventory else ():
            found.setdefault(digest, []).append(index)
    return {digest: np.array(where, dtype=np.intp) for digest, where in found.items()}


def _projects(rows: list[HostRow]) -> dict[str, tuple[NDArray[np.intp], Floats]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for index, row in enumerate(rows):
        for project_id, count in row.project_vms.items():
            found.setdefault(project_id, []).append((index, count))
    return {
        project_id: (
            np.array([index for index, _ in pairs], dtype=np.intp),
            np.array([count for _, count in pairs], dtype=np.float64),
        )
        for project_id, pairs in found.items()
    }
