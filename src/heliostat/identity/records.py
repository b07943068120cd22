"""What sign-in keeps in the store: one struct a kind, one folder of each kind a tenant.

Keys are the tenant's id and folded names for users, groups and clients, so that a
commit's guards make names unique within a tenant.  Secrets are kept as hashes, but for
the private signing keys of tokens: those are protected by the mode (0600) of the
store's own files.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.identity.authority.records import AuthorityKinds
from heliostat.identity.factors.records import Factor
from heliostat.identity.federation.records import AskedElsewhere, Link, Provider
from heliostat.identity.kerberos.records import KerberosRealm, ServicePrincipal
from heliostat.identity.names import fold
from heliostat.identity.saml.records import SamlKinds
from heliostat.identity.sources.source import Source
from heliostat.identity.steps.records import UnderWay


class Algorithm(StrEnum):
    """How tokens are signed."""

    ES256 = "ES256"
    RS256 = "RS256"


class Grant(StrEnum):
    """How a client may ask for tokens."""

    PASSWORD = "password"  # noqa: S105 - the name of a grant
    REFRESH = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"
    DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
    EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
    TICKET = "urn:heliostat:grant-type:kerberos"


class Proof(StrEnum):
    """How a client proves itself at the token endpoint (OpenID Connect Core, 9)."""

    NONE = "none"
    SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a way of proving
    SECRET_POST = "client_secret_post"  # noqa: S105 - a way of proving
    PRIVATE_KEY = "private_key_jwt"

    @property
    def has_secret(self) -> bool:
        return self in (Proof.SECRET_BASIC, Proof.SECRET_POST)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person.  ``stamp`` changes when sessions must end: sign-ins remember it.

    ``password_set_ms`` is 0 where it was not kept yet; ``former`` are hashes of passwords
    that may not come again, the latest first.
    ``unit`` is an organisational unit's id (empty: the container), ``number`` the uid.
    """

    name: str
    stamp: str
    password_hash: str
    disabled: bool = False
    created_ms: int = 0
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    password_set_ms: int = 0
    must_change: bool = False
    former: tuple[str, ...] = ()
    kerberos_keys: str = ""
    description: str = ""
    unit: str = ""
    number: int = 0
    ssh_public_keys: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    schema: int = 1


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group; members are ``user:<key>``, ``group:<key>`` and ``account:<key>``, sorted."""

    name: str
    description: str = ""
    members: tuple[str, ...] = ()
    built_in: bool = False
    created_ms: int = 0
    unit: str = ""
    number: int = 0
    schema: int = 1


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """An organisational unit in the one with the id ``parent`` (empty: in the domain itself)."""

    id: str
    name: str
    parent: str = ""
    description: str = ""
    created_ms: int = 0
    schema: int = 1


class Computer(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of the domain; the fingerprint is of the certificate that it proves itself with.

    ``next_certificate_sha256`` is of one that was issued and not shown yet.  ``password_hash`` is
    of what it binds with over LDAP, a random secret.  ``project`` and ``vm`` are ids in the
    cloud, of a machine that the platform runs.
    """

    name: str
    operating_system: str = ""
    certificate_sha256: str = ""
    next_certificate_sha256: str = ""
    password_hash: str = ""
    project: str = ""
    vm: str = ""
    description: str = ""
    disabled: bool = False
    unit: str = ""
    created_ms: int = 0
    last_seen_ms: int = 0
    schema: int = 1


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The first POSIX number that nobody has had yet."""

    id: str
    next: int
    schema: int = 1


class ClientSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The hash of a secret; with ``expires_ms`` it is an old one that still counts until then."""

    hash: str
    expires_ms: int = 0


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for tokens: a program people use, or (with a public key) a service account.

    ``title`` is what the sign-in page calls it.  ``scopes`` are those it may ask for; lifetimes
    are in seconds (0: the tenant's); ``jwks`` are public keys, each as JSON.  ``exchanges`` are
    the audiences for which it may trade tokens.  ``group_filter`` are the groups that matter to
    it as a resource server, ``rs_<name>`` (empty: all).  ``schema`` 1 knew no lists:
    ``clients.upgraded``.
    """

    name: str
    grants: tuple[Grant, ...]
    algorithm: Algorithm = Algorithm.ES256
    rotate_refresh: bool = True
    public_key_pem: str = ""
    certificate_pem: str = ""
    unit: str = ""
    title: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    created_ms: int = 0
    proof: Proof = Proof.NONE
    secrets: tuple[ClientSecret, ...] = ()
    jwks: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    access_s: int = 0
    refresh_s: int = 0
    consent: bool = False
    frontchannel_logout_uri: str = ""
    backchannel_logout_uri: str = ""
    logout_session_required: bool = False
    exchanges: tuple[str, ...] = ()
    impersonates: bool = False
    group_filter: tuple[str, ...] = ()
    schema: int = 2

    @property
    def is_service_account(self) -> bool:
        return bool(self.public_key_pem)

    @property
    def proves_itself(self) -> bool:
        """Whether a request of it must say more than its id."""
        return self.is_service_account or self.proof is not Proof.NONE


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs tokens; once ``retired_ms`` is set it only verifies older ones.

    ``sealed`` is its private half; of a key from before it lies in ``private_pem`` until a start.
    """

    kid: str
    algorithm: Algorithm
    private_pem: str = ""
    sealed: str = ""
    created_ms: int
    retired_ms: int = 0
    schema: int = 2


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in with all refresh tokens that came of it; ``current`` is the valid one's jti.

    ``client_made_ms`` tells its client from a later one of the same name (0: not known).
    ``proofs`` are what was shown to a browser at ``signed_in_ms`` (0: to none).
    """

    id: str
    user: str
    stamp: str
    client: str
    scope: str
    current: str
    expires_ms: int
    browser: str = ""
    client_made_ms: int = 0
    begun_ms: int = 0
    signed_in_ms: int = 0
    proofs: tuple[str, ...] = ()
    schema: int = 1


class BrowserSession(msgspec.Struct, frozen=True, kw_only=True):
    """A browser in which somebody has signed in; ``id`` is the hash of its cookie.

    ``proofs`` are what was shown (``steps.proofs``).
    """

    id: str
    user: str
    stamp: str
    signed_in_ms: int
    expires_ms: int
    proofs: tuple[str, ...] = ()
    schema: int = 1


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization code; ``id`` is its hash, ``session`` what its first use opened."""

    id: str
    client: str
    redirect_uri: str
    scope: str
    challenge: str
    nonce: str
    user: str
    stamp: str
    browser: str
    signed_in_ms: int
    expires_ms: int
    spent: bool = False
    session: str = ""
    proofs: tuple[str, ...] = ()
    schema: int = 1


class PushedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a client has sent ahead of the browser; ``id`` is the hash of its name."""

    id: str
    client: str
    fields: dict[str, str]
    expires_ms: int
    schema: int = 1


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """A program that has to be told that a session of its own has ended.

    ``due_ms`` is when the next try may be, ``tries`` how many there were.
    """

    id: str
    domain: str
    client: str
    session: str
    user: str
    due_ms: int
    expires_ms: int
    tries: int = 0
    schema: int = 1


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """The scopes that somebody lets a client have; ``id`` is the hash of both names.

    ``user_made_ms`` and ``client_made_ms`` tell both from later ones of the same names.
    """

    id: str
    user: str
    client: str
    client_made_ms: int
    scopes: tuple[str, ...]
    given_ms: int
    user_made_ms: int = 0
    schema: int = 1


class DeviceState(StrEnum):
    """What has become of a machine's request."""

    ASKED = "asked"
    ALLOWED = "allowed"
    DENIED = "denied"


class DeviceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A machine without a browser that asks to be signed in; ``id`` is the hash of its secret.

    ``address`` is where the request came from; ``user`` is who has decided.
    """

    id: str
    user_code: str
    client: str
    client_made_ms: int
    scope: str
    address: str
    asked_ms: int
    interval_s: int
    expires_ms: int
    polled_ms: int = 0
    state: DeviceState = DeviceState.ASKED
    user: str = ""
    stamp: str = ""
    signed_in_ms: int = 0
    proofs: tuple[str, ...] = ()
    schema: int = 1


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """Wrong passwords of late, and until when the name is locked."""

    id: str
    failures_ms: tuple[int, ...] = ()
    locked_until_ms: int = 0
    expires_ms: int = 0
    schema: int = 1


class SpentAssertion(msgspec.Struct, frozen=True, kw_only=True):
    """An assertion that was used; kept until it would have expired anyway."""

    id: str
    expires_ms: int
    schema: int = 1


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's own settings by path (``passwords.minimum_length``); the site's count elsewhere.

    ``generation`` counts its changes.
    """

    id: str
    generation: int = 0
    settings: dict[str, Any] = {}
    changed_ms: int = 0
    schema: int = 1


class JoinRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A join token that nobody has used yet; ``id`` is the hash of its secret."""

    id: str
    host_id: str
    expires_ms: int
    schema: int = 1


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody of an identity source was called when last signed in; ``id`` is his key."""

    id: str
    subject: str
    expires_ms: int
    schema: int = 1


class Outsider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, or a group, of an identity source as member of the tenant's own groups.

    ``id`` is ``<entry id>@<domain>``; ``groups`` are those groups' numbers by key: a group
    made again under its name is another.  ``name`` is as it was when last named.
    """

    id: str
    source: str
    name: str
    groups: dict[str, int] = {}
    schema: int = 1


JOIN_RECORDS = Kind("join", JoinRecord)


class MachineJoin(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's join token; ``id`` is the hash of its secret, ``key`` whose it is once used."""

    id: str
    computer: str
    expires_ms: int
    project: str = ""
    vm: str = ""
    key: str = ""
    schema: int = 1


@dataclass(frozen=True, slots=True)
class TenantKinds:
    """The kinds of one tenant's documents: ``/v1/user/<tenant>/<name>`` and so on."""

    users: Kind[User]
    groups: Kind[Group]
    clients: Kind[Client]
    saml: SamlKinds
    units: Kind[Unit]
    computers: Kind[Computer]
    numbers: Kind[Numbers]
    authority: AuthorityKinds
    signing_keys: Kind[SigningKey]
    sessions: Kind[Session]
    browsers: Kind[BrowserSession]
    codes: Kind[Code]
    devices: Kind[DeviceRequest]
    pushed: Kind[PushedRequest]
    departures: Kind[Departure]
    consents: Kind[Consent]
    attempts: Kind[Attempts]
    spent_assertions: Kind[SpentAssertion]
    policies: Kind[PolicyRecord]
    sources: Kind[Source]
    outsiders: Kind[Outsider]
    seen: Kind[Seen]
    kerberos: Kind[KerberosRealm]
    services: Kind[ServicePrincipal]
    under_way: Kind[UnderWay]
    machine_joins: Kind[MachineJoin]
    factors: Kind[Factor]
    providers: Kind[Provider]
    links: Kind[Link]
    asked_elsewhere: Kind[AskedElsewhere]

    @property
    def all(self) -> tuple[Kind[Any], ...]:
        """Every kind of a tenant."""
        return (
            *self.indexed,
            self.numbers,
            *self.saml.lasting,
            *self.authority.lasting,
            self.signing_keys,
            self.policies,
            self.consents,
            self.sources,
            self.outsiders,
            self.kerberos,
            self.services,
            self.factors,
            self.providers,
            self.links,
            *self.expiring,
        )

    @property
    def indexed(self) -> tuple[Kind[Any], ...]:
        """What the directory holds, and finds by more than its name."""
        return (self.users, self.groups, self.clients, self.units, self.computers)

    @property
    def brief(self) -> tuple[Kind[Any], ...]:
        """Those of ``expiring`` that end within minutes and come by the thousand."""
        return (
            self.spent_assertions,
            self.pushed,
            self.devices,
            self.under_way,
            self.asked_elsewhere,
        )

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those whose documents have an ``expires_ms``."""
        return (
            self.sessions,
            *self.saml.expiring,
            *self.authority.expiring,
            self.browsers,
            self.codes,
            self.devices,
            self.pushed,
            self.departures,
            self.attempts,
            self.spent_assertions,
            self.seen,
            self.under_way,
            self.machine_joins,
            self.asked_elsewhere,
        )


@cache
def kinds_of(tenant_id: str) -> TenantKinds:
    """The kinds of the tenant with this id (not its domain, which may change)."""
    return TenantKinds(
        saml=SamlKinds.of(tenant_id),
        users=Kind(
            f"user/{tenant_id}",
            User,
            identify=lambda user: fold(user.name),
            indexes={
                "email": lambda user: fold(user.email) or (),
                "number": lambda user: str(user.number) if user.number else (),
                "unit": lambda user: user.unit or (),
            },
        ),
        groups=Kind(
            f"group/{tenant_id}",
            Group,
            identify=lambda group: fold(group.name),
            indexes={
                "member": lambda group: group.members,
                "number": lambda group: str(group.number) if group.number else (),
                "unit": lambda group: group.unit or (),
            },
        ),
        clients=Kind(
            f"client/{tenant_id}",
            Client,
            identify=lambda client: fold(client.name),
            indexes={"unit": lambda client: client.unit or ()},
        ),
        units=Kind(
            f"unit/{tenant_id}",
            Unit,
            indexes={
                "parent": lambda unit: unit.parent or (),
                "place": lambda unit: place_of(unit.parent, unit.name),
            },
        ),
        computers=Kind(
            f"computer/{tenant_id}",
            Computer,
            identify=lambda computer: fold(computer.name),
            indexes={
                "certificate": lambda computer: tuple(
                    filter(None, (computer.certificate_sha256, computer.next_certificate_sha256))
                ),
                "unit": lambda computer: computer.unit or (),
            },
        ),
        numbers=Kind(f"posix-number/{tenant_id}", Numbers),
        authority=AuthorityKinds.of(tenant_id),
        signing_keys=Kind(f"signing-key/{tenant_id}", SigningKey, identify=lambda key: key.kid),
        sessions=Kind(
            f"session/{tenant_id}",
            Session,
            indexes={
                "browser": lambda session: session.browser or (),
                "user": lambda session: session.user,
            },
        ),
        browsers=Kind(
            f"browser-session/{tenant_id}",
            BrowserSession,
            indexes={"user": lambda browser: browser.user},
        ),
        codes=Kind(f"authorization-code/{tenant_id}", Code),
        pushed=Kind(f"pushed-request/{tenant_id}", PushedRequest),
        departures=Kind(f"logout-notice/{tenant_id}", Departure),
        consents=Kind(
            f"consent/{tenant_id}", Consent, indexes={"user": lambda consent: consent.user}
        ),
        devices=Kind(
            f"device-request/{tenant_id}",
            DeviceRequest,
            indexes={"user_code": lambda request: request.user_code},
        ),
        machine_joins=Kind(f"machine-join/{tenant_id}", MachineJoin),
        attempts=Kind(f"sign-in-attempts/{tenant_id}", Attempts),
        spent_assertions=Kind(f"spent-assertion/{tenant_id}", SpentAssertion),
        policies=Kind(f"identity-policy/{tenant_id}", PolicyRecord),
        providers=Kind(
            f"identity-provider/{tenant_id}", Provider, identify=lambda provider: provider.name
        ),
        links=Kind(
            f"provider-link/{tenant_id}",
            Link,
            indexes={"provider": lambda link: link.provider, "user": lambda link: link.user},
        ),
        asked_elsewhere=Kind(f"asked-elsewhere/{tenant_id}", AskedElsewhere),
        sources=Kind(f"identity-source/{tenant_id}", Source),
        seen=Kind(
            f"seen-outsider/{tenant_id}", Seen, indexes={"subject": lambda seen: seen.subject}
        ),
        outsiders=Kind(
            f"outsider/{tenant_id}",
            Outsider,
            indexes={
                "source": lambda outsider: outsider.source,
                "group": lambda outsider: outsider.groups,
            },
        ),
        kerberos=Kind(f"kerberos-realm/{tenant_id}", KerberosRealm),
        services=Kind(f"kerberos-service/{tenant_id}", ServicePrincipal),
        under_way=Kind(f"sign-in-under-way/{tenant_id}", UnderWay),
        factors=Kind(
            f"second-factor/{tenant_id}",
            Factor,
            indexes={
                "user": lambda factor: factor.user,
                "credential": lambda factor: factor.credential or (),
            },
        ),
    )


def place_of(parent: str, name: str) -> str:
    """What no two units have alike: where one lies and what it is called."""
    return f"{parent}/{fold(name)}"
