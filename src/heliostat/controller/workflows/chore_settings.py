"""How often background work is looked for, and how long things are kept."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ChoreSettings:
    """Seconds between two looks of each chore, and the grace times they heed."""

    tombstones_s: float = HOUR_S
    """Between looks for images and flavors that wait for deletion and have no user left."""

    reservations_s: float = 5 * MINUTE_S
    """Between looks for reservations and orders to hosts for what no longer exists."""

    tasks_s: float = HOUR_S
    """Between looks for tasks whose entity is gone."""

    keep_tasks_s: float = 7 * DAY_S
    """Seconds that tasks of deleted entities stay readable."""

    deleted_disks_s: float = 5 * MINUTE_S
    """Between looks for deleted disks whose grace time has ended."""

    leases_s: float = MINUTE_S
    """Between looks for quota leases that end; they count for nobody from their end on anyway."""

    warn_lease_s: float = 10 * MINUTE_S
    """Seconds before its end that somebody is told of a quota lease in use."""

    content_s: float = HOUR_S
    """Between looks for content that nothing refers to."""

    keep_content_s: float = HOUR_S
    """Seconds that unused content stays: an upload is stored before anything names it."""

    image_copies_s: float = 10 * MINUTE_S
    """Between looks for copies of images that a host gave up or lost."""

    leftovers_s: float = 30 * MINUTE_S
    """Between looks for what lies in datastores and nothing needs."""

    keep_unused_images_s: float = 30 * MINUTE_S
    """Seconds that a copy of an image stays that no VM stands on and that is not wanted there."""

    keep_orphans_s: float = DAY_S
    """Seconds that disks stay in a datastore that no document names."""

    remove_orphaned_disks: bool = False
    """Whether persistent disks that no document names go too; if not, they are only told."""

    datastores_s: float = HOUR_S
    """Between looks for datastores that no host has."""

    keep_datastores_s: float = 12 * HOUR_S
    """Seconds that a datastore without hosts is remembered."""

    audit_s: float = HOUR_S
    """Between looks for audit records that are not sealed yet, or past their time."""

    keep_audit_s: float = 400 * DAY_S
    """Seconds that audit records stay: a year, and some weeks to look back from its end."""
