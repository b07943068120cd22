"""A machine joins an Active Directory domain, and people of the domain log in to it.

The machine is this one, as ``in_machine`` shows it.  The domain controller is Samba's; adcli,
sssd, PAM and the name service are real.
"""

from __future__ import annotations

import configparser
import fcntl
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.member.joining import membership
from heliostat.member.joining.active_directory import DomainMember, DomainWishes, adcli
from heliostat.member.joining.active_directory_files import active_directory_conf, krb5_conf
from heliostat.member.joining.admission import Admission
from heliostat.member.places import Machine
from heliostat.testing.domain_controller import HOST, PASSWORD, domain_controller
from heliostat.testing.joined_machine import in_machine, is_possible

needs_all = pytest.mark.skipif(
    not is_possible("samba", "adcli"),
    reason="needs root, Samba, adcli and sssd",
)
WISHES = DomainWishes("corp.example", "WEB1", user="Administrator", controller=HOST)
SCRIPT = """\
cp {work}/resolv.conf /etc/resolv.conf
helio() {{ {python} -m heliostat.cli "$@"; }}
join="helio identity join --ad corp.example --ad-user Administrator --ad-computer WEB1"
$join --plan < /dev/null
echo wrong | $join 2>&1 | tail -n 5 || true
echo "after a wrong password: $(helio identity membership | grep state)"
echo '{password}' | $join --allow 'Cloud Admins' --administrators Operators
helio identity membership
for _ in $(seq 100); do getent passwd ada >/dev/null && break; sleep 0.1; done
echo "id: $(id ada)"
echo {secret}-ada | pamtester login ada authenticate acct_mgmt
echo wrong | pamtester login ada authenticate || echo "wrong password: refused"
echo {secret}-eve | pamtester login eve authenticate acct_mgmt || echo "eve: refused"
echo {secret}-dora | pamtester login dora authenticate || echo "dora: refused"
echo "sudo: $(sudo -l -U op | tail -n 1)"
klist -k /etc/krb5.keytab | grep -c WEB1
helio identity refresh
helio identity leave --yes
for file in krb5.keytab sssd/sssd.conf; do
    test ! -e /etc/$file || echo "left behind: $file"
done
getent passwd ada || echo "gone: ada"
grep -c pam_sss /etc/pam.d/common-auth || true
pause
rejoin() {{ echo '{password}' | $join >/dev/null 2>&1; }}
leave="helio identity leave --yes --ad-user Administrator"
rejoin
echo wrong | $leave 2>&1 | tail -n 3 || true
echo "after a wrong password: $(helio identity membership | grep state)"
echo '{password}' | $leave --keep-computer
pause
rejoin
echo '{password}' | $leave
test ! -e /etc/krb5.keytab || echo "left behind: keytab"
"""
SECRET = "Passw0rd-of"


def _code(wishes: DomainWishes, machine: Machine) -> str:
    """Why the machine does not join (empty: it does); no program hears or runs anything."""
    member = DomainMember(machine, lambda _argv: "", lambda _argv, _secret: None)
    try:
        member.join(wishes, "secret")
    except HeliostatError as error:
        return error.code
    return ""


def _machine(root: Path) -> Machine:
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text("ID=debian\n")
    return Machine(root)


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain": "corp"},
        {"domain": "corp.example\n[domain/x]"},
        {"domain": "-x.example"},
        {"computer": "A" * 16},
        {"computer": "web 1"},
        {"computer": ""},
        {"controller": "dc1 dc2"},
        {"user": "--help"},
        {"unit": "-x"},
        {"user": "a\nb"},
        {"admission": Admission(("a, b",))},
    ],
)
def test_what_can_not_be_joined_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    machine = _machine(tmp_path)
    assert _code(replace(WISHES, **wrong), machine) == "InvalidEntity"


def test_a_machine_of_another_realm_stays_there(tmp_path: Path) -> None:
    machine = _machine(tmp_path)
    (tmp_path / "etc/krb5.keytab").touch()
    assert _code(WISHES, machine) == "StateError"
    (tmp_path / "etc/krb5.keytab").unlink()
    assert _code(WISHES, machine) == ""
    joined = membership.required(machine)
    assert (joined.domain, joined.computer, joined.joined) == ("corp.example", "WEB1", True)
    assert _code(WISHES, machine) == ""  # going on is joining again
    assert _code(replace(WISHES, domain="other.example"), machine) == "StateError"


def test_who_joins_a_domain_is_alone(tmp_path: Path) -> None:
    machine = _machine(tmp_path)
    alone: list[bool] = []

    def notes(_argv: object) -> str:
        with machine.membership_lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                alone.append(False)
            except BlockingIOError:
                alone.append(True)
        return ""

    def hears(argv: object, _secret: object) -> None:
        notes(argv)

    DomainMember(machine, notes, hears).join(WISHES, "secret")
    assert set(alone) == {True}


