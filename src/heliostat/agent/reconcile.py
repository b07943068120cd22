"""What to do next: the agent's decisions, as pure functions.

``decide`` looks at one VM as wanted and as found and answers the next actions
with their reasons.  It keeps no state: the worker performs the first action,
looks again and asks again, until nothing is left to do.  So it does not matter
where an earlier agent was interrupted.

Never decided here: removing a persistent disk (only ``decide_disk`` may, and only
if the disk itself is no longer wanted), or starting a guest whose image or disks
are not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heliostat.agent.hypervisors.contract import SLOTS, Life
from heliostat.agentlink.messages import DesiredVm, DiskKind, GuestState, Power


class Verb(StrEnum):
    """What a worker can do to a VM."""

    FETCH_IMAGE = "FETCH_IMAGE"
    FETCH_DISC = "FETCH_DISC"
    PREPARE = "PREPARE"
    START = "START"
    RESUME = "RESUME"
    PRESS_POWER = "PRESS_POWER"
    KILL = "KILL"
    SUSPEND = "SUSPEND"
    DISCARD_MEMORY = "DISCARD_MEMORY"
    PLUG = "PLUG"
    UNPLUG = "UNPLUG"
    INSERT = "INSERT"
    EJECT = "EJECT"
    DELETE = "DELETE"
    WAIT = "WAIT"

    @property
    def interruptible(self) -> bool:
        """Whether a change of what is wanted may break it off."""
        return self in (Verb.FETCH_IMAGE, Verb.FETCH_DISC)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, and why; ``target`` is a disk, image or disc, ``delay_s`` for ``WAIT``."""

    verb: Verb
    reason: str
    target: str = ""
    delay_s: float = 0.0


class Halt(StrEnum):
    """Why a guest that was started does not run."""

    NONE = "NONE"
    GUEST = "GUEST"
    AGENT = "AGENT"
    CRASH = "CRASH"
    HOST = "HOST"


@dataclass(frozen=True, slots=True)
class Observed:
    """A VM as found: its folder, its record and its hypervisor, read once.

    ``disc`` is the digest of what lies in a running guest's CD drive.

    ``halt_revision`` is the revision that was wanted when the guest ended;
    ``stopping_s`` and ``pressed_s`` count from the first and the last press of the power
    button (``None``: not pressed); ``silent`` says that it runs but does not answer its hypervisor;
    ``retry_s`` is what is left of a pause after a failure.
    """

    exists: bool = False
    prepared: bool = False
    missing_images: tuple[str, ...] = ()
    missing_disks: tuple[str, ...] = ()
    missing_discs: tuple[str, ...] = ()
    life: Life = Life.ABSENT
    halt: Halt = Halt.NONE
    halt_revision: int = -1
    crash_wait_s: float = 0.0
    crashes: int = 0
    restart_done: int = 0
    plugged: frozenset[str] = frozenset()
    disc: str = ""
    stopping_s: float | None = None
    pressed_s: float = 0.0
    silent: bool = False
    given_up: bool = False
    retry_s: float = 0.0

    @property
    def state(self) -> GuestState:
        """The state to report."""
        if self.life is Life.RUNNING:
            return GuestState.RUNNING
        if self.life is Life.SAVED:
            return GuestState.SUSPENDED
        if self.halt is Halt.CRASH:
            return GuestState.CRASHED
        return GuestState.STOPPED if self.prepared else GuestState.PREPARING


@dataclass(frozen=True, slots=True)
class Policy:
    """Pauses of the decisions, in seconds."""

    power_button_s: float = 10.0


def decide(desired: DesiredVm | None, observed: Observed, policy: Policy) -> list[Action]:
    """The next actions for a VM, in order; an empty list means that it has converged."""
    if observed.given_up and desired is not None:
        return []
    if observed.retry_s > 0:
        return [_wait(observed.retry_s, f"The last try failed; next in {observed.retry_s:.0f} s.")]
    if desired is None:
        return _remove(observed)
    if observed.silent and desired.power is not Power.OFF:
        return [_wait(1.0, "It runs, but its hypervisor does not answer yet.")]
    if not observed.prepared:
        return _prepare(desired, observed)
    match desired.power:
        case Power.ON:
            return _power_on(desired, observed, policy)
        case Power.OFF:
            return _power_off(desired, observed, policy)
        case Power.SUSPENDED:
            return _suspend(desired, observed)


def wanted_disks(desired: DesiredVm) -> tuple[str, ...]:
    """Ids of the persistent disks that shall be attached, in the order given."""
    return tuple(disk.id for disk in desired.disks if disk.kind is DiskKind.PERSISTENT)


def _remove(observed: Observed) -> list[Action]:
    if not observed.exists:
        return []
    delete = Action(Verb.DELETE, "The VM is no longer wanted.")
    if observed.life is Life.RUNNING:
        return [Action(Verb.KILL, "The VM is no longer wanted and still runs."), delete]
    return [delete]


def _prepare(desired: DesiredVm, observed: Observed) -> list[Action]:
    fetches = [
        Action(Verb.FETCH_IMAGE, f"Image {digest[:12]} is not on this host.", digest)
        for digest in observed.missing_images
    ]
    count = len(desired.disks)
    return [*fetches, Action(Verb.PREPARE, f"The VM is new: {count} disks and a seed to make.")]


