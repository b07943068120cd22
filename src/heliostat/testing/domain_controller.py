"""An Active Directory domain for tests: Samba's domain controller in a network of its own.

Its ports are below 1024 and fixed, so it gets a network namespace, joined to this one by a
pair of interfaces.  Everything it writes lies in one folder; ``close`` ends it by its pid and
takes the network down.  Only root can make one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from heliostat.core.process import ENDING_WITH_US, run
from heliostat.testing.private_net import PrivateNet, private_net
from heliostat.testing.server_certificate import certify

DOMAIN = "corp.example"
NETBIOS = "CORP"
HOST = "dc1.corp.example"
BASE = "dc=corp,dc=example"
ADMINISTRATOR = "administrator@corp.example"
PASSWORD = "Adm1n-Secret!"  # noqa: S105 - for tests
STARTS_WITHIN_S = 60.0
ENDS_WITHIN_S = 20.0
INSIDE = "eth0"
LDAPS = 636
_NETWORK = IPv4Address("10.250.0.0")
_PROVISION = {
    "realm": "CORP.EXAMPLE",
    "domain": NETBIOS,
    "server-role": "dc",
    "adminpass": PASSWORD,
    "host-name": "dc1",
    "option": "interfaces=lo",
}
_CONFIGURATION = """[global]
netbios name = DC1
workgroup = CORP
realm = CORP.EXAMPLE
server role = active directory domain controller
server services = {services}
interfaces = lo {interface}
bind interfaces only = yes
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
log file = {folder}/log
tls certfile = {folder}/tls.crt
tls keyfile = {folder}/tls.key
tls cafile = {folder}/ca.crt
"""


class DomainController:
    """A running domain controller at ``address``; ``roots_pem`` is who its certificate is from."""

    def __init__(self, folder: Path, net: PrivateNet, address: str, *, names: bool) -> None:
        self.folder = folder
        self.names = names
        self.address = address
        self._net = net
        self._process: subprocess.Popen[bytes] | None = None
        self.roots_pem = ""

    @property
    def url(self) -> str:
        return f"ldaps://{self.address}"

    def provision(self) -> None:
        """Make the domain, and a certificate for the address."""
        asked = {
            **_PROVISION,
            "host-ip": self.address,
            "dns-backend": "SAMBA_INTERNAL" if self.names else "NONE",
        }
        options = [f"--{name}={value}" for name, value in asked.items()]
        target = f"--targetdir={self.folder}"
        run(["samba-tool", "domain", "provision", *options, target], timeout_s=120)
        self.roots_pem = certify(self.folder, self.address, HOST)
        self.configure()
        if self.names:
            for service in ("ldap", "cifs"):  # a service that we leave out would add them
                self.tool("spn", "add", f"{service}/{HOST}", "DC1$")

    def configure(self) -> None:
        """Write the configuration."""
        services = "ldap, cldap, kdc, dns" if self.names else "ldap, kdc"
        text = _CONFIGURATION.format(folder=self.folder, services=services, interface=INSIDE)
        (self.folder / "etc" / "smb.conf").write_text(text)

    def start(self) -> None:
        """Run it until it answers."""
        configuration = str(self.folder / "etc" / "smb.conf")
        argv = ["samba", "-F", "--no-process-group", "-M", "single", "-s", configuration]
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*self._net.launcher(), *ENDING_WITH_US, *argv],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "output").read_text()[-2000:])
            time.sleep(0.1)

    def stop(self) -> None:
        """End it, and wait until it has; the domain stays in its folder."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def tool(self, *argv: str) -> str:
        """What ``samba-tool`` prints, working on the domain's own files."""
        database = str(self.folder / "private" / "sam.ldb")
        return run(["samba-tool", *argv, "-H", database], timeout_s=60).stdout

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.address, LDAPS), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def domain_controller(folder: Path, *, names: bool = False) -> Iterator[DomainController]:
    """A domain controller that is provisioned and runs; it ends with the context.

    ``names``: it answers for the domain's names, too, as machines that join it need.
    """
    number = 1 + os.getpid() % 16_000 * 4  # a pair of addresses for each process
    outer, inner = (str(_NETWORK + number + each) for each in (0, 1))
    outside = f"hx{os.getpid()}"
    with private_net() as net:
        ip = [*net.launcher(), "ip"]
        peer = ["peer", "name", INSIDE]
        for argv in (
            [*ip, "link", "add", outside, "type", "veth", *peer],
            [*ip, "link", "set", outside, "netns", str(os.getpid())],
            [*ip, "address", "add", f"{inner}/30", "dev", INSIDE],
            [*ip, "link", "set", INSIDE, "up"],
            ["ip", "address", "add", f"{outer}/30", "dev", outside],
            ["ip", "link", "set", outside, "up"],
        ):
            run(argv, timeout_s=10)
        made = DomainController(folder, net, inner, names=names)
        try:
            made.provision()
            made.start()
            yield made
        finally:
            made.stop()
            run(["ip", "link", "delete", outside], timeout_s=10)
