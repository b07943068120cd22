"""What an access token hangs on: a session, the person or account it is about, their ``stamp``,
and the program that it was given to.

A token proves itself until it ends, but our own API counts it no longer than what it hangs on:
who signs out, gets another password, is disabled or deleted has no use of tokens that are out,
nor has a program that was deleted.  ``why_ended`` and ``why_barred`` decide and say why; reading
is two look-ups by key (three for tokens of registered programs), which ``Verifier`` makes for
each token every few seconds and not for each request.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from heliostat.core.errors import TemporaryError
from heliostat.identity.clients.named import BUILT_IN
from heliostat.identity.clients.records import Client
from heliostat.identity.directory.part import DirectoryPart
from heliostat.identity.directory.records import User
from heliostat.identity.names import bare_name
from heliostat.identity.service_accounts.credentials import certificates_of, keys_of
from heliostat.identity.service_accounts.uses import BY_AUTHORITY
from heliostat.identity.tokens.jose import Claims
from heliostat.identity.tokens.opened import invalid, number
from heliostat.identity.tokens.records import Session
from heliostat.identity.tokens.sessions import Sessions

STAMP_CHARACTERS = 16


class Hold(NamedTuple):
    """What is kept of a token to look again; ``given_s`` is when it was given.

    ``session`` is empty for a token without one, which says its person's ``stamp`` instead, or
    that of an account's key or certificate (empty: it is from before that was said).  ``client``
    is the program it was given to; empty for the one without an id.
    """

    subject: str
    given_s: float
    session: str = ""
    stamp: str = ""
    client: str = ""


def hold_of(claims: Claims) -> Hold:
    """What a token hangs on; raises ``InvalidAuthToken`` for one without ``iat``."""
    return Hold(
        str(claims["sub"]),
        number(claims, "iat"),
        str(claims.get("sid", "")),
        str(claims.get("stamp", "")),
        str(claims.get("client_id", "")),
    )


def stamped(stamp: str) -> str:
    """A person's stamp as tokens say it: the stamp itself is nobody's business."""
    return hashlib.sha256(stamp.encode()).hexdigest()[:STAMP_CHARACTERS] if stamp else ""


def credential_stamp(credential: str) -> str:
    """What a token of an account says of the key or certificate that it was given for.

    Nothing of the authority's own certificates: those are in no list of the account.
    """
    return "" if credential == BY_AUTHORITY else stamped(credential)


def has_credential(account: Client, stamp: str) -> bool:
    """Whether an account still has what a token with this ``stamp`` was given for."""
    if not stamp:
        return True
    kept = [each.kid for each in keys_of(account)]
    kept += [each.sha256 for each in certificates_of(account)]
    return any(stamped(each) == stamp for each in kept)


def why_ended(hold: Hold, session: Session | None, about: User | Client | None) -> str:
    """Why a token about one of our own counts no longer; empty: it counts."""
    gone = "whom it is about signs in no longer"
    if about is None or hold.given_s < about.created_ms // 1000:
        return gone
    if isinstance(about, Client):
        if not about.is_service_account or about.disabled:
            return gone
        taken = "the key or certificate that it was given for was taken away"
        return "" if has_credential(about, hold.stamp) else taken
    if about.disabled:
        return gone
    if session is not None:
        return "" if session.stamp == about.stamp else "it is from before a change of the sign-in"
    if hold.stamp and hold.stamp != stamped(about.stamp):
        return "it is from before a change of the sign-in"
    return ""


def why_barred(hold: Hold, client: Client | None) -> str:
    """Why the program that a token was given to has no use of it any more; empty: it has."""
    if client is None or client.disabled or hold.given_s < client.created_ms // 1000:
        return "the program that it was given to is here no longer"
    return ""


class Holds:
    """Looks whether tokens of one tenant still have what they hang on."""

    def __init__(self, directory: DirectoryPart, sessions: Sessions) -> None:
        self._directory = directory
        self._sessions = sessions

    async def refuse_ended(self, hold: Hold) -> None:
        """Raise ``InvalidAuthToken`` for a token whose session or person's stamp has ended.

        People of identity sources are asked for when they refresh: here only their session
        counts.  While a directory elsewhere is away, tokens count.
        """
        try:
            why = await self._why_ended(hold)
        except TemporaryError:
            return
        if why:
            raise invalid(why)

    async def _why_ended(self, hold: Hold) -> str:
        session = await self._sessions.find(hold.session)
        if hold.session and session is None:
            return "its session has ended"
        directory = self._directory
        bare = bare_name(hold.subject, directory.options.domain)
        key = directory.key_of(bare) if bare is not None else ""
        kinds, store = directory.kinds, directory.store
        if hold.client not in ("", key, *BUILT_IN):  # those are always there, or looked at below
            program = await kinds.clients.get(store, hold.client)
            if why := why_barred(hold, program.value if program is not None else None):
                return why
        if not key:
            return ""
        about = await kinds.users.get(store, key) or await kinds.clients.get(store, key)
        return why_ended(hold, session, about.value if about is not None else None)
