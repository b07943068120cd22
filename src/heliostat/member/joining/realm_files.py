"""What Kerberos and sshd are told on a member whose tenant has a realm.  Pure.

Distributions whose ``krb5.conf`` reads a folder get a file there; on others it is the file itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from heliostat.member.joining.changes import FileChange
from heliostat.member.joining.lines import plain, unwritable
from heliostat.member.joining.servers import KerberosServers
from heliostat.member.places import Machine

KEYTAB = "etc/krb5.keytab"
KRB5_CONF = "etc/krb5.conf"
SNIPPET = "etc/krb5.conf.d/heliostat.conf"
SSHD_CONF = "etc/ssh/sshd_config.d/62-heliostat-tickets.conf"
_INCLUDES = re.compile(r"^\s*includedir\s+/etc/krb5\.conf\.d/?\s*$", re.MULTILINE)
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?")
_SSHD = (
    "# Kerberos tickets of people in the directory\n"
    "GSSAPIAuthentication yes\n"
    "# the machine may be called otherwise in the directory than by itself\n"
    "GSSAPIStrictAcceptorCheck no\n"
)


def realm_files(
    machine: Machine, domain: str, kerberos: KerberosServers, keytab: bytes
) -> Iterator[FileChange]:
    """The files of a realm; ``keytab`` is empty for a machine without a key.

    Raises ``InvalidEntity`` for names that can't stand in them.
    """
    present = machine.root / KRB5_CONF
    text = present.read_text() if present.exists() else ""
    place = SNIPPET if _INCLUDES.search(text) else KRB5_CONF
    yield FileChange(place, krb5_conf(domain, kerberos), 0o644, "where tickets come from")
    if keytab:
        yield FileChange(KEYTAB, keytab, 0o600, "the machine's key in the realm")
        yield FileChange(SSHD_CONF, _SSHD, 0o644, "log-in with tickets")


def krb5_conf(domain: str, kerberos: KerberosServers) -> str:
    """Names are taken as they are typed: nothing that the network tells decides about one."""
    realm = plain(kerberos.realm)
    lines = [
        "[libdefaults]",
        f"  default_realm = {realm}",
        "  dns_lookup_realm = false",
        "  dns_lookup_kdc = false",
        "  dns_canonicalize_hostname = false",
        "  rdns = false",
        "[realms]",
        f"  {realm} = {{",
        *(f"    kdc = {_address(each)}" for each in kerberos.servers),
        *(f"    kpasswd_server = {_address(each)}" for each in kerberos.password_servers),
        "  }",
        "[domain_realm]",
        f"  .{plain(domain)} = {realm}",
        f"  {plain(domain)} = {realm}",
    ]
    return "\n".join([*lines, ""])


def _address(server: str) -> str:
    """One word: a brace or a blank would end the realm, and ``[::1]:88`` is no section."""
    if not _SERVER.fullmatch(server):
        raise unwritable(server)
    return server
