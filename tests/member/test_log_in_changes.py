"""What joining changes so that people log in: right for each distribution, and taken back whole."""

from __future__ import annotations

import configparser
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.member.joining import log_in
from heliostat.member.joining.admission import Admission, ssh_passwords, sudoers
from heliostat.member.joining.changes import CommandChange, FileChange
from heliostat.member.joining.family import FAMILIES, Family, family_of, packages_installed
from heliostat.member.joining.journal import LEAVING, Journal, Undone
from heliostat.member.joining.membership import Membership, keep, read
from heliostat.member.joining.nsswitch import with_sss
from heliostat.member.joining.servers import DirectoryServers, KerberosServers
from heliostat.member.joining.sssd import sssd_conf
from heliostat.member.places import Machine

MEMBER = Membership(
    domain="acme.example",
    computer="web-1",
    url="https://cloud.example:9000",
    issuer="https://cloud.example:9000/openidconnect/acme.example",
    directory=DirectoryServers(
        servers=("ldaps://a.example",),
        base="dc=acme,dc=example",
        bind_dn="cn=web-1,ou=computers,dc=acme,dc=example",
        secret="kept",
        backup=("ldaps://b.example",),
    ),
)
ROOTS = Machine().roots_bundle


class Programs:
    """Stands where programs run: keeps what was run, and can end at one of them."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.dies_at = ""

    def __call__(self, argv: Sequence[str]) -> str:
        if argv[0] == self.dies_at:
            raise KeyboardInterrupt
        self.ran.append(" ".join(argv))
        return ""


def _read(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.read_string(text)
    return parser


def test_sssd_trusts_the_site_alone_and_proves_the_machine() -> None:
    assert MEMBER.directory is not None
    domain = _read(sssd_conf("acme.example", MEMBER.directory, ROOTS, Admission()))[
        "domain/acme.example"
    ]
    assert domain["ldap_uri"] == "ldaps://a.example"
    assert domain["ldap_backup_uri"] == "ldaps://b.example"
    assert domain["ldap_tls_reqcert"] == "demand"
    assert domain["ldap_default_bind_dn"] == "cn=web-1,ou=computers,dc=acme,dc=example"
    assert domain["ldap_default_authtok"] == "kept"
    assert domain["ldap_user_search_base"] == "dc=acme,dc=example?subtree?(!(accountDisabled=TRUE))"
    assert domain["access_provider"] == "permit"
    assert domain["auth_provider"] == "ldap"


def test_only_groups_that_were_named_log_in_and_administrators_too() -> None:
    assert MEMBER.directory is not None
    kerberos = KerberosServers("ACME.EXAMPLE", ("kdc.example:88",), log_in=True)
    admission = Admission(("Developers",), ("Cloud Admins",))
    text = sssd_conf("acme.example", MEMBER.directory, ROOTS, admission, kerberos, has_key=True)
    domain = _read(text)["domain/acme.example"]
    assert domain["simple_allow_groups"] == "Cloud Admins, Developers"
    assert (domain["auth_provider"], domain["krb5_realm"]) == ("krb5", "ACME.EXAMPLE")
    assert domain["krb5_validate"] == "true"
    assert sudoers(admission) == "%Cloud\\ Admins ALL=(ALL:ALL) ALL\n"


def test_a_machine_without_a_key_does_not_believe_the_realm_about_passwords() -> None:
    assert MEMBER.directory is not None
    kerberos = KerberosServers("ACME.EXAMPLE", ("kdc.example:88",), log_in=True)
    text = sssd_conf("acme.example", MEMBER.directory, ROOTS, Admission(), kerberos)
    domain = _read(text)["domain/acme.example"]
    assert domain["auth_provider"] == domain["chpass_provider"] == "ldap"
    assert not [name for name in domain if name.startswith("krb5")]


@pytest.mark.parametrize("hostile", ["a\nb", "x]\n[domain/evil", "a, b", "", " a"])
def test_a_group_can_not_write_settings(hostile: str) -> None:
    assert MEMBER.directory is not None
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        sssd_conf("acme.example", MEMBER.directory, ROOTS, Admission((hostile,)))


@pytest.mark.parametrize("hostile", ["a\nb ALL=(ALL) NOPASSWD: ALL", "", "\x00"])
def test_nor_rules_of_sudo(hostile: str) -> None:
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        sudoers(Admission((), (hostile,)))


def test_passwords_over_ssh_are_for_people_of_those_groups_alone(tmp_path: Path) -> None:
    heliostat = next(each for each in FAMILIES if each.own_pam)
    admission = Admission(("Cloud Admins",), ("Ops",), ssh_passwords=True)
    asked = log_in.switched_on(Machine(tmp_path), heliostat, admission)
    files = {each.path: each.content for each in asked if isinstance(each, FileChange)}
    text = 'Match Group "Cloud Admins,Ops"\n    PasswordAuthentication yes\n'
    assert files[log_in.SSHD_PASSWORDS] == text
    kept = replace(MEMBER, admission=admission)
    keep(Machine(tmp_path), kept)
    assert read(Machine(tmp_path)) == kept


@pytest.mark.parametrize("hostile", ["a*", "!a", 'a"\nPermitRootLogin yes', "a,b", "a\nb"])
def test_no_group_writes_settings_of_sshd(hostile: str) -> None:
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        ssh_passwords(Admission((hostile,), ssh_passwords=True))


@pytest.mark.skipif(shutil.which("visudo") is None, reason="sudo is not installed")
def test_sudo_reads_its_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text(sudoers(Admission((), ("Cloud Admins", "a@b", "c,d=e:f(g)!", '"h"'))))
    run(["visudo", "--check", "--file", str(path)], timeout_s=20)


def test_the_name_service_asks_sssd_once() -> None:
    text = (
        "passwd:  files systemd # local\ngroup: compat\nhosts: files dns\n"
        "shadow: files [SUCCESS=merge] systemd\n"
    )
    once = with_sss(text)
    assert once.splitlines() == [
        "passwd: files sss systemd",
        "group: compat sss",
        "hosts: files dns",
        "shadow: files [SUCCESS=merge] systemd sss",
    ]
    assert with_sss(once) == once


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("ID=debian\nPRETTY_NAME='Debian 12'", "Debian"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'", "Debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', "Fedora"),
        ("ID=heliostat\nID_LIKE=debian", "Heliostat OS"),
        ("ID=plan9\nPRETTY_NAME='Plan 9'", ""),
        ("", ""),
    ],
)
def test_a_machine_tells_its_family(tmp_path: Path, release: str, expected: str) -> None:
    path = tmp_path / "etc/os-release"
    path.parent.mkdir()
    path.write_text(release)
    if expected:
        assert family_of(Machine(tmp_path)).name == expected
    else:
        with pytest.raises(HeliostatError, match="NotConfigured"):
            family_of(Machine(tmp_path))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_installs_what_is_missing_and_switches_sssd_on(
    tmp_path: Path, family: Family
) -> None:
    machine = Machine(tmp_path)
    there = frozenset(family.packages[1:])
    changes = list(log_in.changes_for(machine, MEMBER, family, there))
    assert changes[0] == CommandChange(
        (*family.install, family.packages[0]), (), "programs that ask the directory", once=True
    )
    commands = [each for each in changes if isinstance(each, CommandChange)]
    assert ("systemctl", "disable", "--now", "sssd.service") in [each.undo for each in commands]
    files = {each.path: each for each in changes if isinstance(each, FileChange)}
    assert files[log_in.SSSD_CONF].mode == 0o600
    assert log_in.SUDOERS not in files
    assert (log_in.NSSWITCH in files) == family.own_nsswitch
    with_admins = replace(MEMBER, admission=Admission((), ("Ops",)))
    granted = list(log_in.changes_for(machine, with_admins, family, there))
    assert log_in.SUDOERS in [each.path for each in granted if isinstance(each, FileChange)]


def test_debian_tells_what_is_installed() -> None:
    debian = next(each for each in FAMILIES if each.name == "Debian")
    told = "acl installed\nsssd-ldap config-files\nlibnss-sss installed\n"
    assert packages_installed(debian, lambda _: told) == {"acl", "libnss-sss"}


def _tree(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in root.rglob("*")
        if path.is_file() and "journal" not in path.name
    }


CHANGES = (
    FileChange("etc/new", "new\n", 0o600, "a file that was not there"),
    CommandChange(("on",), ("off",), "a switch"),
    FileChange("etc/old", "changed\n", 0o644, "a file that was there"),
    CommandChange(("start",), (), "nothing to take back"),
    FileChange("etc/new", "newer\n", 0o600, "written a second time"),
)


@pytest.mark.parametrize("dies_at", ["", "on", "start"])
def test_what_was_changed_is_taken_back_wherever_it_ended(tmp_path: Path, dies_at: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/old").write_text("old\n")
    (tmp_path / "etc/old").chmod(0o640)
    before = _tree(tmp_path)
    programs = Programs()
    journal = Journal(tmp_path / "journal", tmp_path, programs)
    programs.dies_at = dies_at
    if dies_at:
        with pytest.raises(KeyboardInterrupt):
            journal.make(CHANGES)
        programs.dies_at = ""
        again = Journal(tmp_path / "journal", tmp_path, programs)
        again.make(CHANGES)  # going on is doing it again
    else:
        journal.make(CHANGES)
    assert (tmp_path / "etc/new").read_text() == "newer\n"
    programs.dies_at = "off"
    with pytest.raises(KeyboardInterrupt):
        Journal(tmp_path / "journal", tmp_path, programs).undo()
    programs.dies_at = ""
    assert Journal(tmp_path / "journal", tmp_path, programs).undo() == Undone()
    assert _tree(tmp_path) == before
    assert programs.ran.count("off") == 1
    assert not (tmp_path / "journal").exists()


def test_what_somebody_wrote_since_is_put_aside(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", tmp_path, Programs())
    journal.make(CHANGES[:1])
    (tmp_path / "etc/new").write_text("mine\n")
    kept = tmp_path / f"etc/new{LEAVING}"
    assert journal.undo() == Undone((str(kept),))
    assert kept.read_text() == "mine\n"
    assert not (tmp_path / "etc/new").exists()
