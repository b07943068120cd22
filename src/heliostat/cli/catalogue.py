"""Which commands exist and where their code is: one row a command.

Kept apart from the code so that listing the commands imports none of them.
Commands of other parts (the server's, the operating system's) are loaded by
name when asked for, and say what to install where their part is missing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Section(StrEnum):
    """Heading under which a command is listed."""

    ACCESS = "Targets and sign-in"
    CLOUD = "Cloud"
    SITE = "Site"
    PLATFORM = "This machine's platform"


class Entry(NamedTuple):
    """A command: its module, its name in there, and one line of help.

    ``extra`` names the optional dependencies of the part that offers it.
    """

    section: Section
    module: str
    attribute: str
    summary: str
    extra: str = ""


SERVER_MODULE = "heliostat.server.commands"

CATALOGUE: dict[str, Entry] = {
    "login": Entry(Section.ACCESS, "heliostat.cli.signin", "login", "Sign in."),
    "logout": Entry(Section.ACCESS, "heliostat.cli.signin", "logout", "Forget the sign-in."),
    "password": Entry(
        Section.ACCESS, "heliostat.cli.own_password", "password", "Change your password."
    ),
    "whoami": Entry(Section.ACCESS, "heliostat.cli.signin", "whoami", "Show who you are."),
    "target": Entry(Section.ACCESS, "heliostat.cli.target", "target", "Choose the platform."),
    "tenant": Entry(Section.CLOUD, "heliostat.cli.tenant", "tenant", "Tenants."),
    "project": Entry(Section.CLOUD, "heliostat.cli.project", "project", "Projects of a tenant."),
    "quota": Entry(Section.CLOUD, "heliostat.cli.quota", "quota", "Limits and what is used."),
    "flavor": Entry(Section.CLOUD, "heliostat.cli.flavor", "flavor", "Sizes of VMs and disks."),
    "image": Entry(Section.CLOUD, "heliostat.cli.image", "image", "Images that VMs boot from."),
    "vm": Entry(Section.CLOUD, "heliostat.cli.vm", "vm", "Virtual machines."),
    "disk": Entry(Section.CLOUD, "heliostat.cli.disk", "disk", "Persistent disks."),
    "apply": Entry(
        Section.CLOUD, "heliostat.cli.declaring.commands", "apply", "Make a site as files say."
    ),
    "export": Entry(
        Section.CLOUD, "heliostat.cli.declaring.commands", "export", "Write a site as such files."
    ),
    "task": Entry(Section.CLOUD, "heliostat.cli.task", "task", "What was asked for, and why."),
    "events": Entry(Section.CLOUD, "heliostat.cli.events", "events", "What changes, as it does."),
    "host": Entry(Section.SITE, "heliostat.cli.host", "host", "Machines that run VMs."),
    "subnet": Entry(Section.SITE, "heliostat.cli.subnet", "subnet", "What VMs are connected to."),
    "zone": Entry(Section.SITE, "heliostat.cli.zone", "zone", "Hosts that fail together."),
    "datastore": Entry(
        Section.SITE, "heliostat.cli.datastore", "datastore", "Where disks and images lie."
    ),
    "user": Entry(Section.SITE, "heliostat.cli.user", "user", "Users of the site."),
    "group": Entry(Section.SITE, "heliostat.cli.group", "group", "Groups of users."),
    "service-account": Entry(
        Section.SITE,
        "heliostat.cli.service_account",
        "service_account",
        "Programs that sign in with keys or certificates.",
    ),
    "identity": Entry(
        Section.SITE, "heliostat.cli.identity", "identity", "Tenants, machines, programs and rules."
    ),
    "audit": Entry(Section.SITE, "heliostat.cli.audit", "audit", "Who did what, and from where."),
    "system": Entry(Section.SITE, "heliostat.cli.system", "system", "The site itself."),
    "chore": Entry(Section.SITE, "heliostat.cli.chore", "chore", "Background work."),
    "doctor": Entry(Section.SITE, "heliostat.cli.doctor", "doctor", "Check and repair the site."),
    "status": Entry(Section.SITE, "heliostat.cli.status", "status", "Is the platform well?"),
    "version": Entry(Section.SITE, "heliostat.cli.status", "version", "Show versions."),
    "up": Entry(Section.PLATFORM, SERVER_MODULE, "up", "Start the platform.", "server"),
    "down": Entry(Section.PLATFORM, SERVER_MODULE, "down", "Stop the platform.", "server"),
    "demo": Entry(Section.PLATFORM, SERVER_MODULE, "demo", "Do the main job once.", "server"),
    "restore": Entry(
        Section.PLATFORM, SERVER_MODULE, "restore", "Put a copy of the store back.", "server"
    ),
    "logs": Entry(Section.PLATFORM, SERVER_MODULE, "logs", "Show what it logged.", "server"),
    "controller": Entry(
        Section.PLATFORM, SERVER_MODULE, "controller", "Run a controller.", "server"
    ),
    "agent": Entry(Section.PLATFORM, SERVER_MODULE, "agent", "Run a host's agent.", "agent"),
    "directory-node": Entry(
        Section.PLATFORM,
        SERVER_MODULE,
        "directory-node",
        "Run a node of the directory.",
        "server",
    ),
    "cert": Entry(
        Section.PLATFORM, "heliostat.member.commands", "cert", "Certificates of this machine."
    ),
    "sim": Entry(
        Section.PLATFORM,
        "heliostat.sim.commands",
        "sim",
        "Rehearse on a simulated cloud.",
        "server",
    ),
    "os": Entry(
        Section.PLATFORM, "heliostat.os.commands", "os_group", "Build the operating system.", "os"
    ),
}
