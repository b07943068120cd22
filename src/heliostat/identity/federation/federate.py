"""Other providers on the wire: where a browser leaves for one, and where it comes back."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from heliostat.core.errors import HeliostatError
from heliostat.core.ids import Ids
from heliostat.identity.federation.elsewhere import LASTS_S, PATH
from heliostat.identity.federation.records import Provider, ProviderKind
from heliostat.identity.names import subject_of
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.saml.seams import sent_with_saml
from heliostat.identity.steps import browser_state
from heliostat.identity.steps.first_page import AUTHORIZE
from heliostat.identity.steps.onward import GoElsewhere, Visit
from heliostat.identity.steps.pages import Way
from heliostat.identity.steps.records import Continuation
from heliostat.identity.steps.sign_in import PATH as STEPS
from heliostat.identity.steps.sign_in import SignInSteps
from heliostat.identity.steps.step_pages import StepPages
from heliostat.identity.tokens import to_browser
from heliostat.identity.tokens.forms import fields_of


class Federating:
    """Leads browsers to OpenID providers and takes them back."""

    def __init__(self, realms: Realms, ids: Ids, steps: SignInSteps, step_pages: StepPages) -> None:
        self._realms = realms
        self._ids = ids
        self._steps = steps
        self._pages = step_pages
        step_pages.leaves = self

    def routes(self) -> list[web.RouteDef]:
        """The routes to add."""
        return [
            web.get(f"{STEPS}/{{tenant}}/with/{{provider}}", self.leave),
            web.get(f"{PATH}/{{tenant}}/{{provider}}", self.come_back),
            web.post(f"{PATH}/{{tenant}}/{{provider}}/logout", self.signed_out_there),
        ]

    async def ways(self, realm: Realm, continuation: Continuation) -> Sequence[Way]:
        """Links to the providers that people may sign in with, instead of a password."""
        found = await realm.providers.offered()
        return [Way(each.title, _link(realm, each, continuation)) for each in found]

    async def to(self, visit: Visit, continuation: Continuation) -> web.StreamResponse:
        """Send a browser to ``continuation.provider``; raises as ``Elsewhere.sent``."""
        provider = await visit.realm.providers.usable(continuation.provider)
        if provider.kind is ProviderKind.SAML:
            return await sent_with_saml(visit, provider, continuation, self._ids)
        address, cookie = await visit.realm.elsewhere.sent(continuation.provider, continuation)
        response = to_browser.redirect(address)
        browser_state.remember_elsewhere(response, visit.realm, cookie, LASTS_S)
        return response

    async def leave(self, request: web.Request) -> web.StreamResponse:
        """A link of the first page."""
        try:
            visit = Visit(request, await self._realms.get(request.match_info["tenant"]))
            fields = dict(request.query)
            onward = self._steps.onward(fields.get("continuation", AUTHORIZE))
            asked = await onward.asked(visit.realm, fields)
            name = request.match_info["provider"]
            try:
                return await self.to(visit, msgspec.structs.replace(asked, provider=name))
            except HeliostatError as error:
                await self._steps.tell(visit, asked, "provider", "", error)
                return await self._begun_again(visit, asked, error)
        except GoElsewhere as elsewhere:
            return elsewhere.response
        except HeliostatError as error:
            return to_browser.refused(error)

    async def come_back(self, request: web.Request) -> web.StreamResponse:
        """The provider's answer, which the browser brings."""
        try:
            visit = Visit(request, await self._realms.get(request.match_info["tenant"]))
            fields = dict(request.query)
            cookie = browser_state.elsewhere(request, visit.realm)
            asked = await visit.realm.elsewhere.taken(
                request.match_info["provider"], fields.get("state", ""), cookie
            )
            try:
                back = await visit.realm.elsewhere.back(asked, fields)
            except HeliostatError as error:
                await self._steps.tell(visit, asked.continuation, "provider", "", error)
                return await self._begun_again(visit, asked.continuation, error)
            response = await self._steps.proven(
                visit, back.continuation, back.person, (back.proof,)
            )
        except GoElsewhere as elsewhere:
            return elsewhere.response
        except HeliostatError as error:
            return to_browser.refused(error)
        browser_state.forget_elsewhere(response, visit.realm)
        return response

    async def signed_out_there(self, request: web.Request) -> web.StreamResponse:
        """A provider tells that somebody has signed out (OpenID Connect Back-Channel Logout)."""
        headers = {"Cache-Control": "no-store"}
        try:
            realm = await self._realms.get(request.match_info["tenant"])
            token = (await fields_of(request)).get("logout_token", "")
            provider = request.match_info["provider"]
            departed = await realm.elsewhere.departed(provider, token)
            if departed.user:
                await realm.signed_in.end_sessions(departed.user)
                subject = subject_of(departed.user, realm.options.domain)
                visit = Visit(request, realm)
                await self._steps.tell_done(visit, "signOut", subject, client=provider)
            await realm.elsewhere.used(departed)
        except HeliostatError as error:
            told = {"error": "invalid_request", "error_description": error.message}
            status = 400 if error.status < 500 else error.status
            return web.json_response(told, status=status, headers=headers)
        return web.Response(headers=headers)

    async def _begun_again(
        self, visit: Visit, continuation: Continuation, error: HeliostatError
    ) -> web.StreamResponse:
        """The first page, with what went wrong; nothing leads to the provider by itself."""
        plain = msgspec.structs.replace(continuation, provider="")
        return await self._pages.begin(visit, plain, wrong=error.message)


def _link(realm: Realm, provider: Provider, continuation: Continuation) -> str:
    fields = {**continuation.fields, "continuation": continuation.kind}
    fields.pop("provider", None)
    return f"{STEPS}/{realm.options.domain}/with/{provider.name}?{urlencode(fields)}"