def test_newer_settings_reach_a_member_of_a_domain(tmp_path: Path) -> None:
    machine = _machine(tmp_path)
    ran: list[str] = []
    told: list[str] = []

    def notes(argv: Sequence[str]) -> str:
        ran.append(" ".join(argv))
        return ""

    member = DomainMember(machine, notes, lambda _argv, _secret: None, told.append)
    member.join(WISHES, "secret")
    ran.clear()
    told.clear()
    joined = member.refresh()
    assert (told, [each for each in ran if "systemctl" in each]) == ([], []), "nothing is newer"
    assert (joined.url, joined.written != "") == (f"ldap://{HOST}", True)
    membership.keep(machine, replace(joined, admission=Admission(("Ops",))))
    member.refresh()
    assert "simple_allow_groups = Ops" in (tmp_path / "etc/sssd/sssd.conf").read_text()
    assert "systemctl restart sssd.service" in ran
    assert told == ["/etc/sssd/sssd.conf: which domain is asked, and who may log in"]
    membership.keep(machine, replace(joined, leaving=True))
    with pytest.raises(HeliostatError, match="StateError"):
        member.refresh()


def test_the_password_is_on_no_command_line() -> None:
    argv = adcli(replace(WISHES, unit="ou=web,dc=corp,dc=example"), Machine())
    assert argv[:5] == ["adcli", "join", "--domain", "corp.example", "--stdin-password"]
    assert argv[-4:] == ["--domain-controller", HOST, "--domain-ou", "ou=web,dc=corp,dc=example"]
    assert "--login-type" in adcli(replace(WISHES, user=""), Machine())


def test_sssd_and_kerberos_are_told_the_domain() -> None:
    text = active_directory_conf(
        "corp.example", "WEB1", HOST, Admission(("Cloud Admins",), ("Op",))
    )
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.read_string(text)
    told = parser["domain/corp.example"]
    assert told["access_provider"] == "simple"
    assert told["simple_allow_groups"] == "Cloud Admins, Op"
    assert told["ad_server"] == f"{HOST}, _srv_"
    assert told["ldap_sasl_authid"] == "WEB1$@CORP.EXAMPLE"
    everybody = active_directory_conf("corp.example", "WEB1", "", Admission())
    assert "access_provider = ad\n" in everybody
    assert "ad_server" not in everybody
    assert "default_realm = CORP.EXAMPLE\n" in krb5_conf("corp.example", "")
    assert f"kdc = {HOST}\n" in krb5_conf("corp.example", HOST)


@pytest.mark.slow
@pytest.mark.takes(25)
@needs_all
def test_people_of_a_domain_log_in(tmp_path: Path) -> None:
    with domain_controller(tmp_path / "dc", names=True) as controller:
        for name in ("ada", "eve", "dora", "op"):
            controller.tool("user", "create", name, f"{SECRET}-{name}")
        controller.tool("user", "disable", "dora")
        for group, member in (("Inner", "ada"), ("Cloud Admins", "Inner"), ("Operators", "op")):
            controller.tool("group", "add", group)
            controller.tool("group", "addmembers", group, member)
        computers, shown = [], []

        def look() -> None:
            computers.append(controller.tool("computer", "list"))
            shown.append(controller.tool("computer", "show", "WEB1"))

        said = in_machine(tmp_path, _script(tmp_path, controller.address), look, look)
        computers.append(controller.tool("computer", "list"))
    assert "run adcli join --domain corp.example --stdin-password" in said
    assert PASSWORD not in said
    assert "after a wrong password: state          on its way" in said
    assert "This machine is WEB1 of corp.example." in said
    assert "state          joined" in said
    groups = said.partition("id: ")[2].partition("\n")[0]
    assert "(inner)" in groups.casefold()
    assert "(cloud admins)" in groups.casefold()
    assert "pamtester: successfully authenticated" in said
    for refused in ("wrong password", "eve", "dora"):
        assert f"{refused}: refused" in said
    assert "sudo:     (ALL : ALL) ALL" in said
    assert said.count("This machine is WEB1 of corp.example.\n") == 2, "joined, and refreshed"
    assert "left behind" not in said
    assert "gone: ada\n0\n" in said
    assert "Its account WEB1 stays in corp.example" in said
    assert ["WEB1$" in each for each in computers] == [True, True, False]
    assert [_is_disabled(each) for each in shown] == [False, True]
    assert said.count("after a wrong password: state          joined") == 1


def _script(work: Path, names: str) -> str:
    (work / "resolv.conf").write_text(f"nameserver {names}\n")
    return SCRIPT.format(python=sys.executable, password=PASSWORD, secret=SECRET, work=work)


def _is_disabled(computer: str) -> bool:
    """ACCOUNTDISABLE of userAccountControl."""
    control = computer.partition("userAccountControl:")[2].partition("\n")[0]
    return bool(int(control) & 2)
