"""A machine joins an Active Directory domain, and people of the domain log in to it.

The machine is this one, seen in a mount namespace: what joining writes lies in overlays that
go with it.  The domain controller is Samba's; adcli, sssd, PAM and the name service are real;
only ``systemctl`` is a script, since nothing boots here.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
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

NEEDED = ("samba", "adcli", "sssd", "pamtester", "pam-auth-update", "unshare")
needs_all = pytest.mark.skipif(
    os.geteuid() != 0 or any(shutil.which(each) is None for each in NEEDED),
    reason="needs root, Samba, adcli and sssd",
)
WISHES = DomainWishes("corp.example", "WEB1", user="Administrator", controller=HOST)
OVERLAID = ("/etc", "/var/lib", "/var/log", "/home", "/usr/local")
ENTER = """\
set -eu
work=$1
mount --make-rprivate /
for folder in $2; do
    mkdir -p "$work/over$folder/up" "$work/over$folder/work"
    options="lowerdir=$folder,upperdir=$work/over$folder/up,workdir=$work/over$folder/work"
    mount -t overlay -o "$options" overlay "$folder"
done
mount -t tmpfs tmpfs /run
rm -rf /var/lib/sss/db/* /var/lib/sss/mc/* /etc/krb5.keytab
cp "$work/resolv.conf" /etc/resolv.conf
cp "$work/systemctl" /usr/local/bin/systemctl
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
. "$work/script"
"""
SYSTEMCTL = """\
#!/bin/sh
case "$*" in
    "restart sssd.service") sssd -D ;;
    "disable --now sssd.service") kill "$(cat /run/sssd.pid)" ;;
esac
"""
SCRIPT = """\
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
helio identity refresh 2>&1 | head -n 1 || true
helio identity leave --yes
for file in krb5.keytab sssd/sssd.conf; do
    test ! -e /etc/$file || echo "left behind: $file"
done
getent passwd ada || echo "gone: ada"
grep -c pam_sss /etc/pam.d/common-auth || true
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
        said = _in_machine(tmp_path, controller.address)
        computers = controller.tool("computer", "list")
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
    assert "it gives no certificates" in said
    assert "left behind" not in said
    assert "gone: ada\n0\n" in said
    assert "WEB1$" in computers


def _in_machine(work: Path, names: str) -> str:
    """What the machine's script printed; everything that it started ends with it."""
    (work / "systemctl").write_text(SYSTEMCTL)
    (work / "systemctl").chmod(0o755)
    (work / "resolv.conf").write_text(f"nameserver {names}\n")
    script = SCRIPT.format(python=sys.executable, password=PASSWORD, secret=SECRET)
    (work / "script").write_text(script)
    argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        [*argv, "/bin/sh", "-c", ENTER, "enter", str(work), " ".join(OVERLAID)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
