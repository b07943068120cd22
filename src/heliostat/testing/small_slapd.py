"""A directory for tests: one slapd with some people and groups, encrypted or not.

``running`` makes it in a folder of the test's own, on a loopback port, and ends it by its pid.
The password policy overlay keeps the time of every password, as company directories do.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heliostat.core.process import ENDING_WITH_US, run
from heliostat.testing.server_certificate import certify
from heliostat.testing.slapds import free_port

BASE = "dc=corp,dc=example"
MANAGER = f"cn=manager,{BASE}"
MANAGER_PASSWORD = "manages it all"  # noqa: S105 - for tests
STARTS_WITHIN_S = 20.0
_CONFIGURATION = """dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: {folder}/pid
olcTLSCACertificateFile: {folder}/ca.crt
olcTLSCertificateFile: {folder}/tls.crt
olcTLSCertificateKeyFile: {folder}/tls.key
olcTLSVerifyClient: try
olcAuthzRegexp: "cn=reader" "{manager}"

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: ppolicy

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif
include: file:///etc/ldap/schema/cosine.ldif
include: file:///etc/ldap/schema/nis.ldif
include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase=mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: mdb
olcSuffix: {base}
olcDbDirectory: {folder}/data
olcRootDN: {manager}
olcRootPW: {password}
olcDbIndex: objectClass,uid,cn,member,entryUUID eq
olcSizeLimit: unlimited
olcAccess: to attrs=userPassword by anonymous auth by * none
olcAccess: to * by dn="uid=locked out,ou=people,{base}" none by users read by * none

dn: olcOverlay=ppolicy,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcPPolicyConfig
olcOverlay: ppolicy
"""


class SmallSlapd:
    """A running slapd; ``roots_pem`` is who its certificate is from."""

    def __init__(self, folder: Path, port: int, tls_port: int) -> None:
        self.folder = folder
        self.url = f"ldap://127.0.0.1:{port}"
        self.tls_url = f"ldaps://127.0.0.1:{tls_port}"
        self.roots_pem = ""
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self, content: str) -> None:
        """Make its files: certificates, configuration, and ``content`` as LDIF."""
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "config").mkdir()
        self.roots_pem = certify(self.folder, "127.0.0.1", "ldap.corp.example")
        values = {"folder": self.folder, "base": BASE, "manager": MANAGER}
        text = _CONFIGURATION.format(**values, password=MANAGER_PASSWORD)
        self._add(0, text)
        self._add(1, content)

    def start(self) -> None:
        """Run it until it answers."""
        argv = ["slapd", "-d", "0", "-h", f"{self.url} {self.tls_url}"]
        argv += ["-F", str(self.folder / "config")]
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*ENDING_WITH_US, *argv], stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        asked = ["ldapsearch", "-x", "-H", self.url, "-s", "base", "-b", ""]
        while subprocess.run(asked, capture_output=True, check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "output").read_text()[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; it can be started again."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STARTS_WITHIN_S)
            self._process = None

    def change(self, ldif: str) -> None:
        """Carry out changes as its manager."""
        argv = ["ldapmodify", "-x", "-H", self.url, "-D", MANAGER, "-w", MANAGER_PASSWORD]
        run(argv, timeout_s=20, stdin=ldif.encode())

    def _add(self, database: int, ldif: str) -> None:
        config = str(self.folder / "config")
        argv = ["slapadd", "-q", "-n", str(database), "-F", config]
        run(argv, timeout_s=60, stdin=ldif.encode())


@contextmanager
def running(folder: Path, content: str) -> Iterator[SmallSlapd]:
    """A slapd with ``content``; it ends with the context."""
    made = SmallSlapd(folder, free_port(), free_port())
    made.prepare(content)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def person(uid: str, password: str, *more: str) -> str:
    """An entry of somebody, as LDIF."""
    lines = [
        f"dn: uid={uid},ou=people,{BASE}",
        "objectClass: inetOrgPerson",
        f"uid: {uid}",
        f"cn: {uid}",
        f"sn: {uid}",
        f"mail: {uid}@mail.example",
        f"userPassword: {password}",
        "pwdChangedTime: 20260101000000Z",
        *more,
    ]
    return "\n".join([*lines, "", ""])


def group(name: str, *members: str, kind: str = "groupOfNames", by: str = "member") -> str:
    """An entry of a group, as LDIF; members are names of entries, or whatever ``by`` has."""
    lines = [f"dn: cn={name},ou=groups,{BASE}", f"objectClass: {kind}", f"cn: {name}"]
    lines += [f"{by}: {each}" for each in members]
    lines += ["gidNumber: 5000"] if kind == "posixGroup" else []
    return "\n".join([*lines, "", ""])


ROOT = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: corp
o: Corp

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

"""
"""What everything else lies below."""
