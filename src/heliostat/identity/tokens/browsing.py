"""What browsers are answered: signing in for a client, and signing out.

A browser is known by a cookie, the tenant's own, that scripts can't read.  Forms carry a token
that a second cookie must repeat: another site can't sign anybody in or out unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.redirects import origin_of, with_answer
from heliostat.identity.saml.seams import sign_out_elsewhere
from heliostat.identity.steps import browser_state
from heliostat.identity.steps.onward import GoElsewhere, Visit
from heliostat.identity.steps.sign_in import SignInSteps
from heliostat.identity.steps.step_pages import StepPages
from heliostat.identity.tokens import pages, to_browser
from heliostat.identity.tokens.authorization import FIELDS, Asked, SendBack
from heliostat.identity.tokens.authorizing import Authorizing
from heliostat.identity.tokens.forms import fields_of
from heliostat.identity.tokens.records import BrowserSession
from heliostat.identity.tokens.to_browser import BASE

MOST_FRAMES = 20
"""Programs that a browser tells when it signs out; the back channel has no bound."""


class Browsing:
    """The endpoints that people see."""

    def __init__(
        self, realms: Realms, ids: Ids, domain: str, steps: SignInSteps, step_pages: StepPages
    ) -> None:
        self._realms = realms
        self._ids = ids
        self._domain = domain
        self._steps = steps
        self._pages = step_pages
        self._authorizing = Authorizing()
        steps.add(self._authorizing)

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
            visit = Visit(request, await self._realm(request))
            return await self._for_client(visit, _query(request))
        except GoElsewhere as elsewhere:
            return elsewhere.response
        except HeliostatError as error:
            return to_browser.refused(error)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """The page's form; or a client's request that came as a form."""
        try:
            visit = Visit(request, await self._realm(request))
            fields = await fields_of(request)
            if "form_token" not in fields:
                return _asked_again(request, fields, FIELDS)
            return await self._pages.who(visit, fields)
        except GoElsewhere as elsewhere:
            return elsewhere.response
        except HeliostatError as error:
            return to_browser.refused(error)

    async def _for_client(self, visit: Visit, fields: Mapping[str, str]) -> web.StreamResponse:
        realm = visit.realm
        fields = await realm.pushed.expanded(fields)
        continuation = await self._authorizing.asked(realm, fields)
        try:
            asked = await realm.authorization.asked(fields)
            browser = await realm.authorization.signed_in(
                asked, browser_state.session(visit.request, realm)
            )
            browser = await self._hinted(realm, asked, browser)
        except SendBack as refused:
            return to_browser.answered(refused.asked, realm.authorization.refusal(refused))
        if browser is None:
            return await self._pages.begin(visit, continuation)
        if "none" in asked.prompts and not await self._steps.is_enough(
            visit, continuation, browser
        ):
            person = await realm.people.person(browser.user)
            asks = person and await self._authorizing.consent(visit, continuation, person)
            error = "consent_required" if asks else "interaction_required"
            more = SendBack(asked, error, "Somebody has to be asked for more.")
            return to_browser.answered(asked, realm.authorization.refusal(more))
        further = await self._steps.further(visit, continuation, browser)
        if further is not None:
            return further
        return await self._authorizing.go_on(visit, continuation, browser)

    async def _hinted(
        self, realm: Realm, asked: Asked, browser: BrowserSession | None
    ) -> BrowserSession | None:
        """The browser's session, if it is of whom the client expects (``id_token_hint``)."""
        hint = asked.fields.get("id_token_hint", "")
        if not hint:
            return browser
        try:
            subject = await realm.standing.hinted(hint)
        except PermanentError as error:
            why = f"id_token_hint: {error.message}"
            raise SendBack(asked, "invalid_request", why) from error
        person = await realm.people.person(browser.user) if browser is not None else None
        if person is not None and person.subject == subject:
            return browser
        if "none" in asked.prompts:
            raise SendBack(asked, "login_required", "Somebody else is signed in, or nobody.")
        return None

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """Ask whether to sign out (OpenID Connect RP-Initiated Logout 1.0)."""
        try:
            realm = await self._realm(request)
            query = _query(request)
            target = await self._target(realm, query)
            browser = await realm.browsers.find(browser_state.session(request, realm))
        except HeliostatError as error:
            return to_browser.refused(error)
        if browser is None:
            return (
                to_browser.redirect(target)
                if target
                else to_browser.signed_out(realm.options.domain)
            )
        token = browser_state.form_token(request, self._ids)
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
            if not browser_state.form_is_ours(request, fields):
                raise PermanentError("InvalidEntity", "The page was open for too long.")
            browser = await realm.browsers.find(browser_state.session(request, realm))
            elsewhere: web.Response | None = None
            frames: list[tuple[str, str]] = []
            ways: list[tuple[str, str]] = []
            if browser is not None:
                frames = await _frames(realm, browser)
                elsewhere = await sign_out_elsewhere(realm, browser, target, self._ids)
                if not target:
                    ways = await realm.elsewhere.ways_out(browser.user)
                await realm.browsers.end(browser)
                person = await realm.people.person(browser.user)
                subject = person.subject if person is not None else browser.user
                await self._steps.tell_done(Visit(request, realm), "signOut", subject)
        except HeliostatError as error:
            return to_browser.refused(error)
        if elsewhere is not None and "Location" in elsewhere.headers:
            target = elsewhere.headers["Location"]
            elsewhere = None
        response = elsewhere or _left(realm, target, frames, ways)
        browser_state.forget_session(response, realm)
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

    async def _realm(self, request: web.Request) -> Realm:
        return await self._realms.get(request.match_info.get("tenant", self._domain))


async def _frames(realm: Realm, browser: BrowserSession) -> list[tuple[str, str]]:
    """What to show of programs that browsers tell: title and address of each."""
    programs = await realm.browsers.programs(browser)
    found = []
    for client, session in (await realm.departures.frames(programs))[:MOST_FRAMES]:
        uri = client.frontchannel_logout_uri
        if client.logout_session_required:
            uri = with_answer(uri, {"iss": realm.options.issuer, "sid": session.id})
        found.append((to_browser.title(client), uri))
    return found


def _left(
    realm: Realm,
    target: str,
    frames: Sequence[tuple[str, str]],
    ways: Sequence[tuple[str, str]] = (),
) -> web.Response:
    """The end of signing out: at once, or by way of the programs that the browser tells."""
    if frames:
        own = origin_of(realm.options.base_url)
        return to_browser.page(
            pages.signed_out_of(realm.options.domain, frames, target, own),
            frames=tuple(dict.fromkeys(origin_of(uri) for _, uri in frames)),
        )
    if target:
        return to_browser.redirect(target)
    return to_browser.signed_out(realm.options.domain, ways)


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
