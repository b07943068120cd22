"""A machine joins a running site, and people of its directory log in over SSH.

The machine is this one, as ``in_machine`` shows it; sssd, sshd, PAM and the controller are real.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.member.joining.log_in import SSHD_CONF, SSSD_CONF
from heliostat.testing.joined_machine import in_machine, is_possible
from heliostat.testing.platform import TestPlatform, platform
from heliostat.testing.slapds import free_port
from heliostat.wire.groups import GroupCreateSpec
from heliostat.wire.users import UserCreateSpec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.takes(60),
    pytest.mark.skipif(
        not is_possible("sshd", "ssh"),
        reason="needs root, sssd and sshd",
    ),
]
PASSWORD = "correct horse battery"
SCRIPT = """\
helio() {{ {python} -m heliostat.cli "$@"; }}
before=$(find /etc -newer {work}/systemctl -type f | sort)
helio identity join --plan {token}
helio identity join {token} --allow Developers --administrators Operators
helio identity membership
for _ in $(seq 100); do getent passwd ada >/dev/null && break; sleep 0.1; done
echo "id: $(id ada)"
/usr/sbin/sshd -p {port} -o ListenAddress=127.0.0.1 -o PidFile=/run/sshd.pid
ssh="ssh -p {port} -i {work}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
echo "ssh: $($ssh -o BatchMode=yes ada@127.0.0.1 'id -un; pwd')"
$ssh -o BatchMode=yes former@127.0.0.1 true || echo "former: refused"
echo {password} | pamtester sshd ada authenticate acct_mgmt
echo wrong | pamtester sshd ada authenticate || echo "wrong password: refused"
echo {password} | pamtester sshd eve authenticate acct_mgmt || echo "eve: refused"
echo "sudo: $(sudo -l -U op | tail -n 1)"
helio identity refresh
kill "$(cat /run/sshd.pid)"
helio identity leave --yes
for file in {files}; do test ! -e /$file || echo "left behind: $file"; done
getent passwd ada || echo "gone: ada"
grep -c pam_sss /etc/pam.d/common-auth || true
"""


def _embedded() -> dict[str, str]:
    return {"HELIO__LDAP__TLS_PORT": str(free_port())}


def _openldap() -> dict[str, str]:
    return {
        "HELIO__IDENTITY__DIRECTORY__KIND": "openldap",
        "HELIO__IDENTITY__DIRECTORY__PORT": str(free_port()),
    }


@pytest.fixture(params=[_embedded, _openldap], ids=["embedded", "openldap"])
def site(request: pytest.FixtureRequest) -> Iterator[TestPlatform]:
    with platform() as made:
        made.environ |= {
            **request.param(),
            "HELIO__API__PORT": str(free_port()),
            "HELIO__AGENTS__PORT": str(free_port()),
        }
        made.up()
        yield made


def test_people_log_in_to_a_machine_that_joined(site: TestPlatform, tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True
    )
    with site.client() as client:
        for name in ("ada", "eve", "op", "former"):
            client.users.create(UserCreateSpec(name=name, password=PASSWORD)).submit()
        for group, members in (("Developers", ("ada", "former")), ("Operators", ("op",))):
            client.groups.create(GroupCreateSpec(name=group)).submit()
            for member in members:
                client.groups.add_member(group, member).submit()
    for words in (
        ("update", "ada", "--ssh-key", str(tmp_path / "key.pub")),
        ("update", "former", "--ssh-key", str(tmp_path / "key.pub")),
        ("update", "former", "--disable"),
    ):
        told = site.helio("user", *words)
        assert told.exit_code == 0, told
    invited = site.helio("identity", "computer", "join-token", "web-1")
    token = invited.stdout.split()[-1]
    said = in_machine(tmp_path, _script(tmp_path, token))
    assert "write /etc/sssd/sssd.conf" in said
    assert "state          joined" in said
    assert "(Developers)" in said.partition("id: ")[2].partition("\n")[0]
    assert "ssh: ada\n/home/ada\n" in said
    assert "pamtester: successfully authenticated" in said
    assert "wrong password: refused" in said
    assert "eve: refused" in said
    assert "former: refused" in said, "who is disabled has no use of a key either"
    assert "sudo:     (ALL : ALL) ALL" in said
    assert "left behind" not in said
    assert "gone: ada\n0\n" in said
    with site.client() as client:
        (seen,) = client.computers.list("heliostat.local")
        assert (seen.name, seen.last_seen_time > 0) == ("web-1", True)


def _script(work: Path, token: str) -> str:
    return SCRIPT.format(
        python=sys.executable,
        token=token,
        work=work,
        port=free_port(),
        password=PASSWORD,
        files=f"{SSSD_CONF} {SSHD_CONF}",
    )
