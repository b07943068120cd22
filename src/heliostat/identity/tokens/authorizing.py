"""A program's request as what goes on after a sign-in: it ends with a code for the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from heliostat.identity.directory.contract.people import Person
from heliostat.identity.realm import Realm
from heliostat.identity.redirects import origin_of
from heliostat.identity.steps.onward import GoElsewhere, Onward, Visit
from heliostat.identity.steps.records import Continuation
from heliostat.identity.tokens import to_browser
from heliostat.identity.tokens.asks import asks_of
from heliostat.identity.tokens.authorization import Asked, SendBack
from heliostat.identity.tokens.records import BrowserSession
from heliostat.identity.tokens.scopes import parse


class Authorizing(Onward):
    """Continuations of the authorization endpoint; its fields are the request's."""

    kind = "authorize"

    async def asked(self, realm: Realm, fields: Mapping[str, str]) -> Continuation:
        asked = await _asked(realm, fields)
        return Continuation(
            kind=self.kind,
            fields=dict(asked.fields),
            program=to_browser.title(asked.client),
            client=asked.client.name,
            origin=origin_of(asked.redirect_uri),
            acr_values=asked.fields.get("acr_values", ""),
            hint=asked.fields.get("login_hint", ""),
            provider=asked.fields.get("provider", ""),
        )

    async def go_on(
        self,
        visit: Visit,
        continuation: Continuation,
        browser: BrowserSession,
    ) -> web.StreamResponse:
        asked = await _asked(visit.realm, continuation.fields)
        granted = await visit.realm.authorization.grant(asked, browser)
        return to_browser.answered(asked, visit.realm.authorization.answer(granted))

    async def consent(
        self, visit: Visit, continuation: Continuation, person: Person
    ) -> Sequence[str]:
        """What is asked for and nobody has agreed to; all of it where the client wants it so."""
        asked = await _asked(visit.realm, continuation.fields)
        again = "consent" in asked.prompts
        if not (asked.client.consent or again):
            return ()
        agreed = () if again else await visit.realm.consents.agreed(person, asked.client)
        scope = parse(asked.scope)
        asks = asks_of(scope, agreed)
        return asks or (() if agreed else ("know that you have signed in",))

    async def consented(self, visit: Visit, continuation: Continuation, person: Person) -> None:
        asked = await _asked(visit.realm, continuation.fields)
        scope = parse(asked.scope)
        await visit.realm.consents.give(person, asked.client, scope.values)

    async def refused(
        self, visit: Visit, continuation: Continuation, error: str, why: str
    ) -> web.StreamResponse:
        asked = await _asked(visit.realm, continuation.fields)
        refused = SendBack(asked, error, why)
        return to_browser.answered(asked, visit.realm.authorization.refusal(refused))


async def _asked(realm: Realm, fields: Mapping[str, str]) -> Asked:
    try:
        return await realm.authorization.asked(fields)
    except SendBack as refused:
        answer = to_browser.answered(refused.asked, realm.authorization.refusal(refused))
        raise GoElsewhere(answer) from refused
