"""Certificates of one tenant: issued by policy, and recorded in its register.

Nothing is issued that is not recorded in the same breath: the certificate is answered
once its document is durable.  A decision is pure (``policy``); with ``plan`` it is only
answered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from heliostat.cloudstore.contract import CloudStore, Guard, GuardFailed
from heliostat.core.clock import Clock
from heliostat.core.errors import TemporaryError
from heliostat.identity.authority.certificates import pem
from heliostat.identity.authority.issuer_keys import Issuer
from heliostat.identity.authority.issuers import Issuers
from heliostat.identity.authority.leaves import (
    leaf,
    pointers_of,
)
from heliostat.identity.authority.policy import Asker, Profile, decide
from heliostat.identity.authority.policy import default_policy as policy_of
from heliostat.identity.authority.policy_check import checked_policy
from heliostat.identity.authority.records import (
    Certificate,
    policies,
)
from heliostat.identity.authority.refusals import refused
from heliostat.identity.authority.register import Register
from heliostat.identity.authority.requests import Requested, read_request
from heliostat.identity.authority.roots import moment
from heliostat.identity.authority.rules import CertificatePolicy
from heliostat.identity.authority.taken import taken
from heliostat.identity.decided import TRIES, Decided, settle
from heliostat.identity.options import IdentityOptions


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with what to show after it, and why it was issued.

    With ``plan`` there is no certificate; ``reason`` tells what it would be.
    """

    record: Certificate | None
    chain_pem: str
    reason: str

    @property
    def own_pem(self) -> str:
        """The certificate itself; empty for a plan."""
        if self.record is None:
            return ""
        return pem(x509.load_der_x509_certificate(self.record.der)).decode()


class Certificates(Register):
    """The register, and who writes into it."""

    def __init__(
        self, store: CloudStore, clock: Clock, options: IdentityOptions, issuers: Issuers
    ) -> None:
        super().__init__(store, clock, options)
        self.issuers = issuers
        self._policies = policies(options.tenant)
        self._default = policy_of(options.domain)
        self._reserved = _hosts((options.base_url, *options.other_urls))
        self._pointers: tuple[str, Sequence[x509.ExtensionType]] | None = None

    async def policy(self) -> CertificatePolicy:
        """What may be issued."""
        stored = await self._policies.get(self._store, "policy")
        return stored.value if stored is not None else self._default

    async def set_policy(
        self, policy: CertificatePolicy, *, plan: bool = False
    ) -> CertificatePolicy:
        """Replace the policy; raises ``InvalidEntity``."""
        checked = msgspec.structs.replace(checked_policy(policy), id="policy")

        async def change() -> Decided[CertificatePolicy]:
            stored = await self._policies.get(self._store, "policy")
            previous = stored.value if stored is not None else None
            guards = [self._policies.guard(stored)] if stored else [self._policies.absent("policy")]
            return Decided(checked, guards, self._policies.put(checked, previous))

        return await settle(self._store, change, plan=plan)

    async def issue(
        self,
        request: str | bytes,
        asker: Asker,
        *,
        days: int = 0,
        via: str = "request",
        replaces: str = "",
        plan: bool = False,
    ) -> Issued:
        """Raises ``InvalidEntity`` (the request), ``CertificateRefused`` (the policy)."""
        requested = read_request(request)
        for _ in range(TRIES):
            profile, guards = await self._profile(requested, asker, days)
            if plan:
                issuer = await self.issuers.current()
                return Issued(None, issuer.chain_pem, profile.reason)
            with contextlib.suppress(GuardFailed):  # somebody was given one of the names meanwhile
                return await self.vouch(
                    requested.key,
                    profile,
                    by=asker.subject,
                    via=via,
                    replaces=replaces,
                    guards=guards,
                )
        raise TemporaryError("StoreUnavailable", "Others ask for the same names all the time.")

    async def vouch(
        self,
        key: CertificatePublicKeyTypes,
        profile: Profile,
        *,
        by: str,
        via: str,
        replaces: str = "",
        guards: Sequence[Guard] = (),
    ) -> Issued:
        """Certify a key for what a profile says; whoever made that has asked the rules, if any.

        Raises ``GuardFailed``.
        """
        issuer = await self.issuers.current()
        now = moment(self._clock.now_ms())
        certificate = leaf(issuer, key, profile, now, self.extensions(issuer))
        record = await self.record(
            issuer,
            certificate,
            names=profile.names,
            usages=profile.usages,
            by=by,
            via=via,
            replaces=replaces,
            guards=guards,
        )
        return Issued(record, issuer.chain_pem, profile.reason)

    async def renew(
        self, serial: str, request: str, asker: Asker, *, days: int = 0, plan: bool = False
    ) -> Issued:
        """A new certificate for a request with the same names as one that counts.

        Raises ``CertificateNotFound``, ``CertificateRefused``, ``InvalidEntity``.
        """
        old = (await self.stored(serial)).value
        self.check_own(old, asker)
        if not old.is_active(self._clock.now_ms()):
            raise refused("the one to renew no longer counts")
        requested = read_request(request)
        if set(requested.names) != set(old.names):
            raise refused(f"it does not ask for exactly the names of {serial}")
        return await self.issue(request, asker, days=days, via=old.via, replaces=old.id, plan=plan)

    async def _profile(
        self, requested: Requested, asker: Asker, days: int
    ) -> tuple[Profile, Sequence[Guard]]:
        """What may be issued, while the guards hold."""
        verdict = decide(
            await self.policy(),
            self._options.domain,
            requested,
            asker,
            days=days,
            reserved=self._reserved,
            constrained=self.issuers.is_constrained,
        )
        if verdict.profile is None:
            raise refused(verdict.reason)
        if asker.administers or asker.controls is not None:
            return verdict.profile, ()
        names = verdict.profile.names
        name, guards = await taken(
            self._store, self.kind, names, asker.subject, self._clock.now_ms()
        )
        if name:
            raise refused(f"{name.partition(':')[2]} is somebody else's")
        return verdict.profile, guards

    def extensions(self, issuer: Issuer) -> Sequence[x509.ExtensionType]:
        """Who signed it, and where to ask about it; made once."""
        if self._pointers is None or self._pointers[0] != issuer.id:
            self._pointers = (issuer.id, pointers_of(issuer, self._options.published))
        return self._pointers[1]


def _hosts(urls: Sequence[str]) -> frozenset[str]:
    return frozenset(host for host in (urlsplit(url).hostname for url in urls) if host)
