"""The authority as administration is given it: by domain, in plain values.

Everything of a tenant's certificates, and for the site's own domain its root.  Every
change validates with ``plan`` and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.authority.authorities import Authorities, TenantAuthority
from heliostat.identity.authority.issuing import Issued
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.records import Certificate
from heliostat.identity.authority.register import REASONS
from heliostat.identity.authority.rules import CertificatePolicy
from heliostat.identity.authority.views import (
    AuthorityView,
    CertificatePage,
    CertificateView,
    built,
    certificate_view,
    end_ms,
    planned_view,
    root_view,
)
from heliostat.identity.names import bare_name
from heliostat.identity.realms import Realms
from heliostat.identity.resealing import Resealed, Resealing
from heliostat.identity.service_accounts.issuing import AccountCertificates
from heliostat.identity.service_accounts.names import VIA


class Administration:
    """The verbs, by domain; each raises ``TenantNotFound``."""

    def __init__(
        self, authorities: Authorities, realms: Realms, clock: Clock, resealing: Resealing
    ) -> None:
        self._authorities = authorities
        self._realms = realms
        self._clock = clock
        self._resealing = resealing

    async def show(self, domain: str) -> AuthorityView:
        """Makes no intermediate; one that is not there yet has no ``issuer``."""
        found = await self._of(domain)
        issuer = await found.issuers.known()
        _, advice = await self._authorities.rotation.look()
        return AuthorityView(
            domain=found.options.domain,
            issuer=issuer.id if issuer else "",
            issuer_subject=issuer.certificate.subject.rfc4514_string() if issuer else "",
            issuer_not_after_ms=end_ms(issuer.certificate) if issuer else 0,
            chain_pem=issuer.chain_pem if issuer else "",
            keys=self._authorities.roots.custody.words,
            roots=tuple(map(root_view, await self._authorities.roots.all(0.0))),
            move=advice.move.value,
            told=advice.reason,
            crl_url=f"{found.options.published}/pki/crl/{found.options.domain}.crl",
            constrained=found.issuers.is_constrained,
        )

    async def get_policy(self, domain: str) -> dict[str, Any]:
        return built(await (await self._of(domain)).certificates.policy())

    async def set_policy(
        self, domain: str, policy: Mapping[str, Any], *, plan: bool = False
    ) -> dict[str, Any]:
        """Raises ``InvalidEntity``."""
        try:
            read = msgspec.convert(dict(policy), CertificatePolicy)
        except msgspec.ValidationError as error:
            raise PermanentError("InvalidEntity", f"The policy is refused: {error}.") from error
        return built(await (await self._of(domain)).certificates.set_policy(read, plan=plan))

    async def issue(
        self,
        domain: str,
        request: str,
        *,
        subject: str,
        groups: frozenset[str],
        administers: bool,
        days: int = 0,
        account: str = "",
        plan: bool = False,
    ) -> CertificateView:
        """For the names of the request, or for a service account.

        Raises ``InvalidEntity``, ``CertificateRefused``, ``RootTooOld``; of an account
        ``ServiceAccountNotFound``, ``AccessForbidden``.
        """
        certificates = (await self._of(domain)).certificates
        asker = await self._asker(domain, subject, groups, administers)
        if account:
            own = await self._accounts(domain)
            return self._issued(await own.issue(account, request, asker, days=days, plan=plan))
        return self._issued(await certificates.issue(request, asker, days=days, plan=plan))

    async def renew(
        self,
        domain: str,
        serial: str,
        request: str,
        *,
        subject: str,
        groups: frozenset[str],
        administers: bool,
        days: int = 0,
        plan: bool = False,
    ) -> CertificateView:
        """Raises ``CertificateNotFound``, ``AccessForbidden``, and what ``issue`` does."""
        certificates = (await self._of(domain)).certificates
        asker = await self._asker(domain, subject, groups, administers)
        stored = await certificates.stored(serial)
        renewing = await self._accounts(domain) if stored.value.via == VIA else certificates
        issued = await renewing.renew(serial, request, asker, days=days, plan=plan)
        return self._issued(issued)

    async def get_certificate(self, domain: str, serial: str) -> CertificateView:
        """Raises ``CertificateNotFound``."""
        found = await self._of(domain)
        record = (await found.certificates.stored(serial)).value
        issuer = await found.issuers.find(record.issuer)
        return self._view(record, issuer.chain_pem if issuer else "")

    async def revoke(
        self,
        domain: str,
        serial: str,
        reason: str,
        *,
        subject: str,
        administers: bool,
        plan: bool = False,
    ) -> CertificateView:
        """Raises ``CertificateNotFound``, ``InvalidEntity``, ``AccessForbidden``."""
        certificates = (await self._of(domain)).certificates
        asker = await self._asker(domain, subject, frozenset(), administers)
        revoked = await certificates.revoke(serial, reason, asker, plan=plan)
        if not plan:
            await self._authorities.platform.refresh()
        return self._view(revoked)

    async def list_certificates(
        self,
        domain: str,
        *,
        limit: int,
        after: str | None,
        revision: int | None,
        state: str = "",
        name: str = "",
        within_days: int = 0,
    ) -> CertificatePage:
        """In order of issue; of one name, or by their ends those that end soon."""
        certificates = (await self._of(domain)).certificates
        page = await certificates.page(
            limit=limit, after=after, revision=revision, name=name, within_days=within_days
        )
        views = [(key, self._view(record)) for key, record in page.items]
        kept = tuple((key, view) for key, view in views if not state or view.state == state)
        return CertificatePage(kept, page.after, page.revision)

    async def replace_intermediate(self, domain: str, reason: str, *, plan: bool = False) -> str:
        """Gives the id of the one that signs no more (empty: there was none)."""
        if reason not in REASONS:
            sentence = f"{reason[:40]!r} is none of {', '.join(REASONS)}."
            raise PermanentError("InvalidEntity", sentence)
        old = await (await self._of(domain)).issuers.replace(reason, plan=plan)
        if not plan:
            await self._authorities.platform.refresh()
        return old.id if old is not None else ""

    async def rotate(self, domain: str, *, force: bool = False, plan: bool = False) -> str:
        """The next step to another root; what comes then, in a sentence.  ``RotationWaits``."""
        await self._of_site(domain)
        advice = await self._authorities.rotation.step(force=force, plan=plan)
        if not plan:
            await self._followed()
        return f"{advice.move}: {advice.reason}"

    async def cancel(self, domain: str, *, plan: bool = False) -> str:
        """Give up a root that does not sign yet.  Raises ``RotationWaits``."""
        await self._of_site(domain)
        given_up = await self._authorities.rotation.cancel(plan=plan)
        if not plan:
            await self._followed()
        return given_up

    async def request(self, domain: str, *, plan: bool = False) -> str:
        """A signing request for the company's authority.  Raises ``RotationWaits``."""
        await self._of_site(domain)
        return await self._authorities.rotation.request(plan=plan)

    async def install(self, domain: str, chain: str, *, plan: bool = False) -> str:
        """What came back.  Raises ``InvalidEntity``, ``RotationWaits``."""
        await self._of_site(domain)
        root = await self._authorities.rotation.install(chain, plan=plan)
        if not plan:
            await self._followed()
        return root.id

    async def reseal(self, domain: str, *, renew: bool, plan: bool = False) -> Resealed:
        """How many secrets are sealed anew.  Raises ``SealBroken``."""
        await self._of_site(domain)
        return await self._resealing.run(renew=renew, plan=plan)

    async def _followed(self) -> None:
        """What serves this process follows at once, others within a minute."""
        self._authorities.system.issuers.forget()
        await self._authorities.platform.refresh()

    async def _of(self, domain: str) -> TenantAuthority:
        return self._authorities.of((await self._realms.get(domain)).options)

    async def _accounts(self, domain: str) -> AccountCertificates:
        directory = (await self._realms.get(domain)).directory
        return AccountCertificates((await self._of(domain)).certificates, directory)

    async def _of_site(self, domain: str) -> None:
        await self._realms.get(domain)
        own = self._authorities.system.options.domain
        if domain.casefold() != own.casefold():
            raise PermanentError(
                "InvalidOperation",
                f"The root is the site's, not {domain[:80]}'s.",
                hint=f"Leave --domain out, or name {own}.",
            )

    async def _asker(
        self, domain: str, subject: str, groups: Sequence[str] | frozenset[str], administers: bool
    ) -> Asker:
        own = (await self._realms.get(domain)).options.domain
        user = bare_name(subject, own) or ""
        return Asker(subject, user, frozenset(groups), administers)

    def _issued(self, issued: Issued) -> CertificateView:
        if issued.record is None:
            return planned_view(issued.reason)
        return self._view(issued.record, issued.chain_pem, issued.reason)

    def _view(self, record: Certificate, chain_pem: str = "", why: str = "") -> CertificateView:
        return certificate_view(record, self._clock.now_ms(), chain_pem, why)
