"""What browsers are answered: signing in for a client, and signing out.

A browser is known by a cookie, the tenant's own, that scripts can't read.  Forms carry a token
that a second cookie must repeat: another site can't sign anybody in or out unseen.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence

from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.names import subject_of
from heliostat.identity.realms import Realm, Realms
from heliostat.identity.records import Client, Grant
from heliostat.identity.redirects import origin_of, with_answer
from heliostat.identity.tokens import pages, to_browser
from heliostat.identity.tokens.authorization import FIELDS, Asked, Granted, SendBack
from heliostat.identity.tokens.forms import fields_of
from heliostat.identity.tokens.sign_in_attempt import SignIn, Tell
from heliostat.identity.tokens.to_browser import BASE, FORM_COOKIE

FORM_TOKEN_BYTES = 16
_FORM_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")


class Browsing:
    """The endpoints that people see."""

    def __init__(self, realms: Realms, ids: Ids, domain: str, tell: Tell) -> None:
        self._realms = realms
        self._ids = ids
        self._domain = domain
        self._tell = tell

    def routes(self) -> list[web.RouteDef]:
        """The routes to add; the tenant comes last and may be left out."""
        return [
            method(f"{BASE}/{path}{tenant}", answer)
            for tenant in ("", "/{tenant}")
            for method, path, answer in (
                (web.get, "oidc/authorize", self.authorize),
                (web.post, "oidc/authorize", self.submit),
                (web.get, "logout", self.logout),
                (web.post, "logout", self.log_out),
            )
        ]

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """A client's request: the page, or the way back at once for who is signed in."""
        try:
            return await self._for_client(request, _query(request))
        except HeliostatError as error:
            return to_browser.refused(error)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """The page's form; or a client's request that came as a form."""
        try:
            fields = await fields_of(request)
            if "form_token" not in fields:
                return _asked_again(request, fields, FIELDS)
            return await self._for_client(request, fields, sign_in=True)
        except HeliostatError as error:
            return to_browser.refused(error)

    async def _for_client(
        self, request: web.Request, fields: Mapping[str, str], *, sign_in: bool = False
    ) -> web.StreamResponse:
        realm = await self._realm(request)
        try:
            asked = await realm.authorization.asked(fields)
            if sign_in:
                return await self._signed_in(request, realm, asked, fields)
            granted = await realm.authorization.at_once(asked, _cookie(request, realm))
        except SendBack as refused:
            return to_browser.answered(refused.asked, realm.authorization.refusal(refused))
        if granted is not None:
            return to_browser.answered(asked, realm.authorization.answer(granted))
        return self._page(request, realm, asked)

    async def _signed_in(
        self, request: web.Request, realm: Realm, asked: Asked, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        if not _form_is_ours(request, fields):
            return self._page(request, realm, asked, "The page was open for too long. Try again.")
        username = fields.get("username", "")
        try:
            password = fields.get("password", "")
            before = _cookie(request, realm)
            granted = await realm.authorization.sign_in(asked, username, password, before)
        except HeliostatError as error:
            await self._told(request, realm, asked.client, username, error)
            return self._page(request, realm, asked, error.message, username)
        await self._told(request, realm, asked.client, username, None)
        response = to_browser.answered(asked, realm.authorization.answer(granted))
        _remember(response, realm, granted)
        return response

    def _page(
        self,
        request: web.Request,
        realm: Realm,
        asked: Asked,
        wrong: str = "",
        username: str = "",
    ) -> web.StreamResponse:
        token = self._form_token(request)
        hinted = {"login_hint": username} if username else {}
        body = pages.sign_in(
            realm.options.domain,
            to_browser.title(asked.client),
            {**asked.fields, **hinted},
            token,
            wrong=wrong,
        )
        return to_browser.form(body, token, origin_of(asked.redirect_uri))

    def _form_token(self, request: web.Request) -> str:
        """The browser's own, so that forms in two of its windows both count."""
        kept = request.cookies.get(FORM_COOKIE, "")
        return kept if _FORM_TOKEN.fullmatch(kept) else self._ids.secret(FORM_TOKEN_BYTES)

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """Ask whether to sign out (OpenID Connect RP-Initiated Logout 1.0)."""
        try:
            realm = await self._realm(request)
            query = _query(request)
            target = await self._target(realm, query)
            browser = await realm.browsers.find(_cookie(request, realm))
        except HeliostatError as error:
            return to_browser.refused(error)
        if browser is None:
            return (
                to_browser.redirect(target)
                if target
                else to_browser.signed_out(realm.options.domain)
            )
        token = self._form_token(request)
        kept = {name: query[name] for name in _LOGOUT if name in query}
        onward = origin_of(target) if target else ""
        return to_browser.form(pages.sign_out(realm.options.domain, kept, token), token, onward)

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """Sign the browser out, and every program that was signed in from it."""
        try:
            realm = await self._realm(request)
            fields = await fields_of(request)
            if "form_token" not in fields:
                return _asked_again(request, fields, _LOGOUT)
            target = await self._target(realm, fields)
            if not _form_is_ours(request, fields):
                raise PermanentError("InvalidEntity", "The page was open for too long.")
            browser = await realm.browsers.find(_cookie(request, realm))
            if browser is not None:
                await realm.browsers.end(browser)
        except HeliostatError as error:
            return to_browser.refused(error)
        response = (
            to_browser.redirect(target) if target else to_browser.signed_out(realm.options.domain)
        )
        response.del_cookie(_cookie_name(realm), path=BASE)
        return response

    async def _target(self, realm: Realm, fields: Mapping[str, str]) -> str:
        """Where to go after signing out; raises ``InvalidEntity`` for where nobody may."""
        uri = fields.get("post_logout_redirect_uri", "")
        if not uri:
            return ""
        client = await realm.standing.client_of(
            fields.get("client_id", ""), fields.get("id_token_hint", "")
        )
        if uri not in client.post_logout_redirect_uris:
            raise PermanentError("InvalidEntity", f"{client.name} may not go on to {uri[:80]!r}.")
        state = fields.get("state", "")
        return with_answer(uri, {"state": state}) if state else uri

    async def _told(
        self,
        request: web.Request,
        realm: Realm,
        client: Client,
        username: str,
        error: HeliostatError | None,
    ) -> None:
        stored = await realm.directory.find_user(username)
        name = stored.value.name if stored is not None else ""
        subject = subject_of(name, realm.options.domain) if name else ""
        await self._tell(request, SignIn(Grant.PASSWORD, subject, client.name, error))

    async def _realm(self, request: web.Request) -> Realm:
        return await self._realms.get(request.match_info.get("tenant", self._domain))


_LOGOUT = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


def _query(request: web.Request) -> dict[str, str]:
    """The query's fields; raises ``InvalidEntity`` for one that comes twice (RFC 6749, 3.1)."""
    fields = dict(request.query)
    if len(fields) != len(request.query):
        raise PermanentError("InvalidEntity", "A field occurs more than once.")
    return fields


def _asked_again(
    request: web.Request, fields: Mapping[str, str], known: Sequence[str]
) -> web.Response:
    """Another site's form comes without our cookies; the same as a link comes with them."""
    kept = {name: fields[name] for name in known if name in fields}
    return to_browser.redirect(str(request.rel_url.with_query(kept)))


def _cookie_name(realm: Realm) -> str:
    return f"oidc_session_id-{realm.options.domain}"


def _cookie(request: web.Request, realm: Realm) -> str:
    return request.cookies.get(_cookie_name(realm), "")[:200]


def _remember(response: web.StreamResponse, realm: Realm, granted: Granted) -> None:
    response.set_cookie(
        _cookie_name(realm),
        granted.cookie,
        max_age=int(realm.options.lifetimes.browser_s),
        path=BASE,
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    response.del_cookie(FORM_COOKIE, path=BASE)


def _form_is_ours(request: web.Request, fields: Mapping[str, str]) -> bool:
    kept, sent = request.cookies.get(FORM_COOKIE, ""), fields.get("form_token", "")
    return bool(kept) and hmac.compare_digest(kept.encode(errors="replace"), sent.encode())
