"""What a client posts to the token endpoint, and what it gets."""

from __future__ import annotations

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.tokens.exchange import ExchangeFields


class TokenRequest(ExchangeFields, frozen=True, kw_only=True):
    """The fields of the form that a client posts."""

    grant_type: str
    username: str = ""
    password: str = ""
    refresh_token: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    device_code: str = ""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the client gets (RFC 6749, 5.1); ``expires_in`` in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    id_token: str = ""
    refresh_token: str = ""
    issued_token_type: str = ""


class UnknownGrant(PermanentError):
    """A grant that no client has."""

    def __init__(self, grant: str) -> None:
        super().__init__("UnsupportedGrant", f"There is no grant {grant[:80]!r} here.")
