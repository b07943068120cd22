"""What a client may be told to be: settings over a record, checked as a whole.  Pure.

A setting that is ``None`` stays as it is.  Whatever comes out is a client that can work:
one with an address for codes, a key or secret for what must be proven, and lifetimes
that are no longer than its tenant's.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.clients.keys import checked_jwks
from heliostat.identity.clients.records import Client, Grant, Proof
from heliostat.identity.options import TokenLifetimes
from heliostat.identity.redirects import checked_redirect, checked_service
from heliostat.identity.tokens.records import Algorithm
from heliostat.identity.tokens.scopes import API_SERVERS, RESOURCE_SERVER, SUPPORTED, parse
from heliostat.wire.oidc_clients import OidcClientSettings

E = TypeVar("E", bound=StrEnum)
SIGN_IN_SCOPES = ("openid", "profile", "email", "offline_access", "id_groups", "id_groups_filtered")
"""What a new client may ask for: people's sign-ins, and nothing of the API."""
ACCOUNT_SCOPES = (
    *("openid", "offline_access", "at_groups", "at_groups_filtered"),
    *sorted(API_SERVERS),
)
"""What a new service account may ask for; the first two bring it nothing and do no harm."""
API_SCOPES = tuple(scope for scope in SUPPORTED if scope not in ("profile", "email"))
"""What every client could ask for before each had a list."""
MOST_ADDRESSES = 32
MOST_SCOPES = 64
SHORTEST_S = 60
LONGEST_TITLE = 80
LONGEST_GROUP = 256


def upgraded(client: Client, own: str) -> Client:
    """A record of before as it counts now.

    ``own`` names the platform's command line: it came to have the device grant (schema 2), and
    lost the password grant then (schema 3).  Whoever gives it that again writes schema 3.
    """
    if client.schema < 2:
        client = _listed(client, own)
    if client.schema < 3 and client.name == own:
        grants = tuple(grant for grant in client.grants if grant is not Grant.PASSWORD)
        client = msgspec.structs.replace(client, grants=grants or (Grant.DEVICE,))
    return msgspec.structs.replace(client, schema=3) if client.schema < 3 else client


def _listed(client: Client, own: str) -> Client:
    """With the lists that everybody had when there were none."""
    device = (Grant.DEVICE,) if client.name == own else ()
    proof = Proof.PRIVATE_KEY if client.is_service_account else Proof.NONE
    grants = (*client.grants, *device)
    return msgspec.structs.replace(client, grants=grants, proof=proof, scopes=API_SCOPES, schema=2)


def changed(client: Client, settings: OidcClientSettings, lifetimes: TokenLifetimes) -> Client:
    """``client`` with the settings that are given; raises ``InvalidEntity``."""
    told = {
        name: value
        for name, value in (
            ("title", _title(settings.title)),
            ("grants", _all(Grant, settings.grants, "grant")),
            ("algorithm", _one(Algorithm, settings.algorithm, "algorithm")),
            ("proof", _one(Proof, settings.authentication, "authentication")),
            ("jwks", None if settings.jwks is None else checked_jwks(settings.jwks)),
            ("scopes", _scopes(settings.scopes)),
            ("redirect_uris", _addresses(settings.redirect_uris)),
            ("post_logout_redirect_uris", _addresses(settings.post_logout_redirect_uris)),
            ("access_s", settings.access_lifetime),
            ("refresh_s", settings.refresh_lifetime),
            ("rotate_refresh", settings.rotate_refresh),
            ("consent", settings.consent),
            ("frontchannel_logout_uri", _service(settings.frontchannel_logout_uri)),
            ("backchannel_logout_uri", _service(settings.backchannel_logout_uri)),
            ("logout_session_required", settings.logout_session_required),
            ("exchanges", _exchanges(settings.exchanges)),
            ("impersonates", settings.impersonates),
            ("group_filter", _groups(settings.group_filter)),
        )
        if value is not None
    }
    if client.is_service_account and settings.jwks:
        raise _refused(
            "a service account's keys are its own", "Use `helio service-account key add`."
        )
    new = msgspec.structs.replace(client, **told)
    _check(new, lifetimes)
    return new


