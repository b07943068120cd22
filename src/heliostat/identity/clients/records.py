"""What is kept of programs that ask for tokens: one document a client, secrets as hashes."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.cloudstore.documents import Kind
from heliostat.identity.names import fold
from heliostat.identity.service_accounts.records import AccountCertificate, AccountKey
from heliostat.identity.tokens.records import Algorithm


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


class ClientSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The hash of a secret; with ``expires_ms`` it is an old one that still counts until then."""

    hash: str
    expires_ms: int = 0


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for tokens: a program people use, or (with ``account``) a service account.

    A service account has ``keys`` and ``certificates``; ``public_key_pem`` and
    ``certificate_pem`` are of one from when each had one key (``service_accounts.credentials``).
    ``title`` is what the sign-in page calls it.  ``scopes`` are those it may ask for; lifetimes
    are in seconds (0: the tenant's); ``jwks`` are public keys, each as JSON.  ``exchanges`` are
    the audiences for which it may trade tokens.  ``group_filter`` are the groups that matter to
    it as a resource server, ``rs_<name>`` (empty: all).  ``schema`` 1 knew no lists,
    2 gave the command line passwords: ``settings.upgraded``.
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
    account: bool = False
    description: str = ""
    disabled: bool = False
    keys: tuple[AccountKey, ...] = ()
    certificates: tuple[AccountCertificate, ...] = ()
    schema: int = 3

    @property
    def is_service_account(self) -> bool:
        return self.account or bool(self.public_key_pem)

    @property
    def proves_itself(self) -> bool:
        """Whether a request of it must say more than its id."""
        return self.is_service_account or self.proof is not Proof.NONE


def clients_of(tenant_id: str) -> Kind[Client]:
    """A tenant's clients, by folded name and by organisational unit."""
    return Kind(
        f"client/{tenant_id}",
        Client,
        identify=lambda client: fold(client.name),
        indexes={"unit": lambda client: client.unit or ()},
    )
