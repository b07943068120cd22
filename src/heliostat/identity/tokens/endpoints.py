"""Sign-in on the wire: tokens and what becomes of them, discovery, keys and trusted roots.

Paths and answers are those that existing clients know: the tenant comes last and
may be left out.  Errors of the token endpoint follow RFC 6749 (5.2), with our
stable ``code`` and ``hint`` added.  Nothing here needs a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from heliostat.core.errors import HeliostatError
from heliostat.identity.account.account_page import AccountPage
from heliostat.identity.federation.federate import Federating
from heliostat.identity.realm import Realm
from heliostat.identity.saml.endpoints import SamlEndpoints
from heliostat.identity.saml.trust_endpoints import TrustEndpoints
from heliostat.identity.site import Identity
from heliostat.identity.steps.sign_in import SignInSteps
from heliostat.identity.steps.step_pages import StepPages
from heliostat.identity.tokens.asking import realm_of
from heliostat.identity.tokens.browsing import Browsing
from heliostat.identity.tokens.client_endpoints import ClientEndpoints
from heliostat.identity.tokens.device_pages import DevicePages
from heliostat.identity.tokens.discovery import openid_configuration, trusted_roots
from heliostat.identity.tokens.refusals import refusal
from heliostat.identity.tokens.sign_in_attempt import SignIn, Tell
from heliostat.identity.tokens.token_endpoint import TokenEndpoint


async def _tell_nobody(_request: web.Request, _attempt: SignIn) -> None:
    """For those who keep no record."""


def _remote(request: web.Request) -> str:
    """For those whom nobody stands in front of."""
    return request.remote or ""


def routes(
    identity: Identity,
    tell: Tell = _tell_nobody,
    address_of: Callable[[web.Request], str] = _remote,
) -> list[web.RouteDef]:
    """The routes to add to the controller's application.

    ``tell`` hears of every attempt to sign in, granted or not, before it is answered.
    ``address_of`` says where a request comes from, also by way of proxies that are trusted.
    """
    asked, published = ClientEndpoints(identity, address_of), _Published(identity)
    configuration = ".well-known/openid-configuration"
    both = [
        (web.post, "token", TokenEndpoint(identity, tell).token),
        (web.post, "introspect", asked.introspect),
        (web.post, "revoke", asked.revoke),
        (web.post, "device_authorization", asked.device_authorization),
        (web.post, "par", asked.push),
        (web.get, "userinfo", asked.userinfo),
        (web.post, "userinfo", asked.userinfo),
    ]
    return [
        *(method(f"/openidconnect/{name}", each) for method, name, each in both),
        *(method(f"/openidconnect/{name}/{{tenant}}", each) for method, name, each in both),
        web.get("/openidconnect/jwks", published.jwks),
        web.get("/openidconnect/jwks/{tenant}", published.jwks),
        web.get(f"/openidconnect/{configuration}", published.configuration),
        web.get(f"/openidconnect/{{tenant}}/{configuration}", published.configuration),
        web.get("/afd/vecs/ssl", published.roots),
        *_for_browsers(identity, tell),
    ]


def _for_browsers(identity: Identity, tell: Tell) -> list[web.RouteDef]:
    """What people see; whatever else asks them to sign in is added to ``steps``."""
    realms, ids, domain = identity.realms, identity.ids, identity.options.domain
    steps = SignInSteps(tell)
    step_pages = StepPages(realms, ids, domain, steps, identity.acceptor)
    browsing = Browsing(realms, ids, domain, steps, step_pages)
    devices = DevicePages(realms, ids, domain, steps, step_pages)
    saml = SamlEndpoints(realms, ids, domain, steps, step_pages, tell)
    trust = TrustEndpoints(realms, domain, tell)
    elsewhere = Federating(realms, ids, steps, step_pages)
    account = AccountPage(realms, ids, domain, steps, step_pages)
    parts = (browsing, step_pages, account, devices, elsewhere, saml, trust)
    return [route for each in parts for route in each.routes()]


class _Published:
    """What everybody may read about a tenant."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def jwks(self, request: web.Request) -> web.StreamResponse:
        async def answer(realm: Realm) -> object:
            return await realm.keys.jwks()

        return await self._public(request, answer)

    async def configuration(self, request: web.Request) -> web.StreamResponse:
        async def answer(realm: Realm) -> object:
            return openid_configuration(realm.options)

        return await self._public(request, answer)

    async def roots(self, request: web.Request) -> web.StreamResponse:
        async def answer(_realm: Realm) -> object:
            return trusted_roots(self._identity.authority.ca_pem)

        return await self._public(request, answer)

    async def _public(
        self, request: web.Request, answer: Callable[[Realm], Awaitable[object]]
    ) -> web.StreamResponse:
        try:
            body = await answer(await realm_of(self._identity, request))
        except HeliostatError as error:
            return refusal(error)
        return web.json_response(body, headers={"Cache-Control": "max-age=60"})
