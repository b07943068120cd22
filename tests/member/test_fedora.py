"""What is done on Fedora only.  There is no Fedora here: facts of its programs and its policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.member.joining import fedora, log_in
from heliostat.member.joining.changes import Change, CommandChange, FileChange
from heliostat.member.joining.family import FAMILIES
from heliostat.member.joining.membership import Membership
from heliostat.member.joining.realm_files import KEYTAB, SNIPPET
from heliostat.member.joining.servers import DirectoryServers, KerberosServers
from heliostat.member.places import Machine

FEDORA = next(each for each in FAMILIES if each.is_fedora)
DIRECTORY = DirectoryServers(("ldaps://a.example",), "dc=acme,dc=example", "cn=web-1", "kept")
MEMBER = Membership("acme.example", "web-1", "https://c", "https://c/i", directory=DIRECTORY)
KRB5_CONF = "# Fedora's own\nincludedir /etc/krb5.conf.d/\n[libdefaults]\n  rdns = false\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/krb5.conf").write_text(KRB5_CONF)
    return Machine(tmp_path)


def _write(machine: Machine, path: str, text: str) -> None:
    (machine.root / path).parent.mkdir(parents=True, exist_ok=True)
    (machine.root / path).write_text(text)


def _changes(machine: Machine, member: Membership = MEMBER) -> list[Change]:
    return list(log_in.changes_for(machine, member, FEDORA, frozenset(FEDORA.packages)))


def _commands(machine: Machine, member: Membership = MEMBER) -> list[tuple[str, ...]]:
    return [each.argv for each in _changes(machine, member) if isinstance(each, CommandChange)]


def test_what_was_selected_is_backed_up_once(machine: Machine) -> None:
    """The next backup of that name would write over it, and nothing could be taken back."""
    (change,) = fedora.selected(machine)
    assert change.argv == (
        *("authselect", "select", "sssd", "with-mkhomedir", "--force"),
        "--backup=heliostat",
    )
    assert change.undo == ("authselect", "backup-restore", "heliostat")
    _write(machine, "etc/authselect/authselect.conf", "sssd\nwith-mkhomedir\n")
    assert list(fedora.selected(machine)) == []
    _write(machine, "etc/authselect/authselect.conf", "sssd\n\n")
    assert len(list(fedora.selected(machine))) == 1


def test_features_stay_as_far_as_the_profile_knows_them(machine: Machine) -> None:
    chosen = "local\nwith-silent-lastlog\nwith-faillock\nwith-something-of-local\n"
    _write(machine, "etc/authselect/authselect.conf", chosen)
    stack = 'auth required pam_faillock.so {include if "with-faillock"}\n'
    _write(machine, "usr/share/authselect/default/sssd/password-auth", stack)
    lastlog = 'session optional pam_lastlog.so {if "with-silent-lastlog":silent}\n'
    _write(machine, "usr/share/authselect/default/sssd/postlogin", lastlog)
    (change,) = fedora.selected(machine)
    assert change.argv[2:6] == ("sssd", "with-mkhomedir", "with-silent-lastlog", "with-faillock")


def test_sssd_reads_roots_where_it_may_and_newer_ones_are_newer_settings(machine: Machine) -> None:
    machine.roots_bundle.parent.mkdir(parents=True)
    machine.roots_bundle.write_text("first\n")
    files = {each.path: each for each in _changes(machine) if isinstance(each, FileChange)}
    assert files[fedora.ROOTS].content == "first\n"
    assert f"ldap_tls_cacert = {machine.root / fedora.ROOTS}\n" in str(
        files[log_in.SSSD_CONF].content
    )
    machine.roots_bundle.write_text("second\n")
    again = {each.path: each for each in _changes(machine) if isinstance(each, FileChange)}
    assert again[fedora.ROOTS].content == "second\n"


@pytest.mark.parametrize(
    ("servers", "state", "switched"),
    [
        (("ldaps://a.example",), "0 0", False),
        (("ldap://a.example", "kdc.example:88"), "0 0", False),
        (("ldaps://a.example:1636",), "0 0", True),
        (("ldaps://a.example", "[::1]:1088"), "0 0", True),
        (("ldaps://a.example:1636",), "1 1", False),
        (("ldaps://a.example:1636",), "", False),
    ],
)
def test_unusual_ports_are_let_through_where_selinux_is(
    machine: Machine, servers: tuple[str, ...], state: str, switched: bool
) -> None:
    if state:
        _write(machine, f"sys/fs/selinux/booleans/{fedora.SWITCH}", state)
    found = list(fedora.let_through(machine, servers))
    assert [each.argv[-1] for each in found] == (["on"] if switched else [])
    assert [each.undo[-1] for each in found] == (["off"] if switched else [])


def test_files_get_the_labels_of_their_places(machine: Machine) -> None:
    kerberos = KerberosServers("ACME.EXAMPLE", ("kdc.example:88",), service="host/web-1")
    member = replace(MEMBER, kerberos=kerberos, keytab="a2V5")
    assert not any(argv[:1] == ("restorecon",) for argv in _commands(machine, member))
    _write(machine, "sys/fs/selinux/enforce", "1")
    (label,) = [argv for argv in _commands(machine, member) if argv[:1] == ("restorecon",)]
    assert {f"/{KEYTAB}", f"/{SNIPPET}", "/etc/sssd/sssd.conf"} <= set(label)


def test_kerberos_is_a_file_in_the_folder_that_fedora_reads(machine: Machine) -> None:
    member = replace(MEMBER, kerberos=KerberosServers("ACME.EXAMPLE", ("kdc.example:88",)))
    paths = [each.path for each in _changes(machine, member) if isinstance(each, FileChange)]
    assert SNIPPET in paths
    assert "etc/krb5.conf" not in paths


def test_services_are_called_as_fedora_calls_them(machine: Machine) -> None:
    commands = _commands(machine)
    assert ("systemctl", "try-reload-or-restart", "sshd.service") in commands
    assert ("systemctl", "enable", "--now", "oddjobd.service") in commands
    assert not any("ssh.service" in argv for argv in commands)
