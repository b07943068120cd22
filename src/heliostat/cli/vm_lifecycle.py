"""``helio vm create``, ``list``, ``show`` and ``delete``."""

from __future__ import annotations

from pathlib import Path

import click

from heliostat.cli import many, naming, options, watching
from heliostat.cli.affinities import affinities, parse_pairs, read_affinities
from heliostat.cli.carrying import carry_out, follow, show_outcome
from heliostat.cli.labelling import label_verb_in_project, parse_labels
from heliostat.cli.listing import VM_COLUMNS
from heliostat.cli.options import Verb, pass_session
from heliostat.cli.session import Session
from heliostat.cli.vm_disks import boot_disk, extra_disk
from heliostat.client.events import Wanted
from heliostat.wire.bulk import BulkVmsSpec
from heliostat.wire.vms import Vm, VmCreateSpec


@click.command("create", cls=Verb)
@click.argument("name")
@click.option("--flavor", required=True, help="Name of a vm flavor: CPUs and memory.")
@click.option("--image", required=True, help="Name or id of the image to boot from.")
@click.option(
    "--boot-flavor",
    default="",
    help="Flavor of the boot disk (default: ephemeral).",
)
@click.option(
    "--disk", "disks", multiple=True, metavar="'NAME FLAVOR GIB'", help="An empty ephemeral disk."
)
@click.option(
    "--ssh-key",
    "ssh_keys",
    multiple=True,
    metavar="FILE",
    help="Public key that may sign in (a file, or the key itself).",
)
@click.option(
    "--user-data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="cloud-init user data for the guest.",
)
@click.option("--env", "environment", multiple=True, metavar="KEY=VALUE", help="For the guest.")
@click.option("--tag", "tags", multiple=True)
@click.option("--subnet", default="", help="Name or id of its subnet (default: the site's).")
@affinities
@click.option(
    "--restart-on-crash/--no-restart-on-crash", default=True, help="If the guest dies by itself."
)
@click.option(
    "--boot-bus",
    type=click.Choice(["virtio", "nvme"]),
    help="What the boot disk is attached to (default: as the host says, virtio); "
    "a VM on nvme can't be suspended.",
)
@click.option("--start", is_flag=True, help="Start it once it is created.")
@many.count_option
@options.labels
@options.project
@options.task
@pass_session
def create(
    session: Session,
    name: str,
    flavor: str,
    image: str,
    boot_flavor: str,
    disks: tuple[str, ...],
    ssh_keys: tuple[str, ...],
    user_data: Path | None,
    environment: tuple[str, ...],
    tags: tuple[str, ...],
    subnet: str,
    affinity: tuple[str, ...],
    anti_affinity: tuple[str, ...],
    prefer: tuple[str, ...],
    prefer_away: tuple[str, ...],
    restart_on_crash: bool,
    boot_bus: str | None,
    start: bool,
    count: int | None,
    labels: tuple[str, ...],
    project: str | None,
    tenant: str | None,
) -> None:
    """Create the VM NAME; it is STOPPED until it is started.

    Many at once: helio vm create --count 10 'ci-{n}' and so on.
    """
    many.check_pattern(name, count)
    if start and session.choices.no_wait:
        raise click.UsageError("--start needs the created VM, so it can't go with --no-wait.")
    owner = naming.project_id(session, project, tenant)
    spec = VmCreateSpec(
        name=name,
        flavor=flavor,
        source_image_id=naming.image_id(session, image),
        attached_disks=[
            boot_disk(session, "vm" if count else name, boot_flavor),
            *map(extra_disk, disks),
        ],
        affinities=read_affinities(affinity, anti_affinity, prefer, prefer_away),
        tags=[*tags],
        subnets=[naming.subnet_id(session, subnet)] if subnet else None,
        environment=parse_pairs(environment, "--env"),
        ssh_keys=[_public_key(key) for key in ssh_keys],
        user_data=user_data.read_text(encoding="utf-8") if user_data is not None else "",
        restart_on_crash=restart_on_crash,
        boot_bus=boot_bus or "",
        labels=parse_labels(labels),
    )
    described = session.client.vms.create(owner, spec)
    if count:
        asked = BulkVmsSpec(template=spec, count=count, name_pattern=name)
        described = session.client.bulk.create_vms(owner, asked)
    if not start or session.choices.plan:
        carry_out(session, described)
        return
    created = follow(session, described.submit())
    if count:
        many.start_all(session, created)
        show_outcome(session, created)
        return
    carry_out(session, session.client.vms.power(created.entity.id, "start"))


@click.command("list", cls=Verb)
@click.option("--name", default="", help="Only those with exactly this name.")
@options.selector
@watching.option
@options.project
@pass_session
def list_vms(
    session: Session,
    name: str,
    selector: str,
    watch: bool,
    project: str | None,
    tenant: str | None,
) -> None:
    """List the VMs of a project."""
    owner = naming.project_id(session, project, tenant)
    if watch:
        wanted = Wanted(kinds=("vm",), project_id=owner, selector=selector)
        watched = watching.Watch(session, Vm, VM_COLUMNS, wanted, lambda vm: name in ("", vm.name))
        watched.run(lambda: session.client.vms.snapshot(owner, name=name, selector=selector))
    found = session.client.vms.list(owner, name=name, selector=selector)
    session.output.items(found, VM_COLUMNS, empty="No VMs.")


@click.command("show", cls=Verb)
@click.argument("vm")
@options.project
@pass_session
def show(session: Session, vm: str, project: str | None, tenant: str | None) -> None:
    """Show VM (name or id)."""
    found = naming.vm_id(session, vm, project, tenant)
    session.output.entity(session.client.vms.get(found))


@click.command("delete", cls=Verb)
@click.argument("vm", required=False)
@click.option("-l", "--selector", default="", metavar="SELECTOR", help=many.SELECTOR_HELP)
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@click.option(
    "--force", is_flag=True, help="Its host is lost: don't wait for it, detach its disks."
)
@options.project
@options.task
@pass_session
def delete(
    session: Session,
    vm: str | None,
    selector: str,
    yes: bool,
    force: bool,
    project: str | None,
    tenant: str | None,
) -> None:
    """Delete VM, which must be stopped and hold no persistent disk; or many by their labels."""
    many.one_or_selected(vm, selector)
    if vm is None:
        owner = naming.project_id(session, project, tenant)
        change = session.client.bulk.delete_vms(owner, selector)
        many.delete_selected(session, change, "VM", yes=yes)
        return
    found = naming.vm_id(session, vm, project, tenant)
    carry_out(session, session.client.vms.delete(found, force=force))


def _public_key(given: str) -> str:
    """A key from a file, or as typed; refuses a private key, which must not travel."""
    text = given
    if not given.startswith(("ssh-", "ecdsa-", "sk-")):
        try:
            text = Path(given).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(f"{given} can't be read: {error}.") from error
    if "PRIVATE KEY" in text:
        raise click.BadParameter(f"{given} is a private key; give {given}.pub.")
    return text.strip()


VERBS = (create, list_vms, show, delete, label_verb_in_project("vm", naming.vm_id))
