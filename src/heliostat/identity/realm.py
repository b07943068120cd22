"""One tenant: where all its parts meet.

Whoever adds a part makes it here, from the tenant's options, and asks the others by contract.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.factors.challenges import Challenges
from heliostat.identity.factors.factors import Factors
from heliostat.identity.factors.passkeys import Passkeys
from heliostat.identity.federation.administered import AdministeredProviders
from heliostat.identity.federation.barring import Barring
from heliostat.identity.federation.elsewhere import Elsewhere
from heliostat.identity.federation.newcomers import Newcomers
from heliostat.identity.federation.outbound import Outbound
from heliostat.identity.federation.providers import Providers
from heliostat.identity.federation.settings import ProviderSettings
from heliostat.identity.kerberos.realm import TenantRealm
from heliostat.identity.kerberos.services import Services
from heliostat.identity.kinds import kinds_of
from heliostat.identity.machines.machines import Machines
from heliostat.identity.machines.proof import IsRevoked, IsThere, MachineProofs
from heliostat.identity.machines.site import MachineSite
from heliostat.identity.openldap.directory import HomeDirectory
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.passwords.hashing import Hashing
from heliostat.identity.saml.records import SamlKinds
from heliostat.identity.sealing import Sealing
from heliostat.identity.sources.links import Links
from heliostat.identity.sources.outsiders import Members
from heliostat.identity.sources.router import Everybody
from heliostat.identity.sources.seen import SeenPeople
from heliostat.identity.sources.sources import Sources
from heliostat.identity.steps.next_step import Requirement
from heliostat.identity.steps.rules import SignInRules, rules_of
from heliostat.identity.steps.under_way import SignInsUnderWay
from heliostat.identity.sweep import sweep
from heliostat.identity.tokens.assertions import Assertions
from heliostat.identity.tokens.authorization import Authorization
from heliostat.identity.tokens.browsers import Browsers
from heliostat.identity.tokens.client_authentication import ClientAuthentication
from heliostat.identity.tokens.codes import Codes
from heliostat.identity.tokens.consents import Consents
from heliostat.identity.tokens.departures import Departures
from heliostat.identity.tokens.devices import Devices
from heliostat.identity.tokens.exchange import Exchange
from heliostat.identity.tokens.grants import Grants
from heliostat.identity.tokens.holds import Holds
from heliostat.identity.tokens.issuing import Issuing
from heliostat.identity.tokens.keys import SigningKeys
from heliostat.identity.tokens.pushed import PushedRequests
from heliostat.identity.tokens.sessions import Sessions
from heliostat.identity.tokens.signed_in import SessionsAtHand
from heliostat.identity.tokens.standing import Standing

if TYPE_CHECKING:
    from heliostat.identity.saml.part import Saml


class Realm:
    """Directory, signing keys, sessions and grants of one tenant."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        hashing: Hashing,
        sealing: Sealing,
        outbound: Outbound,
        links: Links,
        site_domain: str,
    ) -> None:
        self.options = options
        self.sealing = sealing
        self._store = store
        self._clock = clock
        self._ids = ids
        self.directory = HomeDirectory(store, clock, ids, options, hashing)
        self.sources = Sources(store, clock, ids, options, sealing, links, site_domain)
        self.members = Members(store, options.tenant, self.directory, self.sources)
        seen = SeenPeople(store, clock, options.tenant)
        self.people = Everybody(self.directory, self.sources, self.members, seen, options)
        self.kerberos = TenantRealm(store, clock, options, hashing, sealing)
        self.directory.passwords.kerberos = self.kerberos
        self.services = Services(store, clock, self.kerberos, self.directory.computer_stands)
        self.keys = SigningKeys(store, clock, options, sealing)
        departures = self.departures = Departures(store, clock, ids, options)
        sessions = self.sessions = Sessions(store, clock, ids, options, departures)
        self._assertions = Assertions(store, clock, options)
        self.clients = ClientAuthentication(self.directory, self._assertions)
        self.browsers = Browsers(store, clock, ids, options, departures)
        self.under_way = SignInsUnderWay(store, clock, ids, options)
        barring = Barring(store, options, self.browsers, sessions)
        self.providers = Providers(store, clock, ids, options, self.directory, barring)
        self.newcomers = Newcomers(store, clock, ids, options, self.directory, sealing)
        self.elsewhere = Elsewhere(
            store, clock, ids, options, sealing, outbound, self.providers, self.newcomers
        )
        self.administered_providers = AdministeredProviders(
            self.providers,
            ProviderSettings(options, sealing, outbound),
            self.elsewhere,
            self.directory,
        )
        self.factors = Factors(store, clock, ids, options, sealing)
        self.directory.asks_for_more = self.asks_for_more
        self.passkeys = Passkeys(self.factors, Challenges(store, clock, ids, options, sealing))
        self.authorization = Authorization(store, clock, ids, options, self.people, self.browsers)
        self.pushed = PushedRequests(store, clock, ids, options, self.authorization)
        codes = Codes(store, clock, options, sessions)
        self.standing = Standing(self.people, self.directory, self.keys, sessions, clock)
        self.holds = Holds(self.directory, sessions)
        self.signed_in = SessionsAtHand(store, clock, options, sessions, self.browsers, self.people)
        self.consents = Consents(store, clock, options, sessions, self.people)
        self.devices = Devices(store, clock, ids, options)
        self.grants = Grants(
            self.people,
            clock,
            options,
            self.keys,
            Issuing(self.people, self.directory, self.keys),
            sessions,
            self.clients,
            codes,
            self.devices,
            Exchange(self.standing, options.domain),
            self.refuse_alone,
        )

    @property
    def is_system(self) -> bool:
        """Whether its administrators administer the site."""
        return self.options.tenant == SYSTEM_TENANT

    @cached_property
    def saml(self) -> Saml:
        """Signing in with SAML; its libraries are loaded by whoever uses it first."""
        from heliostat.identity.saml.part import Saml

        return Saml(
            self._store,
            self._clock,
            self._ids,
            self.options,
            self.sealing,
            self.browsers,
            self.providers,
            self.newcomers,
        )

    def proofs(self, is_revoked: IsRevoked, is_there: IsThere) -> MachineProofs:
        """How its machines prove themselves."""
        directory, assertions = self.directory, self._assertions
        return MachineProofs(self._clock, self.options, directory, assertions, is_revoked, is_there)

    def machines(self, site: MachineSite, proofs: MachineProofs, is_there: IsThere) -> Machines:
        """The members of its directory, in the surroundings that ``site`` tells of."""
        directory, options = self.directory, self.options
        return Machines(
            self._store, self._clock, self._ids, options, directory, proofs, site, is_there
        )

    async def refuse_alone(self, person: Person) -> None:
        """Raises ``SecondFactorRequired`` where a password alone is not enough for tokens."""
        rules = self.sign_in_rules
        required = rules.requirement_for(person.groups) is Requirement.REQUIRED
        late = required and self.now_ms() >= rules.grace_ends_ms
        if late or await self.asks_for_more(person):
            raise PermanentError(
                "SecondFactorRequired", f"A password alone does not sign in {person.subject}."
            )

    async def asks_for_more(self, person: Person) -> bool:
        """Whether somebody has a second factor, and signing in asks for it."""
        held = await self.factors.held(person.key)
        off = self.sign_in_rules.requirement_for(person.groups) is Requirement.OFF
        return (held.codes or held.passkeys) and not off

    def now_ms(self) -> int:
        """The time, as this site has it."""
        return self._clock.now_ms()

    @property
    def sign_in_rules(self) -> SignInRules:
        """What signing in asks of people here."""
        return rules_of(self.options)

    async def maintain(self) -> int:
        """Rotate old keys and forget what has ended; gives how many documents went."""
        await self.keys.maintain()
        if (await SamlKinds.of(self.options.tenant).keys.list(self._store, limit=1)).items:
            await self.saml.keys.maintain()
        await self.signed_in.end_stale()
        await self.providers.end_barred()
        return await sweep(self._store, self._clock, kinds_of(self.options.tenant).expiring)
