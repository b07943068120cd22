"""What nodes and this controller prove themselves with: made, renewed, given to who asks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.identity.authority.issuer import Authority
from heliostat.identity.openldap import renewal
from heliostat.identity.openldap.endpoint import Endpoint, Trust
from heliostat.identity.openldap.links import CONTROLLER, REPLICATOR, LinkAuthority
from heliostat.identity.openldap.membership import links_in
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.pool import Pool
from heliostat.identity.openldap.renewal import Papers

log = logging.getLogger(__name__)


class Credentials:
    """``folder`` keeps the links' authority and what this controller shows."""

    def __init__(
        self,
        folder: Callable[[], Path],
        clock: Clock,
        authority: Callable[[], Authority],
        local_names: tuple[str, ...],
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._authority = authority
        self._local_names = local_names

    def links(self) -> LinkAuthority:
        return LinkAuthority.open(self._folder() / "authority", self._clock)

    def trust(self) -> Trust:
        """What this controller shows to nodes elsewhere."""
        own = self._folder() / "controller"
        certificate, key = self.links().keep(CONTROLLER, CONTROLLER, own)
        authority = own / "ca.pem"
        _write(authority, self._authority().ca_pem)
        return Trust(authority, certificate, key)

    async def files(self, node: Node, folder: Path) -> bool:
        """Write (or renew) what a node proves itself with; whether that changed anything."""
        before = _papers(folder)
        links = links_in(folder)
        await self._authority().issue_server(self._names(node), links.chain.parent)
        authority = self.links()
        authority.keep(REPLICATOR, node.identity, links.chain.parent)
        _write(links.link_authority, authority.pem)
        _write(links.authority, self._authority().ca_pem)
        return _papers(folder) != before

    async def answer(self, node: Node, pool: Pool, endpoint: Endpoint, suffix: str) -> None:
        """Give a node of another machine what it asks for; see ``renewal``.

        Raises ``DirectoryUnavailable``, ``CertificateInvalid`` and what the authority does.
        """
        papers = await pool.run_at(endpoint, lambda each: renewal.read(each, node, suffix))
        answer = await self._answer(node, papers)
        if answer != papers:
            await pool.run_at(endpoint, lambda each: renewal.write(each, node, suffix, answer))

    async def _answer(self, node: Node, papers: Papers) -> Papers:
        links = self.links()
        answer = msgspec.structs.replace(
            papers, authority=self._authority().ca_pem, link_authority=links.pem
        )
        if not papers.request:
            return answer
        chain = await self._authority().sign_server(papers.request, self._names(node))
        key = x509.load_pem_x509_csr(papers.request.encode()).public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise PermanentError("CertificateInvalid", f"{node.name} asks for another kind of key.")
        link = links.certify(key, REPLICATOR, node.identity)
        return msgspec.structs.replace(
            answer, request="", csr=papers.request, chain=chain, link=link
        )

    def _names(self, node: Node) -> list[str]:
        further = self._local_names if node.local else ()
        return list(dict.fromkeys((node.host, *further)))


def _papers(folder: Path) -> list[bytes]:
    return [each.read_bytes() for each in sorted((folder / "tls").glob("*"))]


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        atomic_write(path, text.encode())
