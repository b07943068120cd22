"""What is kept of tokens: keys that sign them, what was signed in, and what is still to happen.

Secrets are kept as hashes; the private halves of signing keys are sealed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import msgspec

from heliostat.cloudstore.documents import Kind


class Algorithm(StrEnum):
    """How tokens are signed."""

    ES256 = "ES256"
    RS256 = "RS256"


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
    """An authorization code; ``id`` is its hash, ``session`` what its first use opened.

    ``client_made_ms`` tells its client from a later one of the same name (0: not known).
    """

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
    client_made_ms: int = 0
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


class SpentAssertion(msgspec.Struct, frozen=True, kw_only=True):
    """An assertion that was used; kept until it would have expired anyway."""

    id: str
    expires_ms: int
    schema: int = 1


@dataclass(frozen=True, slots=True)
class TokenKinds:
    """Where a tenant's documents of tokens lie."""

    signing_keys: Kind[SigningKey]
    sessions: Kind[Session]
    browsers: Kind[BrowserSession]
    codes: Kind[Code]
    devices: Kind[DeviceRequest]
    pushed: Kind[PushedRequest]
    departures: Kind[Departure]
    consents: Kind[Consent]
    spent_assertions: Kind[SpentAssertion]

    @classmethod
    def of(cls, tenant_id: str) -> Self:
        """Those of the tenant with this id."""
        return cls(
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
            devices=Kind(
                f"device-request/{tenant_id}",
                DeviceRequest,
                indexes={"user_code": lambda request: request.user_code},
            ),
            pushed=Kind(f"pushed-request/{tenant_id}", PushedRequest),
            departures=Kind(f"logout-notice/{tenant_id}", Departure),
            consents=Kind(
                f"consent/{tenant_id}", Consent, indexes={"user": lambda consent: consent.user}
            ),
            spent_assertions=Kind(f"spent-assertion/{tenant_id}", SpentAssertion),
        )

    @property
    def lasting(self) -> tuple[Kind[Any], ...]:
        """Those that stay until somebody deletes them."""
        return (self.signing_keys, self.consents)

    @property
    def brief(self) -> tuple[Kind[Any], ...]:
        """Those of ``expiring`` that end within minutes and come by the thousand."""
        return (self.spent_assertions, self.pushed, self.devices)

    @property
    def expiring(self) -> tuple[Kind[Any], ...]:
        """Those whose documents have an ``expires_ms``."""
        return (*self.brief, self.sessions, self.browsers, self.codes, self.departures)