def _check(client: Client, lifetimes: TokenLifetimes) -> None:
    """Whether the settings go together."""
    grants = set(client.grants)
    if not grants:
        raise _refused("a client without grants can do nothing")
    if client.is_service_account and client.proof is not Proof.PRIVATE_KEY:
        raise _refused("a service account proves itself with its key")
    if Grant.CLIENT_CREDENTIALS in grants and not client.is_service_account:
        raise _refused(
            "only service accounts sign in for themselves",
            "Make one with `helio service-account create`.",
        )
    if Grant.AUTHORIZATION_CODE in grants and not client.redirect_uris:
        raise _refused("a client needs an address to send browsers to")
    if Grant.EXCHANGE in grants and not client.proves_itself:
        raise _refused("who exchanges tokens must prove itself; give it a secret or keys")
    if client.proof is Proof.PRIVATE_KEY and not (client.jwks or client.is_service_account):
        raise _refused("private_key_jwt needs jwks, the client's public keys")
    for what, value, longest in (
        ("access", client.access_s, lifetimes.access_s),
        ("refresh", client.refresh_s, lifetimes.refresh_s),
    ):
        if value and not SHORTEST_S <= value <= longest:
            bounds = f"{SHORTEST_S} to {longest:g} seconds, or 0 for the tenant's"
            raise _refused(f"the {what} lifetime is {bounds}")


def _title(text: str | None) -> str | None:
    if text is not None and (len(text) > LONGEST_TITLE or not (text.isprintable() or not text)):
        raise _refused(f"a title has at most {LONGEST_TITLE} characters that can be seen")
    return text


def _one(known: type[E], text: str | None, what: str) -> E | None:
    if text is not None and text not in set(known):
        raise _refused(f"{text[:40]!r} is no {what}; there are {', '.join(known)}")
    return None if text is None else known(text)


def _all(known: type[E], texts: Sequence[str] | None, what: str) -> tuple[E, ...] | None:
    if texts is None:
        return None
    found = [_one(known, text, what) for text in dict.fromkeys(texts)]
    return tuple(each for each in found if each is not None)


def _scopes(values: Sequence[str] | None) -> tuple[str, ...] | None:
    if values is None:
        return None
    if len(values) > MOST_SCOPES:
        raise _refused(f"a client has at most {MOST_SCOPES} scopes")
    try:
        return parse(" ".join(values)).values
    except PermanentError as error:
        raise PermanentError("InvalidEntity", error.message) from error


def _exchanges(values: Sequence[str] | None) -> tuple[str, ...] | None:
    if values is None:
        return None
    if len(values) > MOST_SCOPES or not all(map(RESOURCE_SERVER.fullmatch, values)):
        raise _refused(f"tokens are exchanged for up to {MOST_SCOPES} resource servers, rs_…")
    return tuple(dict.fromkeys(values))


def _groups(values: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names or ``DOMAIN\\name``; whether there are such groups is seen when tokens are made."""
    if values is None:
        return None
    if len(values) > MOST_SCOPES or not all(0 < len(each) <= LONGEST_GROUP for each in values):
        raise _refused(f"a filter names up to {MOST_SCOPES} groups")
    return tuple(dict.fromkeys(values))


def _addresses(uris: Sequence[str] | None) -> tuple[str, ...] | None:
    if uris is None:
        return None
    if len(uris) > MOST_ADDRESSES:
        raise _refused(f"a client has at most {MOST_ADDRESSES} addresses of a kind")
    return tuple(map(checked_redirect, dict.fromkeys(uris)))


def _service(uri: str | None) -> str | None:
    return checked_service(uri) if uri else uri


def _refused(why: str, hint: str | None = None) -> PermanentError:
    sentence = why[0].upper() + why[1:]
    return PermanentError("InvalidEntity", f"{sentence}.", hint=hint)
