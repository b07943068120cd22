"""Where the rest of sign-in meets SAML: none of its libraries is loaded before somebody uses it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from aiohttp import web

from heliostat.core.ids import Ids
from heliostat.identity.federation.records import Provider
from heliostat.identity.realm import Realm
from heliostat.identity.saml.records import SamlKinds
from heliostat.identity.steps import browser_state
from heliostat.identity.steps.onward import Onward, Visit
from heliostat.identity.steps.records import Continuation
from heliostat.identity.steps.sign_in import SignInSteps
from heliostat.identity.steps.step_pages import StepPages
from heliostat.identity.tokens.records import BrowserSession
from heliostat.identity.tokens.sign_in_attempt import Tell

if TYPE_CHECKING:
    from heliostat.identity.saml.relying import Relying


class SamlOnward(Onward):
    """Continuations of service providers' requests; see ``relying``, which it loads when needed."""

    kind = "saml"

    def __init__(self, ids: Ids, steps: SignInSteps, pages: StepPages, tell: Tell) -> None:
        self._parts = (ids, steps, pages, tell)

    @cached_property
    def late(self) -> Relying:
        from heliostat.identity.saml.relying import Relying

        return Relying(*self._parts)

    async def asked(self, realm: Realm, fields: Mapping[str, str]) -> Continuation:
        return await self.late.asked(realm, fields)

    async def go_on(
        self, visit: Visit, continuation: Continuation, browser: BrowserSession
    ) -> web.StreamResponse:
        return await self.late.go_on(visit, continuation, browser)

    async def refused(
        self, visit: Visit, continuation: Continuation, error: str, why: str
    ) -> web.StreamResponse:
        return await self.late.refused(visit, continuation, error, why)


async def sent_with_saml(
    visit: Visit, provider: Provider, continuation: Continuation, ids: Ids
) -> web.StreamResponse:
    """Send a browser to a SAML provider, with the cookie that it has to bring back."""
    from heliostat.identity.saml import to_provider
    from heliostat.identity.saml.elsewhere import LASTS_MS

    onward, cookie = await visit.realm.saml.elsewhere.sent(provider, continuation)
    response = to_provider.sent_on(onward, visit.realm.options.domain, ids)
    browser_state.remember_elsewhere(response, visit.realm, cookie, LASTS_MS // 1000)
    return response


async def sign_out_elsewhere(
    realm: Realm, browser: BrowserSession, onward: str, ids: Ids
) -> web.Response | None:
    """The browser's way through the service providers that it is signed in to, if there are any.

    In the end it goes to ``onward``.
    """
    kept = SamlKinds.of(realm.options.tenant).participants
    if not (await kept.list_by_index(realm.directory.store, "browser", browser.id, limit=1)).items:
        return None
    from heliostat.identity.saml import to_provider

    begun = await realm.saml.logout.begin(browser, onward)
    return to_provider.sent_on(begun, realm.options.domain, ids) if begun is not None else None
