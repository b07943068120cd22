"""The security token service: an assertion for a password, and whether an assertion counts.

It takes passwords from programs, so it is shut until the tenant's policy opens it
(``saml.trust_endpoint``), and who has a second factor is refused: there is no place to
show it.  Wrong passwords count as everywhere.
"""

from __future__ import annotations

from cryptography import x509

from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml import answers, signatures, told
from heliostat.identity.saml.addresses import Addresses
from heliostat.identity.saml.keys import SamlKeys
from heliostat.identity.saml.markup import Node, instant_ms, name, one, only, refused
from heliostat.identity.saml.names import Names
from heliostat.identity.saml.records import ServiceProvider
from heliostat.identity.saml.service_providers import ServiceProviders
from heliostat.identity.saml.trust_messages import TOKEN_TYPES, TrustRequest, issued, validated
from heliostat.identity.saml.vocabulary import AuthnContext


class Trust:
    """One tenant's security token service."""

    def __init__(
        self,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        keys: SamlKeys,
        providers: ServiceProviders,
        addresses: Addresses,
        names: Names,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._options = options
        self._keys = keys
        self._providers = providers
        self._addresses = addresses
        self._names = names

    def check_open(self) -> None:
        """Raises ``NotConfigured`` while the policy does not open it."""
        if not self._options.saml.trust_endpoint:
            raise PermanentError(
                "NotConfigured",
                f"{self._options.domain} issues no assertions for passwords.",
                hint="`helio identity policy set saml.trust_endpoint=true` opens it.",
            )

    async def provider_of(self, asked: TrustRequest) -> ServiceProvider:
        """Whom an assertion is asked for; raises ``ServiceProviderNotFound``."""
        if not asked.applies_to:
            raise refused("AppliesTo does not say whom the assertion is for")
        return await self._providers.of_entity(asked.applies_to)

    async def issue(self, asked: TrustRequest, provider: ServiceProvider, person: Person) -> bytes:
        """The answer with an assertion about the person; raises ``AccessForbidden``."""
        if not told.let_in(person, provider, self._options.domain):
            raise PermanentError("AccessForbidden", f"{provider.name} is not for this person.")
        now_ms = self._clock.now_ms()
        longest_ms = int(self._options.lifetimes.access_s * 1000)
        until_ms = min(asked.until_ms or now_ms + longest_ms, now_ms + longest_ms)
        if until_ms <= now_ms:
            raise refused("it asks for an assertion that has ended already")
        name_id = await self._names.name_of(person, provider, provider.name_id)
        said = answers.Statement(
            issuer=self._addresses.entity_id,
            audience=provider.entity_id,
            recipient="",
            request_id="",
            name_id=name_id,
            name_id_format=provider.name_id,
            attributes=told.attributes_of(person, provider),
            context=AuthnContext.PROTECTED_PASSWORD.value,
            session_index=self._ids.secret(24),
            signed_in_ms=now_ms,
            session_ends_ms=until_ms,
            now_ms=now_ms,
            lasts_ms=until_ms - now_ms,
        )
        assertion = answers.assertion(said, "_" + self._ids.secret(20))
        signed = signatures.sign(assertion, await self._keys.signer())
        return issued(asked, signed, TOKEN_TYPES[0], now_ms, until_ms)

    async def validate(self, asked: TrustRequest) -> bytes:
        """Whether an assertion is ours and counts now."""
        certificates = [pair.certificate for pair in await self._keys.published()]
        try:
            self._check(asked.target, certificates)
        except PermanentError as error:
            return validated(asked, False, error.message)
        return validated(asked, True, "The assertion counts.")

    def _check(self, target: Node | None, certificates: list[x509.Certificate]) -> None:
        if target is None or target.tag != name("saml:Assertion"):
            raise refused("ValidateTarget holds no assertion")
        assertion = signatures.verified(target, certificates)
        issuer = one(assertion, "saml:Issuer").text
        if issuer != self._addresses.entity_id:
            raise refused("it is not of this tenant")
        conditions = one(assertion, "saml:Conditions")
        now_ms = self._clock.now_ms()
        if not (
            instant_ms(conditions.get("NotBefore") or "")
            <= now_ms
            < instant_ms(conditions.get("NotOnOrAfter") or "")
        ):
            raise refused("it does not count now")
        if only(assertion, "saml:Subject") is None:
            raise refused("it says nothing of anybody")
