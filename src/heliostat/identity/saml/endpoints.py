"""SAML on the wire: single sign-on, single logout and metadata, at paths that providers know.

The tenant comes last and may be left out.  Requests are taken at ``/websso``; the browser
goes on at ``/openidconnect``, where it has its cookie.  SAML's libraries are loaded by the
first request for any of this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from heliostat.core.errors import HeliostatError
from heliostat.core.ids import Ids
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.saml.seams import SamlOnward
from heliostat.identity.steps import browser_state
from heliostat.identity.steps.onward import GoElsewhere, Visit
from heliostat.identity.steps.sign_in import SignInSteps
from heliostat.identity.steps.step_pages import StepPages
from heliostat.identity.tokens import to_browser
from heliostat.identity.tokens.forms import fields_of
from heliostat.identity.tokens.sign_in_attempt import Tell

if TYPE_CHECKING:
    from heliostat.identity.saml.bindings import Received
    from heliostat.identity.saml.outgoing import Onward as LeftFor

BASE = "/websso/SAML2"
GO_ON = f"{to_browser.BASE}/saml/sign-in"
ARRIVED = f"{to_browser.BASE}/saml/arrived"
LONGEST_FORM = 512 * 1024
METADATA_TYPE = "application/samlmetadata+xml"

Answer = Callable[[Visit], Awaitable[web.StreamResponse]]


class SamlEndpoints:
    """The endpoints of an identity provider."""

    def __init__(
        self,
        realms: Realms,
        ids: Ids,
        domain: str,
        steps: SignInSteps,
        pages: StepPages,
        tell: Tell,
    ) -> None:
        self._realms = realms
        self._ids = ids
        self._domain = domain
        self._steps = steps
        self._pages = pages
        self._relying = SamlOnward(ids, steps, pages, tell)
        steps.add(self._relying)

    def routes(self) -> list[web.RouteDef]:
        """The routes to add."""
        return [
            web.get("/websso/HealthStatus", self.health),
            *(
                method(f"{path}{tenant}", answer)
                for tenant in ("", "/{tenant}")
                for method, path, answer in (
                    (web.get, f"{BASE}/Metadata", self.metadata),
                    (web.get, f"{BASE}/SSO", self.sign_on),
                    (web.post, f"{BASE}/SSO", self.sign_on),
                    (web.get, f"{BASE}/IDPSSO", self.unsolicited),
                    (web.get, f"{BASE}/SLO", self.logout),
                    (web.post, f"{BASE}/SLO", self.logout),
                    (web.get, GO_ON, self.go_on),
                    (web.post, f"{BASE}/SP/ACS", self.asserted),
                    (web.get, f"{BASE}/SP/SLO", self.logout_elsewhere),
                    (web.post, f"{BASE}/SP/SLO", self.logout_elsewhere),
                    (web.get, ARRIVED, self.arrived),
                )
            ),
        ]

    async def health(self, _request: web.Request) -> web.StreamResponse:
        """What load balancers of such a sign-in have always asked for."""
        return web.Response(text="GREEN")

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        """What this tenant is, for service and identity providers."""

        async def answer(visit: Visit) -> web.StreamResponse:
            body = await visit.realm.saml.metadata()
            headers = {"Cache-Control": "max-age=3600"}
            return web.Response(body=body, content_type=METADATA_TYPE, headers=headers)

        return await self._answered(request, answer)

    async def sign_on(self, request: web.Request) -> web.StreamResponse:
        """A provider's request to sign somebody in."""

        async def answer(visit: Visit) -> web.StreamResponse:
            from heliostat.identity.saml import to_provider
            from heliostat.identity.saml.refusing import Told

            try:
                _, secret = await visit.realm.saml.requests.asked(await received(request))
            except Told as told:
                return to_provider.posted(told.form, self._ids)
            return _gone_on(visit.realm, secret)

        return await self._answered(request, answer)

    async def unsolicited(self, request: web.Request) -> web.StreamResponse:
        """A link of ours to a provider (IdP-initiated): ``entityID`` and ``RelayState``."""

        async def answer(visit: Visit) -> web.StreamResponse:
            query = request.query
            entity_id = query.get("entityID", query.get("providerId", ""))
            relay_state = query.get("RelayState", query.get("target", ""))
            requests = visit.realm.saml.requests
            _, secret = await requests.unsolicited(entity_id, relay_state)
            return _gone_on(visit.realm, secret)

        return await self._answered(request, answer)

    async def go_on(self, request: web.Request) -> web.StreamResponse:
        """The browser, with its cookie and the secret of a request."""

        async def answer(visit: Visit) -> web.StreamResponse:
            return await self._relying.late.answer(visit, request.query.get("asked", ""))

        return await self._answered(request, answer)

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """A provider's request to sign somebody out, or its answer to ours."""

        async def answer(visit: Visit) -> web.StreamResponse:
            onward = await visit.realm.saml.logout.received(await received(request))
            return await self._left(visit, onward)

        return await self._answered(request, answer)

    async def logout_elsewhere(self, request: web.Request) -> web.StreamResponse:
        """Somebody has signed out at another identity provider."""

        async def answer(visit: Visit) -> web.StreamResponse:
            onward = await visit.realm.saml.told_elsewhere.received(await received(request))
            return await self._left(visit, onward)

        return await self._answered(request, answer)

    async def _left(self, visit: Visit, onward: LeftFor) -> web.StreamResponse:
        """The way on, once it is on record who was signed out, and by which provider."""
        from heliostat.identity.saml import to_provider

        for user in onward.left:
            subject = await visit.realm.people.called(user)
            await self._steps.tell_done(visit, "signOut", subject, client=onward.by)
        response = to_provider.sent_on(onward, visit.realm.options.domain, self._ids)
        browser_state.forget_session(response, visit.realm)
        return response

    async def asserted(self, request: web.Request) -> web.StreamResponse:
        """Another identity provider's answer; the browser fetches it with its cookie."""

        async def answer(visit: Visit) -> web.StreamResponse:
            ticket = await visit.realm.saml.elsewhere.received(await received(request))
            return to_browser.redirect(f"{ARRIVED}/{visit.realm.options.domain}?ticket={ticket}")

        return await self._answered(request, answer)

    async def arrived(self, request: web.Request) -> web.StreamResponse:
        """The browser that was sent to another identity provider is back."""

        async def answer(visit: Visit) -> web.StreamResponse:
            elsewhere = visit.realm.saml.elsewhere
            cookie = browser_state.elsewhere(request, visit.realm)
            asked, arrival = await elsewhere.taken(request.query.get("ticket", ""), cookie)
            try:
                back = await elsewhere.admitted(asked, arrival)
            except HeliostatError as error:
                await self._steps.tell(visit, asked.continuation, "provider", "", error)
                plain = msgspec.structs.replace(asked.continuation, provider="")
                return await self._pages.begin(visit, plain, wrong=error.message)
            response = await self._steps.proven(
                visit, back.continuation, back.person, (back.proof,)
            )
            browser_state.forget_elsewhere(response, visit.realm)
            return response

        return await self._answered(request, answer)

    async def _answered(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        try:
            realm = await self._realms.get(request.match_info.get("tenant", self._domain))
            return await answer(Visit(request, realm))
        except GoElsewhere as elsewhere:
            return elsewhere.response
        except HeliostatError as error:
            return to_browser.refused(error)


async def received(request: web.Request) -> Received:
    """The message of a request, by whichever way it came."""
    from heliostat.identity.saml import bindings

    if request.method == "POST":
        fields: Mapping[str, str] = await fields_of(request, longest=LONGEST_FORM)
        return bindings.from_form(dict(fields))
    # as it stood on the wire: the signature is over that
    return bindings.from_query(request.raw_path.partition("?")[2])


def _gone_on(realm: Realm, secret: str) -> web.Response:
    return to_browser.redirect(f"{GO_ON}/{realm.options.domain}?asked={secret}")
