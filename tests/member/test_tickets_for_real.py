"""A machine learns its tenant's realm after it joined, takes tickets, and outlasts its controller.

The machine is this one, as ``in_machine`` shows it: sssd, sshd, PAM, MIT's clients and the
controller with its KDC are real.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.testing.joined_machine import in_machine, is_possible
from heliostat.testing.platform import TestPlatform, platform
from heliostat.testing.slapds import free_port
from heliostat.wire.groups import GroupCreateSpec
from heliostat.wire.users import UserCreateSpec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.takes(60),
    pytest.mark.skipif(
        not is_possible("sshd", "ssh", "kinit", "krb5kdc"),
        reason="needs root, sssd, sshd and Kerberos",
    ),
]
PASSWORD = "correct horse battery"
REALM = "HELIOSTAT.LOCAL"
NAME = "web-1.heliostat.local"
SCRIPT = """\
helio() {{ {python} -m heliostat.cli "$@"; }}
echo "127.0.0.1 {name}" >> /etc/hosts
enter() {{ echo {password} | pamtester sshd "$1" authenticate acct_mgmt; }}
gssapi="-o PreferredAuthentications=gssapi-with-mic -o GSSAPIAuthentication=yes"
ssh="ssh -p {port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
serve() {{ /usr/sbin/sshd -p {port} -o ListenAddress=127.0.0.1 -o PidFile=/run/sshd.pid; }}
cp /etc/krb5.conf {work}/krb5.conf.before
helio identity join {token} --allow Developers
for _ in $(seq 100); do getent passwd ada >/dev/null && break; sleep 0.1; done
cmp /etc/krb5.conf {work}/krb5.conf.before && echo "no realm yet"

pause
helio identity refresh
helio identity membership
klist -k /etc/krb5.keytab
enter ada && echo "ada: in, and has keys"
enter eve || true
echo {password} | kinit ada
serve
echo "ticket: $($ssh $gssapi ada@{name} 'id -un; pwd')"
echo {password} | kinit eve
$ssh $gssapi eve@{name} true || echo "eve: refused"
$ssh $gssapi ada@{name} true || echo "eve as ada: refused"
kdestroy
$ssh $gssapi ada@{name} true || echo "without a ticket: refused"

pause
helio identity refresh
cmp /etc/krb5.conf {work}/krb5.conf.before && echo "without the realm: krb5.conf as before"
test -e /etc/krb5.keytab || echo "without the realm: no keytab"
enter ada && echo "without the realm: ada is in"
pause
helio identity refresh
enter ada

echo "# mine" >> /etc/ssh/sshd_config.d/62-heliostat-tickets.conf
pause
helio identity refresh
helio identity refresh
touch {work}/mark
enter ada && echo "ada: in by the realm"
tickets=$(find /tmp -maxdepth 1 -name "krb5cc_$(id -u ada)_*" -newer {work}/mark)
echo "hers: $(klist -c "$tickets" | grep krbtgt)"
rm -f "$tickets"
echo wrong | pamtester sshd ada authenticate || echo "wrong password: refused"
tail -n 1 /etc/ssh/sshd_config.d/62-heliostat-tickets.conf

pause
/usr/bin/python3 {work}/age.py
enter ada && echo "ada: in while nobody answers"
echo wrong | pamtester sshd ada authenticate || echo "wrong while nobody answers: refused"
enter op || echo "op, who was never here: refused"
enter eve || echo "eve while nobody answers: refused"
echo "key: $($ssh -i {work}/key -o PreferredAuthentications=publickey ada@{name} 'id -un')"
helio identity refresh || echo "refresh: refused"
/usr/bin/python3 {work}/age.py 8
enter ada || echo "ada after 8 days: refused"

kill "$(cat /run/sshd.pid)"
helio identity leave --yes
cmp /etc/krb5.conf {work}/krb5.conf.before && echo "krb5.conf: as before"
cat /etc/ssh/sshd_config.d/62-heliostat-tickets.conf.before-leaving | tail -n 1
for file in krb5.keytab sssd/sssd.conf ssh/sshd_config.d/62-heliostat-tickets.conf; do
    test ! -e /etc/$file || echo "left behind: $file"
