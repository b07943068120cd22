"""Machines become members with a token that is good once, and stay so by their certificate.

No administrator's password leaves for the machine, and the machine trusts nobody whom the
token doesn't name.  A token stays good for the key that it was used with until it
ends: a machine that never saw the answer asks again.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.authority.alternative_names import checked_dns
from heliostat.identity.authority.refusals import bad_request
from heliostat.identity.authority.requests import read_request
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract import ComputerVerbs
from heliostat.identity.directory.views import ComputerView
from heliostat.identity.machines import secrets
from heliostat.identity.machines.proof import IsThere, MachineProofs
from heliostat.identity.machines.records import MachineJoin, machine_joins_of
from heliostat.identity.machines.servers import LdapServers
from heliostat.identity.machines.site import KerberosServers, MachineSite
from heliostat.identity.names import computer_subject
from heliostat.identity.options import IdentityOptions

LIFETIME_S = 3600.0
SECRET_BYTES = 32
_PAGE = 100
KEY = "P-256"
"""Of machines: what their proofs are signed with (ES256)."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A new token, and when it ends; planned, it is empty."""

    computer: str
    token: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Member:
    """What a machine is told; ``chain`` is empty where no new certificate was asked for."""

    computer: str
    domain: str
    issuer: str
    chain: str
    roots: tuple[str, ...]
    crls: tuple[str, ...]
    directory: LdapServers | None = None
    kerberos: KerberosServers | None = None

    @property
    def subject(self) -> str:
        """What an audit trail calls it."""
        return computer_subject(self.computer, self.domain)


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
        self._store = store
        self._clock = clock
        self._ids = ids
        self._joins = machine_joins_of(options.tenant)
        self._computers = computers
        self._proofs = proofs
        self._options = options
        self._site = site
        self._is_there = is_there

    async def invite(
        self, name: str, *, unit: str = "", project: str = "", vm: str = "", plan: bool = False
    ) -> Invitation:
        """A token with which one machine may join as ``name``, once; the entry is made if need be.

        ``project`` and ``vm`` are what it is bound to, where the platform runs the machine.
        Raises ``InvalidName``, ``UnitNotFound``, ``InvalidOperation`` (a disabled computer).
        """
        checked_dns(self._site.name_of(name))
        computer = await self._entry(name, unit, project, vm, plan=plan)
        if computer.disabled:
            raise PermanentError("InvalidOperation", f"The computer {computer.name} is disabled.")
        secret = self._ids.secret(SECRET_BYTES)
        expires_ms = self._clock.now_ms() + int(LIFETIME_S * 1000)
        record = MachineJoin(
            id=_hash(secret),
            computer=computer.name,
            expires_ms=expires_ms,
            project=project,
            vm=vm,
        )
        token = "" if plan else await self._site.token(computer.name, secret)

        async def decide() -> Decided[Invitation]:
            made = Invitation(computer.name, token, expires_ms)
            return Decided(made, [self._joins.absent(record.id)], self._joins.put(record))

        return await settle(self._store, decide, plan=plan)

    async def join(
        self, secret: str, csr_pem: str, operating_system: str, *, plan: bool = False
    ) -> Member:
        """A certificate for who holds the secret.

        Raises ``InvalidToken`` (wrong, ended, or used with another key), ``InvalidEntity`` and
        ``CertificateRefused`` (the request; the secret stays good for its key).
        """
        claimed = await self._claimed(_hash(secret), _key_of(csr_pem), plan=plan)
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
        chain = new.chain if new else ""
        return await self._told(computer.name, chain, reads=not computer.vm)

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

    async def _entry(
        self, name: str, unit: str, project: str, vm: str, *, plan: bool
    ) -> ComputerView:
        try:
            return await self._computers.get_computer(name)
        except HeliostatError as error:
            if error.code != "ComputerNotFound":
                raise
        made = await self._computers.create_computer(name, unit=unit, plan=plan)
        if vm and not plan:  # so that it goes with its VM, also if that never joins
            return await self._computers.change_computer(name, project=project, vm=vm)
        return made

    async def _claimed(self, digest: str, key: str, *, plan: bool) -> MachineJoin:
        """Whom the token is for; from now on it is good for this key alone."""

        async def decide() -> Decided[MachineJoin]:
            stored = await self._joins.get(self._store, digest)
            if stored is None or self._clock.now_ms() >= stored.value.expires_ms:
                raise _refused()
            record = stored.value
            if record.key and not hmac.compare_digest(record.key, key):
                raise _refused()
            if (await self._computers.get_computer(record.computer)).disabled:
                raise _refused()
            claimed = msgspec.structs.replace(record, key=key)
            changes = self._joins.put(claimed, record) if not record.key else []
            return Decided(claimed, [self._joins.guard(stored)], changes)

        return await settle(self._store, decide, plan=plan)

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
        )


def _key_of(csr_pem: str) -> str:
    """A digest of the key that a request is for; raises ``InvalidEntity``."""
    requested = read_request(csr_pem)
    if requested.kind != KEY:
        raise bad_request(f"a machine's key is {KEY}, not {requested.kind}")
    key = requested.key
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _refused() -> PermanentError:
    return PermanentError(
        "InvalidToken",
        "The join token is wrong, has expired, or another machine has used it.",
        hint="Make a new one: `helio identity computer join-token NAME`.",
    )
