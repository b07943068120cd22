"""What joining changes on a machine so that people of the directory log in to it.

A pure decision: a membership and the kind of Linux in, changes with their reasons out;
``--plan`` prints them, joining makes them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from heliostat.member.joining import fedora
from heliostat.member.joining.admission import Admission, ssh_passwords, sudoers
from heliostat.member.joining.changes import Change, CommandChange, FileChange
from heliostat.member.joining.family import Family
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.nsswitch import with_sss
from heliostat.member.joining.realm_files import realm_files
from heliostat.member.joining.sssd import sssd_conf
from heliostat.member.places import Machine

ENTRY = "machine"
"""Name of the machine's own certificate in its store."""
SSSD_CONF = "etc/sssd/sssd.conf"
SSHD_CONF = "etc/ssh/sshd_config.d/60-heliostat-directory.conf"
SSHD_PASSWORDS = "etc/ssh/sshd_config.d/61-heliostat-directory-passwords.conf"
SUDOERS = "etc/sudoers.d/60-heliostat-directory"
NSSWITCH = "etc/nsswitch.conf"
OWN_PAM = "usr/share/heliostat/member/pam.d"
"""Stacks that know sssd, where the distribution is ours."""
_SSHD = (
    "# SSH keys of people in the directory\n"
    "AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys %u\n"
    "AuthorizedKeysCommandUser nobody\n"
)


def changes_for(
    machine: Machine, membership: Membership, family: Family, installed: frozenset[str]
) -> Iterator[Change]:
    """What is to be changed, in order; ``installed`` are the packages that are there."""
    directory = membership.directory
    if directory is None:
        return
    wanted = (*family.packages, *(family.kerberos_packages if membership.kerberos else ()))
    missing = tuple(each for each in wanted if each not in installed)
    if missing:
        why = "programs that ask the directory"
        yield CommandChange((*family.install, *missing), (), why, once=True)
    yield forgotten(machine, membership.domain)
    kerberos = membership.kerberos
    roots = machine.roots_bundle
    if family.is_fedora:
        roots = machine.root / fedora.ROOTS
        yield from fedora.roots_for_sssd(machine)
        asked = (*directory.servers, *directory.backup, *(kerberos.servers if kerberos else ()))
        yield from fedora.let_through(machine, asked)
    text = sssd_conf(
        membership.domain,
        directory,
        roots,
        membership.admission,
        membership.kerberos,
        has_key=bool(membership.keytab),
    )
    yield FileChange(SSSD_CONF, text, 0o600, "where the directory is, and who may log in")
    yield FileChange(SSHD_CONF, _SSHD, 0o644, "log-in with the keys that people keep there")
    written = [SSSD_CONF]
    if kerberos is not None and not membership.elsewhere:
        keytab = base64.b64decode(membership.keytab)
        for file in realm_files(machine, membership.domain, kerberos, keytab):
            written.append(file.path)
            yield file
    if family.is_fedora:
        yield from fedora.labelled(machine, [*written, fedora.ROOTS])
    yield from switched_on(machine, family, membership.admission)


def switched_on(machine: Machine, family: Family, admission: Admission) -> Iterator[Change]:
    """What makes the machine ask sssd, whatever sssd asks."""
    if admission.administrators:
        yield FileChange(SUDOERS, sudoers(admission), 0o440, "who may become root")
    if admission.ssh_passwords:
        text = ssh_passwords(admission)
        yield FileChange(SSHD_PASSWORDS, text, 0o644, "log-in with passwords over SSH, too")
    yield from _name_service(machine, family)
    yield CommandChange(
        ("systemctl", "enable", "sssd.service"),
        ("systemctl", "disable", "--now", "sssd.service"),
        "sssd runs from now on",
    )
    yield CommandChange(("systemctl", "restart", "sssd.service"), (), "sssd reads its settings")
    yield CommandChange(
        ("systemctl", "try-reload-or-restart", family.sshd),
        ("systemctl", "try-reload-or-restart", family.sshd),
        "sshd reads its settings",
    )


def forgotten(machine: Machine, domain: str) -> Change:
    """Leaving takes away what sssd remembers of a domain's people, their passwords' hashes too."""
    kept = (f"cache_{domain}.ldb", f"timestamps_{domain}.ldb", f"ccache_{domain.upper()}")
    names = ("passwd", "group", "initgroups", "sid")
    paths = (*(f"db/{each}" for each in kept), *(f"mc/{each}" for each in names))
    caches = (str(machine.root / "var/lib/sss" / each) for each in paths)
    return CommandChange((), ("rm", "-f", *caches), "what sssd remembers of people goes")


def _name_service(machine: Machine, family: Family) -> Iterator[Change]:
    if family.own_nsswitch:
        present = machine.root / NSSWITCH
        before = present.read_text() if present.exists() else ""
        yield FileChange(NSSWITCH, with_sss(before), 0o644, "names of people come from sssd, too")
    if family.is_fedora:
        yield from fedora.selected(machine)
        yield fedora.home_folders()
    for argv, undo in family.log_in:
        yield CommandChange(argv, undo, "sssd is asked for passwords")
    if family.own_pam:
        for stack in sorted((machine.root / OWN_PAM).glob("common-*")):
            yield FileChange(
                f"etc/pam.d/{stack.name}", stack.read_text(), 0o644, "sssd is asked for passwords"
            )
