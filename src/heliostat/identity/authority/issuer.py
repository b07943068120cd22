"""The platform's own certificates: of agents, and of controllers' TLS.

They live 90 days, are signed by the system's intermediate (by the root itself where that
is from before), recorded like all others, and renewed once a third of that is left, or
somebody else signs by then.  What TLS asks in the middle of a handshake (which host is
this, does it still count) is answered from what ``refresh`` read last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from heliostat.core.clock import Clock
from heliostat.core.files import atomic_write
from heliostat.identity.authority.alternative_names import name_text
from heliostat.identity.authority.certificates import alternative_name, common_name, is_due, pem
from heliostat.identity.authority.host_names import (
    HOST_SAN,
    common_name_in,
    common_name_of,
    host_id_of,
)
from heliostat.identity.authority.host_trust import remember
from heliostat.identity.authority.issuer_keys import Issuer
from heliostat.identity.authority.issuing import Certificates
from heliostat.identity.authority.key_files import SERVER_CHAIN, ServerFiles, write_key
from heliostat.identity.authority.leaves import platform_leaf
from heliostat.identity.authority.policy import CLIENT
from heliostat.identity.authority.policy import SERVER as SERVER_USAGE
from heliostat.identity.authority.records import HOST, SERVER
from heliostat.identity.authority.refusals import bad_request
from heliostat.identity.authority.requests import read_request
from heliostat.identity.authority.roots import Roots, moment

PLATFORM = "heliostat"


class Authority:
    """Certifies agents and controllers; ``refresh`` it before anything else is asked."""

    def __init__(
        self, roots: Roots, certificates: Certificates, folder: Path, leaf_days: int
    ) -> None:
        self._roots = roots
        self._certificates = certificates
        self._folder = folder
        self._leaf_days = leaf_days
        self._anchors: tuple[x509.Certificate, ...] = ()
        self._believed: tuple[x509.Certificate, ...] = ()
        self._revoked: frozenset[int] = frozenset()
        self.followers: list[Callable[[], None]] = []
        """Called once other certificates of hosts count than before."""

    @property
    def clock(self) -> Clock:
        return self._roots.clock

    async def refresh(self) -> None:
        """Read what changed: roots to trust, who certifies hosts, what was revoked."""
        before = self._believed, self._revoked
        self._anchors = tuple(each.anchor for each in await self._roots.trusted())
        self._believed = tuple(await self._believed_now())
        self._revoked = await self._revoked_now()
        if (self._believed, self._revoked) != before:
            for tell in self.followers:
                tell()

    @property
    def ca_pem(self) -> str:
        """Every root to trust, the signing one first."""
        return b"".join(map(pem, self._anchors)).decode()

    @property
    def anchor_pem(self) -> str:
        """The root that a new agent has to trust to reach the controller."""
        return pem(self._anchors[0]).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of that root, as lower-case hex."""
        return self._anchors[0].fingerprint(hashes.SHA256()).hex()

    @property
    def gate_pem(self) -> str:
        """Whose certificates hosts may show: no tenant's, and no root that signs authorities."""
        return b"".join(map(pem, self._believed)).decode()

    @property
    def server_thumbprint(self) -> str:
        """SHA-256 of the server's certificate as it is shown now, ``AB:CD:…``."""
        leaf = x509.load_pem_x509_certificate((self._folder / SERVER_CHAIN).read_bytes())
        return leaf.fingerprint(hashes.SHA256()).hex(":").upper()

    async def issue_server(self, names: Sequence[str], folder: Path | None = None) -> ServerFiles:
        """Key and chain for a server that is reached as ``names`` (DNS names and addresses).

        What is there already is kept until its names or its issuer change or it is due for
        renewal.  Raises ``InvalidSetting`` for what can't be a name.
        """
        where = folder or self._folder
        files = ServerFiles(where / SERVER_CHAIN, where / "server.key")
        alternatives = [alternative_name(name) for name in names]
        issuer = await self._certificates.issuers.current()
        now = moment(self.clock.now_ms())
        if files.are_current(alternatives, issuer, self._revoked, now):
            return files
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._leaf(
            issuer, key.public_key(), names[0], alternatives, ExtendedKeyUsageOID.SERVER_AUTH
        )
        await self._certificates.record(
            issuer,
            leaf,
            names=[name_text(each) for each in alternatives],
            usages=(SERVER_USAGE,),
            by=PLATFORM,
            via=SERVER,
        )
        write_key(files.key, key)
        atomic_write(files.chain, b"".join(map(pem, (leaf, *issuer.chain))))
        return files

    async def sign_server(self, csr_pem: str, names: Sequence[str]) -> str:
        """The chain for a server on another machine, which keeps its key, as PEM.

        Raises as ``sign_csr`` and ``issue_server``.
        """
        requested = read_request(csr_pem)
        key = requested.key
        if not isinstance(key, ec.EllipticCurvePublicKey) or requested.kind != "P-256":
            raise bad_request("its key is not a P-256 key")
        alternatives = [alternative_name(name) for name in names]
        issuer = await self._certificates.issuers.current()
        leaf = self._leaf(issuer, key, names[0], alternatives, ExtendedKeyUsageOID.SERVER_AUTH)
        told = [name_text(each) for each in alternatives]
        await self._certificates.record(
            issuer, leaf, names=told, usages=(SERVER_USAGE,), by=PLATFORM, via=SERVER
        )
        return b"".join(map(pem, (leaf, *issuer.chain))).decode()

    async def sign_csr(self, csr_pem: str, *, host_id: str) -> str:
        """A client certificate for the agent of ``host_id``, as PEM.

        Only the key is taken from the request; who it is for is ours to say.
        Raises ``InvalidEntity`` for anything but a P-256 request signed by its own key.
        """
        requested = read_request(csr_pem)
        key = requested.key
        if not isinstance(key, ec.EllipticCurvePublicKey) or requested.kind != "P-256":
            raise bad_request("its key is not a P-256 key")
        issuer = await self._certificates.issuers.current()
        name = HOST_SAN + host_id
        alternatives = [x509.UniformResourceIdentifier(name)]
        leaf = self._leaf(issuer, key, host_id, alternatives, ExtendedKeyUsageOID.CLIENT_AUTH)
        record = await self._certificates.record(
            issuer, leaf, names=[f"uri:{name}"], usages=(CLIENT,), by=PLATFORM, via=HOST
        )
        await remember(self._roots.store, host_id, issuer=issuer.id, serial=record.id)
        return pem(leaf).decode()

    async def trust_of(self, host_id: str) -> dict[str, str]:
        """What a host is to trust, and who certifies hosts: ``{ca, issuer}``.

        ``issuer`` is a subject key identifier in hex; a host whose certificate has another
        authority key asks for a new one.
        """
        await self.refresh()
        trusted = [each.record.id for each in await self._roots.trusted()]
        await remember(self._roots.store, host_id, roots=tuple(sorted(trusted)))
        issuer = await self._certificates.issuers.current()
        own = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return {"ca": self.ca_pem, "issuer": own.value.digest.hex()}

    def host_of(self, peer_certificate: Mapping[str, object] | None) -> str | None:
        """The host in a checked certificate (``SSLObject.getpeercert()``) that still counts."""
        found = peer_certificate or {}
        host_id = host_id_of(found)
        try:
            revoked = int(str(found.get("serialNumber", "")), 16) in self._revoked
        except ValueError:
            return None
        issuer = common_name_in(found.get("issuer"))
        names = {common_name_of(each.subject) for each in self._believed}
        return host_id if not revoked and issuer in names else None

    async def _believed_now(self) -> list[x509.Certificate]:
        found = list(await self._certificates.issuers.believed())
        for root in await self._roots.trusted():
            if root.record.signs_leaves:
                found.append(root.certificate)
        return found

    async def _revoked_now(self) -> frozenset[int]:
        revoked: set[int] = set()
        kind = self._certificates.kind
        for issuer in await self._certificates.issuers.ids():
            revoked.update(
                int(id_, 16)
                for id_ in await kind.ids_by_index(self._roots.store, "revoked", issuer)
            )
        return frozenset(revoked)

    def _leaf(
        self,
        issuer: Issuer,
        key: ec.EllipticCurvePublicKey,
        name: str,
        alternatives: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        now = moment(self.clock.now_ms())
        end = min(now + timedelta(days=self._leaf_days), issuer.certificate.not_valid_after_utc)
        pointers = self._certificates.extensions(issuer)
        return platform_leaf(
            issuer, key, common_name(name), alternatives, usage, now, end, pointers
        )


def needs_renewal(certificate_pem: str, clock: Clock) -> bool:
    """Whether less than a third of a certificate's life is left."""
    leaf = x509.load_pem_x509_certificate(certificate_pem.encode())
    return is_due(leaf, datetime.fromtimestamp(clock.now_ms() // 1000, UTC))