done
"""
AGE = """\
import sys, time
import ldb

days = float(sys.argv[1]) if sys.argv[1:] else 0
cache = ldb.Ldb("/var/lib/sss/db/cache_heliostat.local.ldb", options=["modules:"])
stamps = ldb.Ldb("/var/lib/sss/db/timestamps_heliostat.local.ldb", options=["modules:"])
ages = {"dataExpireTimestamp": "1"}
if days:
    ages["lastOnlineAuth"] = ages["lastLogin"] = str(int(time.time() - days * 86400))
for base in (cache, stamps):
    for found in base.search(expression="(|(objectCategory=user)(dataExpireTimestamp=*))"):
        for name, value in ages.items():
            if name in found:
                message = ldb.Message(found.dn)
                message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
                base.modify(message)
"""


@pytest.fixture
def site() -> Iterator[TestPlatform]:
    with platform() as made:
        made.environ |= {
            "HELIO__LDAP__TLS_PORT": str(free_port()),
            "HELIO__IDENTITY__KERBEROS__PORT": str(free_port()),
            "HELIO__IDENTITY__KERBEROS__PASSWORD_PORT": str(free_port()),
            "HELIO__API__PORT": str(free_port()),
            "HELIO__AGENTS__PORT": str(free_port()),
        }
        made.up()
        yield made


def test_tickets_and_a_long_absence_of_the_controller(site: TestPlatform, tmp_path: Path) -> None:
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")]
    subprocess.run(keygen, check=True)
    with site.client() as client:
        for name in ("ada", "eve", "op"):
            client.users.create(UserCreateSpec(name=name, password=PASSWORD)).submit()
        client.groups.create(GroupCreateSpec(name="Developers")).submit()
        for name in ("ada", "op"):
            client.groups.add_member("Developers", name).submit()
    _told(site, "user", "update", "ada", "--ssh-key", str(tmp_path / "key.pub"))
    token = _told(site, "identity", "computer", "join-token", "web-1").split()[-1]
    (tmp_path / "age.py").write_text(AGE)
    script = SCRIPT.format(
        python=sys.executable,
        name=NAME,
        password=PASSWORD,
        work=tmp_path,
        port=free_port(),
        token=token,
    )
    said = in_machine(
        tmp_path,
        script,
        lambda: _enable(site),
        lambda: _disable(site),
        lambda: _enable(site),
        lambda: _check_passwords_there(site),
        site.down,
    )
    assert "no realm yet" in said
    assert "/etc/krb5.conf: where tickets come from\n" in said
    assert f"host/{NAME}@{REALM}" in said
    assert "tickets        taken by sshd" in said
    assert "ada: in, and has keys" in said
    assert "ticket: ada\n/home/ada\n" in said
    for refused in ("eve", "eve as ada", "without a ticket", "wrong password"):
        assert f"{refused}: refused" in said
    for gone in ("krb5.conf as before", "no keytab", "ada is in"):
        assert f"without the realm: {gone}" in said
    assert said.count("/etc/sssd/sssd.conf: where the directory is") == 1, "not at each refresh"
    assert "ada: in by the realm" in said
    assert f"krbtgt/{REALM}@{REALM}" in said.partition("hers: ")[2].partition("\n")[0]
    assert "ada: in while nobody answers" in said
    assert "key: ada" in said
    for refused in ("wrong while nobody answers", "op, who was never here", "refresh"):
        assert f"{refused}: refused" in said
    assert "eve while nobody answers: refused" in said
    assert "ada after 8 days: refused" in said
    assert "krb5.conf: as before" in said
    assert said.count("# mine\n") == 2, "what was changed here stays, and is put aside at the end"
    assert "left behind" not in said


def _enable(site: TestPlatform) -> None:
    _told(site, "identity", "kerberos", "enable")


def _disable(site: TestPlatform) -> None:
    _told(site, "identity", "kerberos", "disable")


def _check_passwords_there(site: TestPlatform) -> None:
    _told(site, "identity", "policy", "set", "tickets.log_in=true")


def _told(site: TestPlatform, *words: str) -> str:
    told = site.helio(*words)
    assert told.exit_code == 0, told
    return told.stdout
