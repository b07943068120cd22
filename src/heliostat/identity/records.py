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
from heliostat.identity.names import fold


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


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person.  ``stamp`` changes when sessions must end: sign-ins remember it."""

    name: str
    stamp: str
    password_hash: str
    disabled: bool = False
    created_ms: int = 0
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    schema: int = 1


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group; members are ``user:<key>``, ``group:<key>`` and ``account:<key>``, sorted."""

    name: str
    description: str = ""
    members: tuple[str, ...] = ()
    built_in: bool = False
    created_ms: int = 0
    schema: int = 1


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for tokens: a program people use, or (with a public key) a service account.

    ``title`` is what the sign-in page calls it.
    """

    name: str
    grants: tuple[Grant, ...]
    algorithm: Algorithm = Algorithm.ES256
    rotate_refresh: bool = True
    public_key_pem: str = ""
    title: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    created_ms: int = 0
    schema: int = 1

    @property
    def is_service_account(self) -> bool:
        return bool(self.public_key_pem)


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs tokens; once ``retired_ms`` is set it only verifies older ones."""

    kid: str
    algorithm: Algorithm
    private_pem: str
    created_ms: int
    retired_ms: int = 0
    schema: int = 1


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in with all refresh tokens that came of it; ``current`` is the valid one's jti.

    ``client_made_ms`` tells its client from a later one of the same name (0: not known).
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
    schema: int = 1


class BrowserSession(msgspec.Struct, frozen=True, kw_only=True):
    """A browser in which somebody has signed in; ``id`` is the hash of its cookie."""

    id: str
    user: str
    stamp: str
    signed_in_ms: int
    expires_ms: int
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


class JoinRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A join token that nobody has used yet; ``id`` is the hash of its secret."""

    id: str
    host_id: str
    expires_ms: int
    schema: int = 1


JOIN_RECORDS = Kind("join", JoinRecord)


@dataclass(frozen=True, slots=True)
class TenantKinds:
    """The kinds of one tenant's documents: ``/v1/user/<tenant>/<name>`` and so on."""

    users: Kind[User]
    groups: Kind[Group]
    clients: Kind[Client]
    signing_keys: Kind[SigningKey]
    sessions: Kind[Session]
    browsers: Kind[BrowserSession]
    codes: Kind[Code]
    attempts: Kind[Attempts]
    spent_assertions: Kind[SpentAssertion]

    @property
    def all(self) -> tuple[Kind[Any], ...]:
        """Every kind of a tenant."""
        return (self.users, self.groups, self.clients, self.signing_keys, *self.expiring)

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those whose documents have an ``expires_ms``."""
        return (
            self.sessions,
            self.browsers,
            self.codes,
            self.attempts,
            self.spent_assertions,
        )


@cache
def kinds_of(tenant_id: str) -> TenantKinds:
    """The kinds of the tenant with this id (not its domain, which may change)."""
    return TenantKinds(
        users=Kind(f"user/{tenant_id}", User, identify=lambda user: fold(user.name)),
        groups=Kind(f"group/{tenant_id}", Group, identify=lambda group: fold(group.name)),
        clients=Kind(f"client/{tenant_id}", Client, identify=lambda client: fold(client.name)),
        signing_keys=Kind(f"signing-key/{tenant_id}", SigningKey, identify=lambda key: key.kid),
        sessions=Kind(
            f"session/{tenant_id}",
            Session,
            indexes={"browser": lambda session: session.browser or ()},
        ),
        browsers=Kind(f"browser-session/{tenant_id}", BrowserSession),
        codes=Kind(f"authorization-code/{tenant_id}", Code),
        attempts=Kind(f"sign-in-attempts/{tenant_id}", Attempts),
        spent_assertions=Kind(f"spent-assertion/{tenant_id}", SpentAssertion),
    )
