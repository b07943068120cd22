"""What is Fedora's alone: log-in by authselect, and what SELinux lets sssd read and reach.

Pure but for looking at the machine's files.  Facts: authselect(8) and its sources (a backup of a
name is written over by the next, ``authselect.conf`` has the profile and a feature a line),
Fedora's selinux-policy (``sssd.te``: sssd reads certificates, but not ``/var/lib``; it reaches
the usual ports of LDAP and Kerberos, and others by a switch).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from heliostat.member.joining.changes import CommandChange, FileChange
from heliostat.member.places import Machine

PROFILE, FEATURE, BACKUP = "sssd", "with-mkhomedir", "heliostat"
ROOTS = "etc/pki/tls/certs/heliostat-directory.pem"
"""Where sssd may read trusted roots under SELinux."""
SWITCH = "sssd_connect_all_unreserved_ports"
PORTS = frozenset({88, 389, 464, 636})
_SELECTED = "etc/authselect/authselect.conf"
_KNOWN = "usr/share/authselect/default/sssd"
_SELINUX = "sys/fs/selinux"
_FEATURE = re.compile(r'"(with[a-z0-9-]*)"')


def selected(machine: Machine) -> Iterator[CommandChange]:
    """sssd by authselect, unless it is chosen already: by us, whose backup must stay, or before.

    Features that were chosen stay, as far as the profile knows them.
    """
    path = machine.root / _SELECTED
    profile, *features = path.read_text().split() if path.exists() else [""]
    if profile == PROFILE and FEATURE in features:
        return
    known = _features(machine)
    kept = tuple(each for each in features if each in known and each != FEATURE)
    select = ("authselect", "select", PROFILE, FEATURE, *kept, "--force", f"--backup={BACKUP}")
    undo = ("authselect", "backup-restore", BACKUP)
    yield CommandChange(select, undo, "sssd is asked for passwords", once=True)


def home_folders() -> CommandChange:
    """The service that makes them at the first log-in."""
    argv = ("systemctl", "enable", "--now", "oddjobd.service")
    return CommandChange(argv, (), "people get homes when they log in first")


def roots_for_sssd(machine: Machine) -> Iterator[FileChange]:
    """The trusted roots where sssd may read them; another file as soon as they are others."""
    bundle = machine.roots_bundle
    content = bundle.read_text() if bundle.exists() else ""
    yield FileChange(ROOTS, content, 0o644, "whom sssd trusts, where SELinux lets it look")


def let_through(machine: Machine, servers: Sequence[str]) -> Iterator[CommandChange]:
    """Lets sssd reach ``servers`` (URLs or ``host:port``) at unusual ports, where SELinux is."""
    if _switch(machine) != "off" or all(_port(each) in PORTS for each in servers):
        return
    argv = ("setsebool", "-P", SWITCH)
    why = "SELinux lets sssd reach the directory's ports"
    yield CommandChange((*argv, "on"), (*argv, "off"), why)


def labelled(machine: Machine, paths: Sequence[str]) -> Iterator[CommandChange]:
    """SELinux's own labels for files that were put in place of others."""
    if paths and (machine.root / _SELINUX / "enforce").exists():
        files = tuple(f"/{each}" for each in paths)
        yield CommandChange(
            ("restorecon", "-F", *files), (), "files have the labels of their places"
        )


def _features(machine: Machine) -> frozenset[str]:
    folder = machine.root / _KNOWN
    files = [each for each in folder.glob("*") if each.is_file()] if folder.exists() else []
    return frozenset(name for each in files for name in _FEATURE.findall(each.read_text()))


def _switch(machine: Machine) -> str:
    """``on``, ``off``, or empty where there is none: no SELinux, or a policy without it."""
    path = machine.root / _SELINUX / "booleans" / SWITCH
    if not path.exists():
        return ""
    return "on" if path.read_text().split()[:1] == ["1"] else "off"


def _port(server: str) -> int:
    parts = urlsplit(server if "://" in server else f"ldap://{server}")
    return parts.port or (636 if parts.scheme == "ldaps" else 389)
