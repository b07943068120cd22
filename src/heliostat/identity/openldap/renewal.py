"""Certificates of nodes on other machines, renewed through the directory itself.

A node whose certificate is due makes a key, keeps it, and writes a signing request into its own
entry (below ``ou=nodes``), which is copied to the others.  A controller that sees one answers
beside it: certificates for that key, as a server and as one that copies, and whom to trust.
The node puts them in place and starts anew.  No key ever leaves its machine, and a new root
reaches nodes the same way.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from heliostat.core.clock import Clock
from heliostat.core.files import atomic_write
from heliostat.identity.openldap.config import NodeConfig
from heliostat.identity.openldap.ldif import Attributes, Entry
from heliostat.identity.openldap.library import ldap_library
from heliostat.identity.openldap.links import new_key
from heliostat.identity.openldap.names import rdn
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.slapd import Folder

DUE_SHARE = 1 / 3
PRIVATE = 0o600


class Papers(msgspec.Struct, frozen=True, kw_only=True):
    """What a node asks for and is given, all PEM; ``csr`` is the request that was answered."""

    request: str = ""
    csr: str = ""
    chain: str = ""
    link: str = ""
    authority: str = ""
    link_authority: str = ""


def entry_of(node: Node, suffix: str) -> str:
    """The name of a node's entry."""
    return f"{rdn('cn', node.identity)},ou=nodes,{suffix}"


def read(connection: Any, node: Node, suffix: str) -> Papers:
    """Blocking; nothing where there is nothing yet."""
    ldap = ldap_library()
    try:
        found = connection.search_s(
            entry_of(node, suffix), ldap.SCOPE_BASE, "(objectClass=*)", ["heliostatRecord"]
        )
    except ldap.NO_SUCH_OBJECT:
        return Papers()
    try:
        return msgspec.json.decode(found[0][1]["heliostatRecord"][0], type=Papers)
    except (KeyError, msgspec.MsgspecError):
        return Papers()  # who writes there is on the node's machine: asked anew


def write(connection: Any, node: Node, suffix: str, papers: Papers) -> None:
    """Blocking."""
    ldap = ldap_library()
    record: Attributes = {"heliostatRecord": [msgspec.json.encode(papers)]}
    dn = entry_of(node, suffix)
    try:
        connection.modify_s(dn, [(ldap.MOD_REPLACE, "heliostatRecord", record["heliostatRecord"])])
    except ldap.NO_SUCH_OBJECT:
        above: Attributes = {"objectClass": ["organizationalUnit"], "ou": ["nodes"]}
        own: Attributes = {
            "objectClass": ["device", "heliostatEntry"],
            "cn": [node.identity],
            **record,
        }
        for entry in (Entry(f"ou=nodes,{suffix}", above), Entry(dn, own)):
            try:
                connection.add_s(entry.dn, entry.encoded())
            except ldap.ALREADY_EXISTS:
                continue


class NodeRenewal:
    """The node's side."""

    def __init__(self, config: NodeConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._pending = config.links.key.with_name("next.key")

    async def until_renewed(self, every_s: float) -> None:
        """Ask when it is time and wait for the answer; returns when files have changed."""
        while not await asyncio.to_thread(self.look):
            await self._clock.sleep(every_s)

    def look(self) -> bool:
        """Whether files have changed.  Blocking; a server that does not answer is asked later."""
        ldap = ldap_library()
        connection = ldap.initialize(Folder(self._config.folder).socket_url)
        connection.set_option(ldap.OPT_TIMEOUT, 10)
        try:
            connection.sasl_non_interactive_bind_s("EXTERNAL")
            papers = read(connection, self._config.node, self._config.suffix)
            if self._take(papers):
                return True
            if self._is_due() and not (self._pending.exists() and papers.request):
                asked = msgspec.structs.replace(papers, request=self._request())
                write(connection, self._config.node, self._config.suffix, asked)
        except ldap.LDAPError:
            return False
        finally:
            connection.unbind_s()
        return False

    def _is_due(self) -> bool:
        links, now = self._config.links, _now(self._clock)
        return is_due(links.chain.read_bytes(), now) or is_due(
            links.link_certificate.read_bytes(), now
        )

    def _request(self) -> str:
        key = new_key(self._pending)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._config.node.name[:64])])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        return request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def _take(self, papers: Papers) -> bool:
        links, changed = self._config.links, False
        for path, text in (
            (links.authority, papers.authority),
            (links.link_authority, papers.link_authority),
        ):
            if text and path.read_text() != text:
                atomic_write(path, text.encode(), mode=PRIVATE)
                changed = True
        if not (papers.chain and self._pending.exists() and self._is_of_pending(papers.chain)):
            return changed
        key = self._pending.read_bytes()
        for path, content in (
            (links.key, key),
            (links.link_key, key),
            (links.chain, papers.chain.encode()),
            (links.link_certificate, papers.link.encode()),
        ):
            atomic_write(path, content, mode=PRIVATE)
        self._pending.unlink()
        return True

    def _is_of_pending(self, chain: str) -> bool:
        try:
            key = load_pem_private_key(self._pending.read_bytes(), password=None)
        except (ValueError, UnsupportedAlgorithm):
            return False
        leaf = x509.load_pem_x509_certificate(chain.encode())
        return leaf.public_key() == key.public_key()


def is_due(pem: bytes, now: datetime) -> bool:
    """Whether less than a third of a certificate's life is left."""
    leaf = x509.load_pem_x509_certificate(pem)
    life: timedelta = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    return leaf.not_valid_after_utc - now < life * DUE_SHARE


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now_ms() // 1000, UTC)