def _power_on(desired: DesiredVm, observed: Observed, policy: Policy) -> list[Action]:
    if observed.life is Life.RUNNING:
        if desired.restart > observed.restart_done:
            why = f"restart {desired.restart} was asked for, {observed.restart_done} done"
            return _stop(desired, observed, policy, why)
        return _disks(desired, observed) + _cd_drive(desired, observed)
    if observed.life is Life.SAVED:
        if desired.restart > observed.restart_done:
            return [Action(Verb.DISCARD_MEMORY, "A restart was asked for while suspended.")]
        return _if_disks(observed, Action(Verb.RESUME, "Wanted on, and its memory is saved."))
    renewed = desired.revision > observed.halt_revision
    restart = desired.restart > observed.restart_done
    if observed.halt is Halt.GUEST and not (renewed or restart):
        return []  # it powered itself off: that is respected until somebody asks again
    if observed.halt is Halt.CRASH and not (renewed or restart):
        return _after_crash(desired, observed)
    return _if_disks(observed, Action(Verb.START, f"Wanted on, found {observed.state}."))


def _after_crash(desired: DesiredVm, observed: Observed) -> list[Action]:
    if not desired.restart_on_crash:
        return []
    if observed.crash_wait_s > 0:
        why = f"Crash {observed.crashes}: starting again in {observed.crash_wait_s:.0f} s."
        return [_wait(observed.crash_wait_s, why)]
    again = Action(Verb.START, f"It crashed ({observed.crashes} times) and shall run again.")
    return _if_disks(observed, again)


def _if_disks(observed: Observed, action: Action) -> list[Action]:
    """``action``, or a pause while a disk or image that it needs is not there."""
    if observed.missing_images:
        return [
            Action(Verb.FETCH_IMAGE, f"Image {digest[:12]} is gone from this host.", digest)
            for digest in observed.missing_images
        ] + [action]
    if observed.missing_discs:
        return [*_fetch_discs(observed), action]
    if observed.missing_disks:
        names = ", ".join(observed.missing_disks)
        return [_wait(1.0, f"Waiting for disks that are not on this host yet: {names}.")]
    return [action]


def _disks(desired: DesiredVm, observed: Observed) -> list[Action]:
    wanted = wanted_disks(desired)
    surplus = sorted(observed.plugged - set(wanted))
    actions = [Action(Verb.UNPLUG, "Attached, but not wanted.", disk) for disk in surplus]
    free = SLOTS - len(observed.plugged) + len(surplus)
    lacking = [disk for disk in wanted if disk not in observed.plugged]
    for disk in lacking[:free]:
        if disk in observed.missing_disks:
            actions.append(_wait(1.0, f"Disk {disk} is not on this host yet."))
        else:
            actions.append(Action(Verb.PLUG, "Wanted, but not attached.", disk))
    return actions


def _cd_drive(desired: DesiredVm, observed: Observed) -> list[Action]:
    wanted = desired.iso.digest if desired.iso is not None else ""
    if observed.disc == wanted:
        return []
    actions = [Action(Verb.EJECT, "In the drive, but not wanted.", observed.disc)]
    if not observed.disc:
        actions.clear()
    if wanted:
        actions += _fetch_discs(observed)
        actions.append(Action(Verb.INSERT, "Wanted, but not in the drive.", wanted))
    return actions


def _fetch_discs(observed: Observed) -> list[Action]:
    return [
        Action(Verb.FETCH_DISC, f"Disc image {digest[:12]} is not on this host.", digest)
        for digest in observed.missing_discs
    ]


def _power_off(desired: DesiredVm, observed: Observed, policy: Policy) -> list[Action]:
    if observed.life is Life.RUNNING:
        return _stop(desired, observed, policy, "wanted off")
    if observed.life is Life.SAVED:
        return [Action(Verb.DISCARD_MEMORY, "Wanted off: the saved memory is of no use.")]
    return _fetch_discs(observed)  # so that what is attached is known to be here


def _stop(desired: DesiredVm, observed: Observed, policy: Policy, why: str) -> list[Action]:
    if desired.hard:
        return [Action(Verb.KILL, f"Powering off at once: {why}.")]
    if observed.stopping_s is None:
        return [Action(Verb.PRESS_POWER, f"Asking the guest to power off: {why}.")]
    left_s = desired.stop_timeout_s - observed.stopping_s
    if left_s <= 0:
        after = f"{desired.stop_timeout_s:.0f} s"
        return [Action(Verb.KILL, f"The guest did not power off within {after} ({why}).")]
    if observed.pressed_s >= policy.power_button_s:
        return [Action(Verb.PRESS_POWER, "The guest has not reacted to the power button yet.")]
    return [_wait(min(left_s, policy.power_button_s - observed.pressed_s), "It is shutting down.")]


def _suspend(desired: DesiredVm, observed: Observed) -> list[Action]:
    if observed.life is not Life.RUNNING:
        return []
    return [Action(Verb.SUSPEND, f"Wanted {desired.power}: saving its memory.")]


def _wait(delay_s: float, reason: str) -> Action:
    return Action(Verb.WAIT, reason, delay_s=max(delay_s, 0.05))


class DiskVerb(StrEnum):
    """What can be done to a persistent disk."""

    CREATE = "CREATE"
    DELETE = "DELETE"
    WAIT = "WAIT"
    NOTHING = "NOTHING"


def decide_disk(
    *, wanted: bool, unwanted: bool, exists: bool, used_by: str
) -> tuple[DiskVerb, str]:
    """For a persistent disk: ``unwanted`` only if the controller itself said so."""
    if wanted:
        if exists:
            return DiskVerb.NOTHING, "It exists."
        return DiskVerb.CREATE, "Wanted, and not on this host."
    if not exists:
        return DiskVerb.NOTHING, "It does not exist."
    if not unwanted:
        return DiskVerb.NOTHING, "Nobody asked for its removal: kept."
    if used_by:
        return DiskVerb.WAIT, f"VM {used_by} still uses it."
    return DiskVerb.DELETE, "It is no longer wanted."
