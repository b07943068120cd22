"""Operations on hosts and images."""

from __future__ import annotations

from heliostat.controller.model.host import HostSpec
from heliostat.controller.model.image import PROJECT, ImageScope, Replication
from heliostat.controller.workflows import host, image, zone
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.host_provision import host_provision
from heliostat.controller.workflows.host_zone import host_set_zone
from heliostat.controller.workflows.image_datastores import image_datastores_update
from heliostat.controller.workflows.kinds import DATASTORES, SUBNETS
from heliostat.controller.workflows.subnet import subnet_set_default
from heliostat.sim.operations.asking import GONE, UNKNOWN, Ask, Known, Operation, ask, staged


def create_host(known: Known) -> Ask:
    known.names += 1
    address = f"10.1.{known.names // 250}.{known.names % 250 + 1}"
    tags = ("CLOUD",) if known.dice.random() < 0.9 else ("CLOUD", "MGMT")
    return ask(host.host_create, HostSpec(address=address, usage_tags=tags), makes="host")


def delete_host(known: Known) -> Ask:
    id_ = known.in_state("host", "MAINTENANCE")
    return ask(host.host_delete, id_, about=id_, leads_to=GONE)


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
    scope = ImageScope()
    if dice.random() < 0.3:
        scope = ImageScope(kind=PROJECT, id=known.any("project"))
    replication = Replication.EAGER if dice.random() < 0.4 else Replication.ON_DEMAND
    return ask(image.image_create, name, replication, scope, staged(upload), makes="image")


def delete_image(known: Known) -> Ask:
    id_ = known.any("image") if known.count("image") > 2 else UNKNOWN
    return ask(image.image_delete, id_, about=id_, leads_to=GONE)


def provision_host(known: Known) -> Ask:
    return ask(host_provision, known.any("host"))


def create_zone(known: Known) -> Ask:
    return ask(zone.zone_create, known.name("zone"), makes="zone")


def delete_zone(known: Known) -> Ask:
    id_ = known.any("zone")
    return ask(zone.zone_delete, id_, about=id_, leads_to=GONE)


def set_zone(known: Known) -> Ask:
    return ask(host_set_zone, known.any("host"), known.any("zone"))


async def choose_image_datastores(ports: Ports, caller: Caller, start: int) -> Admission:
    """Make two or so of the datastores those for images."""
    ids = [each.value.id for each in await DATASTORES.all(ports.store)]
    first = start % max(len(ids), 1)
    return await image_datastores_update(ports, caller, ids[first : first + 2])


def image_datastores(known: Known) -> Ask:
    return ask(choose_image_datastores, known.dice.randint(0, 20))


async def choose_subnet(ports: Ports, caller: Caller, start: int) -> Admission:
    """Make one of the subnets the default."""
    ids = [each.value.id for each in await SUBNETS.all(ports.store)]
    chosen = ids[start % len(ids)] if ids else UNKNOWN
    return await subnet_set_default(ports, caller, chosen)


def set_default_subnet(known: Known) -> Ask:
    return ask(choose_subnet, known.dice.randint(0, 20))


OPERATIONS = (
    Operation("create-host", 0.7, create_host),
    Operation("delete-host", 1, delete_host),
    Operation("suspend-host", 1.5, suspend_host),
    Operation("resume-host", 2, resume_host),
    Operation("enter-maintenance", 1.5, enter_maintenance),
    Operation("exit-maintenance", 1, exit_maintenance),
    Operation("create-image", 2.5, create_image),
    Operation("delete-image", 1, delete_image),
    Operation("provision-host", 0.5, provision_host),
    Operation("create-zone", 0.5, create_zone),
    Operation("delete-zone", 0.5, delete_zone),
    Operation("set-zone", 1, set_zone),
    Operation("image-datastores", 0.5, image_datastores),
    Operation("set-default-subnet", 0.3, set_default_subnet),
)
