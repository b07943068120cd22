"""Operations on hosts and images."""

from __future__ import annotations

import hashlib

from heliostat.controller.model.host import HostSpec
from heliostat.controller.model.image import PROJECT, ImageScope, Replication, StagedImage
from heliostat.controller.workflows import host, image
from heliostat.sim.operations.asking import Ask, Known, Operation, ask


def create_host(known: Known) -> Ask:
    known.names += 1
    address = f"10.1.{known.names // 250}.{known.names % 250 + 1}"
    tags = ("CLOUD",) if known.dice.random() < 0.9 else ("CLOUD", "MGMT")
    return ask(host.host_create, HostSpec(address=address, usage_tags=tags), makes="host")


def delete_host(known: Known) -> Ask:
    id_ = known.in_state("host", "MAINTENANCE")
    return ask(host.host_delete, id_, about=id_, leads_to="DELETED")


def suspend_host(known: Known) -> Ask:
    id_ = known.in_state("host", "")
    return ask(host.host_suspend, id_, about=id_, leads_to="SUSPENDED")


def resume_host(known: Known) -> Ask:
    id_ = known.in_state("host", "SUSPENDED")
    return ask(host.host_resume, id_, about=id_, leads_to="")


def enter_maintenance(known: Known) -> Ask:
    id_ = known.in_state("host", "SUSPENDED")
    return ask(host.host_enter_maintenance, id_, about=id_, leads_to="MAINTENANCE")


def exit_maintenance(known: Known) -> Ask:
    id_ = known.in_state("host", "MAINTENANCE")
    return ask(host.host_exit_maintenance, id_, about=id_, leads_to="")


def create_image(known: Known) -> Ask:
    dice = known.dice
    name = known.name("image")
    upload = ("broken " if dice.random() < 0.1 else "") + name
    known.uploads.append(upload)
    staged = StagedImage(digest=hashlib.sha256(upload.encode()).hexdigest(), size_bytes=len(upload))
    scope = ImageScope()
    if dice.random() < 0.3:
        scope = ImageScope(kind=PROJECT, id=known.any("project"))
    replication = Replication.EAGER if dice.random() < 0.4 else Replication.ON_DEMAND
    return ask(image.image_create, name, replication, scope, staged, makes="image")


def delete_image(known: Known) -> Ask:
    id_ = known.any("image")
    return ask(image.image_delete, id_, about=id_)


OPERATIONS = (
    Operation("create-host", 0.7, create_host),
    Operation("delete-host", 1, delete_host),
    Operation("suspend-host", 1.5, suspend_host),
    Operation("resume-host", 2, resume_host),
    Operation("enter-maintenance", 1.5, enter_maintenance),
    Operation("exit-maintenance", 1, exit_maintenance),
    Operation("create-image", 2, create_image),
    Operation("delete-image", 1, delete_image),
)
