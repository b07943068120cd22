"""What an operator may set about sign-in, with default, unit and reason.

Plain values: the composition root fills them from the server's settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from heliostat.core.settings import bounded
from heliostat.identity.authority.options import AuthorityOptions
from heliostat.identity.passwords.options import HashCost, LockoutPolicy, PasswordPolicy
from heliostat.identity.reach.options import ReachOptions

LONGEST_TITLE = 120
LONGEST_BANNER = 16_384


@dataclass(frozen=True, slots=True)
class TokenLifetimes:
    """How long tokens live, in seconds."""

    access_s: float = bounded(3_600.0, 60.0, 31 * 86_400.0)
    """Access and id tokens: one hour. They cannot be called back, so they are short."""
    refresh_s: float = bounded(28_800.0, 60.0, 366 * 86_400.0)
    """A sign-in, counted from its password: eight hours, however often it is refreshed."""
    code_s: float = bounded(60.0, 1.0, 600.0)
    """An authorization code, from the browser's redirect to its use."""
    browser_s: float = bounded(28_800.0, 60.0, 366 * 86_400.0)
    """A browser's sign-in, counted from the password."""
    assertion_s: float = bounded(120.0, 1.0, 86_400.0)
    """Longest life of a service account's signed assertion."""
    tolerance_s: float = bounded(30.0, 0.0, 3_600.0)
    """Clock difference between machines that is forgiven."""
    ticket_s: float = bounded(36_000.0, 300.0, 7 * 86_400.0)
    """A Kerberos ticket: ten hours, a working day."""
    ticket_renewable_s: float = bounded(7 * 86_400.0, 0.0, 30 * 86_400.0)
    """How long a Kerberos ticket may be renewed without a password."""
    key_rotation_s: float = bounded(30 * 86_400.0, 3_600.0, 3_660 * 86_400.0)
    """Age at which a signing key is replaced by a new one; old tokens still verify."""


@dataclass(frozen=True, slots=True)
class FederationPolicy:
    """How other providers are asked."""

    plain_http: bool = False
    """Whether one may be asked without TLS. For experiments: whoever sits on the line can then
    sign in as anybody."""


REQUIREMENTS = ("off", "optional", "required")


@dataclass(frozen=True, slots=True)
class SecondFactorPolicy:
    """Who shows more than a password."""

    requirement: str = "optional"
    """off: nobody is asked, but where a program asks for it; optional: who has enrolled a second
    factor is asked; required: who has none must enrol one."""
    required_groups: tuple[str, ...] = ()
    """Groups of this domain whose members must have one, whatever counts for others."""
    enrol_by: str = ""
    """Day (2026-12-31, UTC) until the end of which enrolling may be put off; empty: not at all."""
    verified_passkeys: bool = False
    """Whether a passkey that follows a password must ask for a PIN or a finger, too; one that
    stands alone always must."""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.requirement not in REQUIREMENTS:
            yield "requirement", f"{self.requirement[:20]!r} is none of {', '.join(REQUIREMENTS)}"
        try:
            date.fromisoformat(self.enrol_by or "2026-12-31")
        except ValueError:
            yield "enrol_by", f"{self.enrol_by[:20]!r} is no day such as 2026-12-31"


@dataclass(frozen=True, slots=True)
class BannerPolicy:
    """What people agree to before they are signed in with a browser."""

    title: str = ""
    """Heading of the page."""
    text: str = ""
    """What they agree to; empty: nothing, and no page."""

    def faults(self) -> Iterator[tuple[str, str]]:
        if len(self.title) > LONGEST_TITLE:
            yield "title", f"it has more than {LONGEST_TITLE} characters"
        if len(self.text) > LONGEST_BANNER:
            yield "text", f"it has more than {LONGEST_BANNER} characters"


@dataclass(frozen=True, slots=True)
class SamlPolicy:
    """SAML and WS-Trust."""

    trust_endpoint: bool = False
    """Whether programs may send people's passwords to the security token service (WS-Trust) for
    an assertion. Nobody can show a second factor there."""


