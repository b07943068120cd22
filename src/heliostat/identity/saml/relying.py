"""A service provider's request as what goes on after a sign-in: it ends with an assertion.

The request is kept (``sign_in_requests``); its secret is all that the browser carries.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from heliostat.core.ids import Ids
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.realm import Realm
from heliostat.identity.redirects import origin_of
from heliostat.identity.saml import to_provider
from heliostat.identity.saml.contexts import wants_second_factor
from heliostat.identity.saml.due import SignedIn, next_step
from heliostat.identity.saml.records import ServiceProvider, SignInAsked
from heliostat.identity.saml.requests import Refusal
from heliostat.identity.saml.vocabulary import Status
from heliostat.identity.steps import browser_state
from heliostat.identity.steps.onward import Visit
from heliostat.identity.steps.proofs import amr
from heliostat.identity.steps.records import Continuation
from heliostat.identity.steps.sign_in import SignInSteps, shown_by
from heliostat.identity.steps.step_pages import StepPages
from heliostat.identity.steps.under_way import over
from heliostat.identity.tokens.records import BrowserSession
from heliostat.identity.tokens.sign_in_attempt import SignIn, Tell

SECRET = "asked"  # noqa: S105 - a field's name


class Relying:
    """What becomes of service providers' requests; the verbs are those of ``Onward``."""

    def __init__(self, ids: Ids, steps: SignInSteps, pages: StepPages, tell: Tell) -> None:
        self._ids = ids
        self._steps = steps
        self._pages = pages
        self._tell = tell

    async def answer(self, visit: Visit, secret: str) -> web.StreamResponse:
        """What the browser gets that comes with a request's secret."""
        asked, provider = await visit.realm.saml.requests.find(secret)
        continuation = _continuation(asked, provider, secret)
        browser, signed_in = await self._signed_in(visit)
        try:
            step = next_step(asked, provider, signed_in, visit.realm.options.domain)
            if step is None and browser is not None and asked.passive:
                await self._refuse_more(visit, continuation, browser)
        except Refusal as refusal:
            return await self._refused(visit, asked, provider, refusal)
        if browser is None or (step is not None and (step.again or not step.stronger)):
            return await self._pages.begin(visit, continuation)
        further = await self._steps.further(visit, continuation, browser)
        return further or await self.go_on(visit, continuation, browser)

    async def asked(self, realm: Realm, fields: Mapping[str, str]) -> Continuation:
        secret = fields.get(SECRET, "")
        asked, provider = await realm.saml.requests.find(secret)
        return _continuation(asked, provider, secret)

    async def go_on(
        self, visit: Visit, continuation: Continuation, browser: BrowserSession
    ) -> web.StreamResponse:
        sign_on = visit.realm.saml.sign_on
        asked, provider = await visit.realm.saml.requests.find(continuation.fields[SECRET])
        person = await visit.realm.people.person(browser.user)
        if person is None:
            raise over()
        try:
            form = await sign_on.answer(asked, provider, _as_signed_in(person, browser))
        except Refusal as refusal:
            return await self._refused(visit, asked, provider, refusal)
        await self._tell(visit.request, SignIn("saml", person.subject, provider.name, None))
        return to_provider.posted(form, self._ids)

    async def refused(
        self, visit: Visit, continuation: Continuation, error: str, why: str
    ) -> web.StreamResponse:
        asked, provider = await visit.realm.saml.requests.find(continuation.fields[SECRET])
        denied = error == "access_denied"
        second = Status.REQUEST_DENIED if denied else Status.NO_AUTHN_CONTEXT
        return await self._refused(visit, asked, provider, Refusal(Status.RESPONDER, second, why))

    async def _refuse_more(
        self, visit: Visit, continuation: Continuation, browser: BrowserSession
    ) -> None:
        if not await self._steps.is_enough(visit, continuation, browser):
            raise Refusal(Status.RESPONDER, Status.NO_PASSIVE, "More has to be shown.")

    async def _refused(
        self, visit: Visit, asked: SignInAsked, provider: ServiceProvider, refusal: Refusal
    ) -> web.StreamResponse:
        form = await visit.realm.saml.sign_on.refuse(asked, provider, refusal)
        return to_provider.posted(form, self._ids)

    async def _signed_in(self, visit: Visit) -> tuple[BrowserSession | None, SignedIn | None]:
        realm = visit.realm
        browser = await realm.browsers.find(browser_state.session(visit.request, realm))
        person = await realm.people.person(browser.user) if browser is not None else None
        if browser is None or person is None or person.stamp != browser.stamp:
            return None, None
        return browser, _as_signed_in(person, browser)


def _as_signed_in(person: Person, browser: BrowserSession) -> SignedIn:
    methods = tuple(amr(shown_by(browser)))
    return SignedIn(person, browser.id, methods, browser.signed_in_ms, browser.expires_ms)


def _continuation(asked: SignInAsked, provider: ServiceProvider, secret: str) -> Continuation:
    stronger = wants_second_factor(asked.contexts, asked.comparison)
    return Continuation(
        kind="saml",
        fields={SECRET: secret},
        program=provider.title or provider.name,
        client=provider.name,
        origin=origin_of(asked.consumer.location),
        acr_values="mfa" if stronger else "",
    )
