"""Operations on the site as a whole."""

from __future__ import annotations

from heliostat.controller.workflows import system
from heliostat.controller.workflows.hosts_sync import hosts_sync
from heliostat.sim.operations.asking import Ask, Known, Operation, ask


def pause(known: Known) -> Ask:
    if known.dice.random() < 0.5:
        return ask(system.system_pause)
    return ask(system.system_pause_background)


def resume(known: Known) -> Ask:
    del known
    return ask(system.system_resume)


def set_groups(known: Known) -> Ask:
    return ask(system.system_set_security_groups, [f"SIM\\admins-{known.dice.randint(1, 3)}"])


def update_properties(known: Known) -> Ask:
    changes = {"workflows.expected_s": float(known.dice.randint(20, 60))}
    return ask(system.system_update_properties, changes)


def sync_hosts(known: Known) -> Ask:
    del known
    return ask(hosts_sync)


OPERATIONS = (
    Operation("pause-site", 0.2, pause),
    Operation("resume-site", 0.4, resume),
    Operation("set-site-groups", 0.2, set_groups),
    Operation("update-properties", 0.4, update_properties),
    Operation("sync-hosts", 0.4, sync_hosts),
)
