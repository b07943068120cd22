"""The authorization endpoint's decisions: from a browser's request to a code (RFC 6749, 4.1).

Only ``response_type=code`` with PKCE (S256), for every client (RFC 9700).  What is wrong with
client or redirect address is shown to the person; everything else goes back to the client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.clients.named import named_client
from heliostat.identity.clients.records import Client, Grant, clients_of
from heliostat.identity.directory.contract.people import People
from heliostat.identity.options import IdentityOptions
from heliostat.identity.redirects import is_registered
from heliostat.identity.tokens.browsers import SECRET_BYTES, Browsers, hashed
from heliostat.identity.tokens.described import described
from heliostat.identity.tokens.records import BrowserSession, Code, TokenKinds
from heliostat.identity.tokens.scopes import permitted

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_UNSUPPORTED = ("request", "request_uri")
_MODES = ("query", "form_post")
LONGEST_FIELD = 2048
FIELDS = (
    *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "prompt", "max_age", "login_hint"),
    *("acr_values", "provider", "id_token_hint"),
    *_UNSUPPORTED,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is in order; ``fields`` are as they came, for the page to send again."""

    client: Client
    redirect_uri: str
    scope: str
    fields: Mapping[str, str]

    @property
    def prompts(self) -> frozenset[str]:
        return frozenset(self.fields.get("prompt", "").split())


class SendBack(Exception):
    """An error that the client is told, by way of the browser."""

    def __init__(self, asked: Asked, error: str, description: str) -> None:
        super().__init__(description)
        self.asked = asked
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Granted:
    """A code for the client."""

    asked: Asked
    code: str


class Authorization:
    """Browsers' sign-ins of one tenant, and the codes that come of them."""

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        options: IdentityOptions,
        people: People,
        browsers: Browsers,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._options = options
        self._people = people
        self._browsers = browsers
        self._codes = TokenKinds.of(options.tenant).codes
        self._clients = clients_of(options.tenant)

    async def asked(self, fields: Mapping[str, str]) -> Asked:
        """Check a request.

        Raises ``InvalidClient`` and ``InvalidEntity`` for what the person is shown, and
        ``SendBack`` for what the client is told.
        """
        kept = {name: fields[name] for name in FIELDS if fields.get(name)}
        if any(len(value) > LONGEST_FIELD for value in kept.values()):
            raise PermanentError("InvalidEntity", "A field of the request is too long.")
        if "client_id" not in kept:
            raise PermanentError("InvalidClient", "The request names no client.")
        client = await named_client(self._store, self._clients, kept["client_id"])
        redirect_uri = kept.get("redirect_uri", "")
        if not is_registered(redirect_uri, client.redirect_uris):
            raise PermanentError(
                "InvalidEntity",
                f"{client.name} may not send browsers to {redirect_uri[:80]!r}.",
                hint="Register the address: `helio identity client create --redirect-uri`.",
            )
        asked = Asked(client, redirect_uri, kept.get("scope", ""), kept)
        for name in _UNSUPPORTED:
            if name in kept:
                raise SendBack(asked, f"{name}_not_supported", f"Send the fields without {name}.")
        _check(asked)
        return asked

    async def signed_in(self, asked: Asked, cookie: str) -> BrowserSession | None:
        """The browser's session, if it does for this request; ``None``: ask who it is.

        Any program of the machine can come to a loopback address or a scheme of its own, so
        nobody is sent there without having typed something (RFC 8252, 8.6).
        Raises ``SendBack`` where the client wants nobody asked.
        """
        browser = await self._browsers.find(cookie)
        person = await self._people.person(browser.user) if browser is not None else None
        if (
            browser is not None
            and person is not None
            and browser.stamp == person.stamp
            and not self._too_old(asked, browser)
            and asked.redirect_uri.startswith("https://")
        ):
            return browser
        if "none" in asked.prompts:
            raise SendBack(asked, "login_required", "Somebody has to be asked for a password.")
        return None

    async def grant(self, asked: Asked, browser: BrowserSession) -> Granted:
        """A code for who is signed in to ``browser``."""
        return Granted(asked, await self._issue(asked, browser))

    def answer(self, granted: Granted) -> dict[str, str]:
        """What the client gets with the browser."""
        return self._told(granted.asked.fields, {"code": granted.code})

    def refusal(self, refused: SendBack) -> dict[str, str]:
        """The error that the client gets with the browser."""
        told = {"error": refused.error, "error_description": described(refused.description)}
        return self._told(refused.asked.fields, told)

    def _told(self, fields: Mapping[str, str], answer: dict[str, str]) -> dict[str, str]:
        state = {"state": fields["state"]} if "state" in fields else {}
        return {**answer, **state, "iss": self._options.issuer}

    def _too_old(self, asked: Asked, browser: BrowserSession) -> bool:
        if asked.prompts & {"login", "select_account"}:
            return True
        limit = asked.fields.get("max_age")
        age_ms = self._clock.now_ms() - browser.signed_in_ms
        return limit is not None and age_ms > int(limit) * 1000

    async def _issue(self, asked: Asked, browser: BrowserSession) -> str:
        secret = self._ids.secret(SECRET_BYTES)
        code = Code(
            id=hashed(secret),
            client=asked.client.name,
            client_made_ms=asked.client.created_ms,
            redirect_uri=asked.redirect_uri,
            scope=asked.scope,
            challenge=asked.fields["code_challenge"],
            nonce=asked.fields.get("nonce", ""),
            user=browser.user,
            stamp=browser.stamp,
            browser=browser.id,
            proofs=browser.proofs,
            signed_in_ms=browser.signed_in_ms,
            expires_ms=self._clock.now_ms() + int(self._options.lifetimes.code_s * 1000),
        )
        await self._store.commit([self._codes.absent(code.id)], self._codes.put(code))
        return secret


def _check(asked: Asked) -> None:
    fields = asked.fields

    def refuse(error: str, why: str) -> None:
        raise SendBack(asked, error, why)

    if Grant.AUTHORIZATION_CODE not in asked.client.grants:
        refuse("unauthorized_client", "This client may not ask for codes.")
    if fields.get("response_type") != "code":
        refuse("unsupported_response_type", "Only response_type=code is answered.")
    if fields.get("response_mode", "query") not in _MODES:
        refuse("invalid_request", f"response_mode is {' or '.join(_MODES)}.")
    if fields.get("code_challenge_method") != "S256":
        refuse("invalid_request", "code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(fields.get("code_challenge", "")):
        refuse("invalid_request", "code_challenge must be 43 characters of base64url.")
    prompts = set(fields.get("prompt", "").split())
    if prompts - {"none", "login", "consent", "select_account"}:
        refuse("invalid_request", "There is no such prompt.")
    if "none" in prompts and len(prompts) > 1:
        refuse("invalid_request", "prompt=none stands alone.")
    if not fields.get("max_age", "0").isdecimal() or len(fields.get("max_age", "")) > 9:
        refuse("invalid_request", "max_age is a number of seconds.")
    try:
        permitted(fields.get("scope", ""), asked.client.scopes)
    except HeliostatError as error:
        refuse("invalid_scope", error.message)
