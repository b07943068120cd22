"""Which kind of Linux a machine runs: how packages come, and how people's log-in is set up.

A family says what differs between distributions in the same order for all; whoever
adds one adds a row to ``FAMILIES``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import PermanentError
from heliostat.member.places import Machine

Ask = Callable[[Sequence[str]], str]
"""Runs a program and gives what it printed."""


@dataclass(frozen=True, slots=True)
class Family:
    """How one family of distributions does what joining needs.

    ``log_in`` are programs that switch sssd on for log-in, each with the one that takes it back.
    ``own_nsswitch``: the name service's order is a file that is ours to change; ``own_pam``: the
    stacks of PAM are, too.  ``is_fedora``: log-in and SELinux are as ``fedora`` has it.
    """

    name: str
    ids: frozenset[str]
    install: tuple[str, ...]
    installed: tuple[str, ...]
    packages: tuple[str, ...]
    kerberos_packages: tuple[str, ...]
    active_directory_packages: tuple[str, ...]
    log_in: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    own_nsswitch: bool = True
    own_pam: bool = False
    is_fedora: bool = False
    sshd: str = "ssh.service"


FAMILIES = (
    Family(
        name="Heliostat OS",
        ids=frozenset({"heliostat"}),
        install=("tdnf", "-y", "install"),
        installed=("rpm", "-qa", "--qf", "%{NAME}\\n"),
        packages=("sssd-ldap", "libnss-sss", "libpam-sss"),
        kerberos_packages=("sssd-krb5", "krb5-user"),
        active_directory_packages=("sssd-ad", "adcli", "krb5-user"),
        own_pam=True,
    ),
    Family(
        name="Debian",
        ids=frozenset({"debian", "ubuntu"}),
        install=(
            *("env", "DEBIAN_FRONTEND=noninteractive"),  # krb5-config asks for a realm
            *("apt-get", "-y", "--no-install-recommends", "install"),
        ),
        installed=("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n"),
        packages=("sssd-ldap", "libnss-sss", "libpam-sss", "acl"),
        kerberos_packages=("sssd-krb5", "krb5-user"),
        active_directory_packages=("sssd-ad", "adcli", "krb5-user"),
        log_in=(
            (
                ("pam-auth-update", "--package", "--enable", "sss", "mkhomedir"),
                ("pam-auth-update", "--package", "--disable", "sss", "mkhomedir"),
            ),
        ),
    ),
    Family(
        name="Fedora",
        ids=frozenset({"fedora", "rhel", "centos"}),
        install=("dnf", "-y", "install"),
        installed=("rpm", "-qa", "--qf", "%{NAME}\\n"),
        packages=("sssd-ldap", "sssd-client", "authselect", "oddjob-mkhomedir", "acl"),
        kerberos_packages=("sssd-krb5", "krb5-workstation"),
        active_directory_packages=("sssd-ad", "adcli", "krb5-workstation"),
        own_nsswitch=False,
        is_fedora=True,
        sshd="sshd.service",
    ),
)


def family_of(machine: Machine) -> Family:
    """The family that ``/etc/os-release`` names; raises ``NotConfigured`` for others."""
    told = _told_by(machine)
    names = [told.get("ID", ""), *told.get("ID_LIKE", "").split()]
    for name in names:
        for family in FAMILIES:
            if name in family.ids:
                return family
    raise PermanentError(
        "NotConfigured",
        f"This machine runs {told.get('PRETTY_NAME') or names[0] or 'an unknown system'}, on which "
        "joining is not set up for people's log-in.",
        hint="Join with --certificate-only, and configure sssd by hand.",
    )


def packages_installed(family: Family, ask: Ask) -> frozenset[str]:
    """The names of the packages that are there."""
    rows = (line.split() for line in ask(family.installed).splitlines())
    return frozenset(row[0] for row in rows if row and row[1:] in ([], ["installed"]))


def system_name(machine: Machine) -> str:
    """What the machine runs, as people call it; empty where it doesn't say."""
    return _told_by(machine).get("PRETTY_NAME", "")[:80]


def _told_by(machine: Machine) -> dict[str, str]:
    return _os_release(machine.root / "etc/os-release", machine.root / "usr/lib/os-release")


def _os_release(*paths: Path) -> dict[str, str]:
    """The fields of the first of these files that exists (os-release(5))."""
    for path in paths:
        if path.exists():
            rows = (line.partition("=") for line in path.read_text().splitlines())
            return {
                key: " ".join(shlex.split(value)) for key, _, value in rows if key.isidentifier()
            }
    return {}
