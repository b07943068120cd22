"""Machines become members with a token that is good once, and stay so by their certificate.

No administrator's password leaves for the machine, and the machine trusts nobody whom the
token doesn't name.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.authority.refusals import bad_request
from heliostat.identity.authority.requests import read_request
from heliostat.identity.directory.contract.computers import ComputerVerbs
from heliostat.identity.directory.views import ComputerView
from heliostat.identity.machines import secrets
from heliostat.identity.machines.invitations import Invitation, Invitations
from heliostat.identity.machines.member import Member
from heliostat.identity.machines.proof import IsThere, MachineProofs
from heliostat.identity.machines.realm_keys import MachineKey
from heliostat.identity.machines.site import MachineSite
from heliostat.identity.options import IdentityOptions

_PAGE = 100
KEY = "P-256"
"""Of machines: what their proofs are signed with (ES256)."""


class Machines:
    """The members of one tenant's directory."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        computers: ComputerVerbs,
        proofs: MachineProofs,
        site: MachineSite,
        is_there: IsThere,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._invitations = Invitations(store, clock, ids, options.tenant, computers, site)
        self._computers = computers
        self._proofs = proofs
        self._options = options
        self._site = site
        self._is_there = is_there

    async def invite(
        self, name: str, *, unit: str = "", project: str = "", vm: str = "", plan: bool = False
    ) -> Invitation:
        """See ``Invitations.invite``."""
        return await self._invitations.invite(name, unit=unit, project=project, vm=vm, plan=plan)

    async def join(
        self, secret: str, csr_pem: str, operating_system: str, *, plan: bool = False
    ) -> Member:
        """A certificate for who holds the secret.

        Raises ``InvalidToken`` (wrong, ended, or used with another key), ``InvalidEntity`` and
        ``CertificateRefused`` (the request; the secret stays good for its key).
        """
        claimed = await self._invitations.claim(secret, _key_of(csr_pem), plan=plan)
        computer = claimed.computer
        if plan:
            return self._planned(computer)
        certificate = await self._site.certify(csr_pem, computer)
        # whoever may start a VM may not therefore read the directory
        secret = "" if claimed.vm else secrets.new_secret(self._ids)
        await self._computers.change_computer(
            computer,
            operating_system=operating_system or None,
            certificate_sha256=certificate.sha256,
            next_certificate_sha256="",
            password_hash=secrets.kept(secret) if secret else "",
            project=claimed.project,
            vm=claimed.vm,
            last_seen_ms=self._clock.now_ms(),
        )
        return await self._told(computer, certificate.chain, secret, reads=not claimed.vm)

    async def refresh(
        self, assertion: str, csr_pem: str, operating_system: str, *, plan: bool = False
    ) -> Member:
        """What a member asks for regularly: that it still is one, and a new certificate if due.

        The present certificate counts until the new one is shown, so a lost answer is no loss.
        Raises ``InvalidClient`` (its proof), ``InvalidEntity``, ``CertificateRefused``.
        """
        computer, shown = await self._proofs.computer(assertion, plan=plan)
        new = None
        if csr_pem:
            _key_of(csr_pem)
        if csr_pem and not plan:
            new = await self._site.certify(csr_pem, computer.name)
        is_next = shown != computer.certificate_sha256
        await self._computers.change_computer(
            computer.name,
            operating_system=operating_system or None,
            certificate_sha256=shown,
            next_certificate_sha256=new.sha256 if new else "" if is_next else None,
            last_seen_ms=self._clock.now_ms(),
            proven=shown,
            plan=plan,
        )
        if plan:
            return self._planned(computer.name)
        await self._site.realm.withdraw(computer.name)
        chain = new.chain if new else ""
        return await self._told(computer.name, chain, reads=not computer.vm)

    async def give_key(self, assertion: str, *, plan: bool = False) -> MachineKey:
        """A new key in the tenant's Kerberos realm, for the machine that proves itself.

        Raises ``InvalidClient`` (its proof), ``KerberosNotEnabled``, ``AccessForbidden``.
        """
        computer, _ = await self._proofs.computer(assertion, plan=plan)
        if computer.vm:
            raise PermanentError(
                "AccessForbidden", f"{computer.name} is of a VM, on which nobody of here logs in."
            )
        return await self._site.realm.give(computer.name, plan=plan)

    async def dismiss(self, name: str, *, plan: bool = False) -> ComputerView:
        """Delete a computer; what it proved itself by is revoked first, here and elsewhere.

        Raises ``ComputerNotFound``.
        """
        computer = await self._computers.get_computer(name)
        if not plan:
            await self._site.take_back(computer.name)
        return await self._computers.delete_computer(name, plan=plan)

    async def dismiss_gone(self) -> int:
        """Delete the computers that were VMs which the platform has no more; gives how many."""
        count, after = 0, ""
        while True:
            page = await self._computers.page_computers(limit=_PAGE, after=after)
            for each in page.items:
                if each.vm and not await self._is_there(each.vm):
                    await self.dismiss(each.name)
                    count += 1
            if not page.after:
                return count
            after = page.after

    def _planned(self, computer: str) -> Member:
        """Without what is only made when somebody asks for it, such as revocation lists."""
        domain, issuer = self._options.domain, self._options.issuer
        return Member(computer, domain, issuer, chain="", roots=(), crls=())

    async def _told(
        self, computer: str, chain: str, secret: str = "", *, reads: bool = True
    ) -> Member:
        return Member(
            computer=computer,
            domain=self._options.domain,
            issuer=self._options.issuer,
            chain=chain,
            roots=await self._site.roots(),
            crls=await self._site.crls(),
            directory=await self._site.ldap(computer, secret) if reads else None,
            kerberos=await self._site.realm.servers(computer) if reads else None,
        )


def _key_of(csr_pem: str) -> str:
    """A digest of the key that a request is for; raises ``InvalidEntity``."""
    requested = read_request(csr_pem)
    if requested.kind != KEY:
        raise bad_request(f"a machine's key is {KEY}, not {requested.kind}")
    key = requested.key
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
