"""What machines are told of the site: whom to trust, what is revoked, and where to sign in.

The authority is the tenant's own: a machine's certificate is for its name in the domain,
recorded as any other, and revoked as any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from heliostat.core.join_token import MachineToken, encode
from heliostat.identity.authority.authorities import TenantAuthority
from heliostat.identity.authority.certificates import crl_pem, pem
from heliostat.identity.authority.policy import Asker
from heliostat.identity.directory.contract.computers import ComputerVerbs
from heliostat.identity.directory.layout import dn_of, suffix_of
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.machines.realm_keys import RealmKeys
from heliostat.identity.machines.servers import LdapServers
from heliostat.identity.names import computer_subject
from heliostat.identity.openldap.site import OpenLdap
from heliostat.identity.options import IdentityOptions

VIA = "join"
DISABLED = "accountDisabled"
_PAGE = 100


@dataclass(frozen=True, slots=True)
class MachineCertificate:
    """What the authority gives; ``chain`` is PEM, the machine's own first."""

    chain: str
    sha256: str


class MachineSite:
    """The surroundings of one tenant's machines."""

    def __init__(
        self,
        options: IdentityOptions,
        authority: TenantAuthority,
        computers: ComputerVerbs,
        openldap: OpenLdap,
        realm: RealmKeys,
    ) -> None:
        self.realm = realm
        self._options = options
        self._computers = computers
        self._authority = authority
        self._openldap = openldap

    async def token(self, computer: str, secret: str) -> str:
        """The text with which ``computer`` joins."""
        root = (await self._authority.roots.active()).anchor
        return encode(
            MachineToken(
                url=self._options.base_url,
                ca=pem(root).decode(),
                fingerprint=root.fingerprint(hashes.SHA256()).hex(),
                domain=self._options.domain,
                computer=computer,
                secret=secret,
            )
        )

    def name_of(self, computer: str) -> str:
        """The DNS name that a computer's certificate is for."""
        return f"{computer}.{self._options.domain}"

    async def certify(self, csr_pem: str, computer: str) -> MachineCertificate:
        """Certify the key of a request for ``computer``'s name, and for no other.

        Raises ``InvalidEntity`` (the request), ``CertificateRefused`` (it asks for another name),
        ``TooManyCertificates``.
        """
        subject = computer_subject(computer, self._options.domain)
        most = self._options.authority.machine_certificates_an_hour
        await self._authority.certificates.refuse_often(subject, most)
        asker = Asker(subject, controls=(self.name_of(computer),))
        issued = await self._authority.certificates.issue(csr_pem, asker, via=VIA)
        assert issued.record is not None  # nothing was planned
        own = x509.load_der_x509_certificate(issued.record.der)
        return MachineCertificate(
            issued.own_pem + issued.chain_pem, own.fingerprint(hashes.SHA256()).hex()
        )

    async def take_back(self, computer: str) -> None:
        """Revoke the certificates with which ``computer`` is a member, and end its key in the
        realm; safe to do again.
        """
        await self.realm.forget(computer)
        certificates, after = self._authority.certificates, None
        administrator = Asker(computer_subject(computer, self._options.domain), administers=True)
        while True:
            name = self.name_of(computer)
            page = await certificates.page(limit=_PAGE, after=after, revision=None, name=name)
            for _, each in page.items:
                if each.via == VIA and not each.revoked_ms:
                    await certificates.revoke(each.id, "cessationOfOperation", administrator)
            if page.after is None:
                return
            after = page.after

    async def ldap(self, computer: str, secret: str) -> LdapServers | None:
        """Where the directory is read by LDAP; ``None`` where nobody answers there."""
        found = await self._computers.get_computer(computer)
        spread = await self._openldap.servers_for(self._options, found.name)
        if spread is not None:
            return replace(spread, secret=secret)
        servers = self._options.ldap_urls
        if not servers:
            return None
        return LdapServers(
            servers=servers,
            base=suffix_of(self._options.domain),
            bind_dn=dn_of(EntryKind.COMPUTER, found.name, found.unit, self._options.domain),
            disabled=DISABLED,
            secret=secret,
        )

    async def roots(self) -> tuple[str, ...]:
        """Every root to trust, as PEM."""
        return tuple(pem(each.anchor).decode() for each in await self._authority.roots.trusted())

    async def crls(self) -> tuple[str, ...]:
        """What the tenant's authority took back, as PEM."""
        found = await self._authority.revocation.crl()
        if found is None:
            return ()
        return (crl_pem(found.der),)
