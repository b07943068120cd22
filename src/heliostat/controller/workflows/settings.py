"""How long workflows wait and how often they try again."""

from __future__ import annotations

from dataclasses import dataclass, field

from heliostat.controller.scheduler.settings import SchedulerSettings
from heliostat.controller.workflows.chore_settings import ChoreSettings


@dataclass(frozen=True, slots=True)
class WorkflowSettings:
    """Bounds of the controller's workflows."""

    create_timeout_s: float = 1800.0
    """Seconds for a host to prepare a VM or disk; an image may have to be fetched first."""

    power_timeout_s: float = 300.0
    """Seconds for a host to start, stop, suspend or resume a VM."""

    capture_timeout_s: float = 7200.0
    """Seconds for a host to make an image of a VM's boot disk and send it."""

    delete_timeout_s: float = 1800.0
    """Seconds for a host to confirm that a VM or disk is gone."""

    expected_s: float = 30.0
    """Seconds after which a step that still waits for a host is shown as stalled; one whose
    agent is not connected is shown at once."""

    provision_timeout_s: float = 3600.0
    """Seconds that a provisioning waits for the host's agent to join."""

    stop_grace_s: float = 60.0
    """Seconds that a guest gets to shut down by itself before it is powered off."""

    reserve_attempts: int = 16
    """How often a placement is decided anew when another one took the space first."""

    admission_attempts: int = 16
    """How often a verb decides anew when what it read was changed before its commit."""

    image_copies_at_once: int = 16
    """Copies of images that hosts are asked for at a time, before they are needed."""

    max_attached_disks: int = 8
    """Persistent disks a VM can have: the hot-plug slots of its machine."""

    disk_grace_s: float = 86_400.0
    """Seconds that a deleted disk is kept and can be restored; 0 removes disks at once."""

    max_image_bytes: int = 1 << 42
    """Largest virtual size of an image; a small file may claim an absurd one."""

    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    """Overcommit, headroom and weights of placement."""

    chores: ChoreSettings = field(default_factory=ChoreSettings)
    """Background work."""