@dataclass(frozen=True, slots=True)
class TicketPolicy:
    """Kerberos tickets, where the tenant has a realm."""

    browsers: bool = True
    """Whether the sign-in page takes tickets (SPNEGO): who has one is asked nothing. Browsers show
    them only to sites that they are told to."""
    machines: bool = True
    """Whether machines that join get a key of their own (`host/NAME.DOMAIN`): with it SSH takes
    tickets there."""
    log_in: bool = False
    """Whether machines check passwords in the realm, so that who logs in has a ticket. Who has not
    signed in anywhere since there is a realm has no key in it, and is kept out there."""


@dataclass(frozen=True, slots=True)
class KerberosOptions:
    """Kerberos on the network; tenants have realms by `helio identity kerberos enable`."""

    host: str = "127.0.0.1"
    """Address to listen on for tickets and passwords, UDP and TCP."""
    port: int = bounded(0, 0, 65_535)
    """Port for tickets; 0 serves none. 88 is what clients ask where they are told no other."""
    password_port: int = bounded(0, 0, 65_535)
    """Port for `kpasswd`; 0 serves none. 464 is the usual one."""


DIRECTORIES = ("embedded", "openldap")


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """Where people and groups are kept, and this controller's part of it."""

    kind: str = "embedded"
    """Where a new site keeps people and groups: ``embedded`` (in the document store) or
    ``openldap`` (a first node is made on this machine). A site that has begun is moved with
    `helio identity migrate`."""
    site: str = "default"
    """The place this controller is at; nodes of the directory at the same place are asked
    first."""
    host: str = "127.0.0.1"
    """Name or address at which others reach the first node, and people's LDAP programs."""
    port: int = bounded(9636, 1, 65_535)
    """Its TCP port (LDAP over TLS)."""
    names: tuple[str, ...] = ("127.0.0.1", "localhost")
    """Further DNS names and addresses in the certificates of this machine's nodes."""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.kind not in DIRECTORIES:
            yield "kind", f"{self.kind!r} is none of {', '.join(DIRECTORIES)}"


SYSTEM_TENANT = "system"
"""Id of the tenant that every site has; its administrators administer the site."""


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """All of sign-in, for one tenant."""

    domain: str = "heliostat.local"
    """The tenant's domain, as spelled in group names (``DOMAIN\\name``) and subjects."""
    tenant: str = SYSTEM_TENANT
    """The tenant's id, under which its documents lie; it never changes."""
    base_url: str = "https://localhost:9000"
    """Where clients reach the token endpoint; it is in every token's issuer."""
    other_urls: tuple[str, ...] = ()
    """Further addresses of the site; a service account may name any of them as audience."""
    ldap_urls: tuple[str, ...] = ()
    """Where LDAP clients reach the directory; machines that join are told."""
    passwords: PasswordPolicy = field(default_factory=PasswordPolicy)
    """What a password must be."""
    lockout: LockoutPolicy = field(default_factory=LockoutPolicy)
    """When guessing stops."""
    hashing: HashCost = field(default_factory=HashCost)
    """What a hash costs."""
    lifetimes: TokenLifetimes = field(default_factory=TokenLifetimes)
    """How long tokens live."""
    second_factors: SecondFactorPolicy = field(default_factory=SecondFactorPolicy)
    """Who shows more than a password."""
    saml: SamlPolicy = field(default_factory=SamlPolicy)
    """What SAML and WS-Trust let people do."""
    banner: BannerPolicy = field(default_factory=BannerPolicy)
    """What people agree to before they are signed in with a browser."""
    authority: AuthorityOptions = field(default_factory=AuthorityOptions)
    """The certificate authority."""
    tickets: TicketPolicy = field(default_factory=TicketPolicy)
    """What Kerberos tickets are good for."""
    kerberos: KerberosOptions = field(default_factory=KerberosOptions)
    """Where tickets are given."""
    directory: DirectoryOptions = field(default_factory=DirectoryOptions)
    """Where people and groups are kept."""
    federation: FederationPolicy = field(default_factory=FederationPolicy)
    """How other providers are asked."""
    reach: ReachOptions = field(default_factory=ReachOptions)
    """Where addresses may lead that tenants name."""

    @property
    def published(self) -> str:
        """Where certificates say that revocation lists and OCSP are."""
        return (self.authority.base_url or self.base_url).rstrip("/")

    @property
    def issuer(self) -> str:
        """The ``iss`` of this tenant's tokens."""
        return f"{self.base_url.rstrip('/')}/openidconnect/{self.domain}"
