"""The page where the code of a machine is typed in, and where somebody allows it.

A code is looked up only for somebody who is signed in, and a person who types ten wrong ones
waits for ten minutes: there is nothing to guess at from outside.  Whoever allows a machine is
told what it is, where it asks from and what it would be let do, and is warned of codes that
somebody else has sent, for that is how these codes are misused.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.clients.named import named_client
from heliostat.identity.realm import Realm
from heliostat.identity.steps import browser_state
from heliostat.identity.steps.first_page import STALE
from heliostat.identity.steps.onward import GoElsewhere, Visit
from heliostat.identity.steps.onward_pages import OnwardPages
from heliostat.identity.steps.records import Continuation
from heliostat.identity.tokens import pages, to_browser
from heliostat.identity.tokens.asks import asks_of
from heliostat.identity.tokens.devices import normal, shown
from heliostat.identity.tokens.forms import fields_of
from heliostat.identity.tokens.records import BrowserSession, DeviceRequest
from heliostat.identity.tokens.scopes import parse

PATH = f"{to_browser.BASE}/device"
UNKNOWN = "No machine waits with this code. Compare it; codes end after ten minutes."


class DevicePages(OnwardPages):
    """Continuations with a machine's code."""

    kind = "device"
    path = PATH

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Where to type the code; one in the address is there already."""
        try:
            visit = Visit(request, await self._realm(request))
        except HeliostatError as error:
            return to_browser.refused(error)
        return self._entry(visit, request.query.get("user_code", ""))

    async def take(self, request: web.Request) -> web.StreamResponse:
        """A code was typed, or a machine decided about."""
        try:
            visit = Visit(request, await self._realm(request))
            fields = await fields_of(request)
            if not browser_state.form_is_ours(request, fields):
                return self._entry(visit, fields.get("user_code", ""), STALE)
            continuation = await self.asked(visit.realm, fields)
            browser = await self._signed_in(visit)
            if browser is None:
                return await self._pages.begin(visit, continuation)
            further = await self._steps.further(visit, continuation, browser)
            if further is not None:
                return further
            if "allow" in fields:
                return await self._decided(visit, browser, fields)
            return await self.go_on(visit, continuation, browser)
        except GoElsewhere as elsewhere:
            return elsewhere.response
        except HeliostatError as error:
            return to_browser.refused(error)

    async def asked(self, _realm: Realm, fields: Mapping[str, str]) -> Continuation:
        """The code as it was typed; whether there is a machine behind it is told later."""
        return Continuation(kind=self.kind, fields={"user_code": fields.get("user_code", "")[:40]})

    async def go_on(
        self, visit: Visit, continuation: Continuation, browser: BrowserSession
    ) -> web.StreamResponse:
        """Which machine it is, and whether to allow it."""
        typed = continuation.fields["user_code"]
        request = await self._found(visit.realm, browser, typed)
        if request is None:
            return self._entry(visit, typed, UNKNOWN)
        person = await visit.realm.people.person(browser.user)
        if person is None:
            return self._entry(visit, typed, UNKNOWN)
        kinds = visit.realm.directory.kinds
        client = await named_client(visit.realm.directory.store, kinds.clients, request.client)
        token = browser_state.form_token(visit.request, self._ids)
        body = pages.device_request(
            {"user_code": request.user_code, "form_token": token},
            action=_place(visit.realm),
            subject=person.subject,
            program=to_browser.title(client),
            code=shown(request.user_code),
            address=request.address,
            minutes=(visit.realm.now_ms() - request.asked_ms) // 60_000,
            asks=asks_of(parse(request.scope)),
        )
        return to_browser.form(body, token, "")

    async def refused(
        self, visit: Visit, continuation: Continuation, _error: str, why: str
    ) -> web.StreamResponse:
        return self._entry(visit, continuation.fields["user_code"], why)

    async def _found(
        self, realm: Realm, browser: BrowserSession, typed: str
    ) -> DeviceRequest | None:
        """The request; a wrong code is counted, and raises ``TooManyRequests`` after ten."""
        guesses, counted = realm.devices.guesses, f"device.{browser.user}"
        if await guesses.locked(counted):
            raise PermanentError(
                "TooManyRequests", "Too many wrong codes.", hint="Wait for ten minutes."
            )
        request = await realm.devices.find(typed)
        if request is None:
            await guesses.failed(counted)
        return request

    async def _decided(
        self, visit: Visit, browser: BrowserSession, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        person = await visit.realm.people.person(browser.user)
        request = await self._found(visit.realm, browser, fields.get("user_code", ""))
        if person is None or request is None:
            return self._entry(visit, "", UNKNOWN)
        allow = fields["allow"] == "yes"
        await visit.realm.devices.decide(request.user_code, person, browser, allow=allow)
        operation = "allowDevice" if allow else "refuseDevice"
        await self._steps.tell_done(visit, operation, person.subject, client=request.client)
        title, sentence = _OUTCOMES[allow]
        return to_browser.page(pages.message(title, sentence))

    async def _signed_in(self, visit: Visit) -> BrowserSession | None:
        browser = await visit.realm.browsers.find(browser_state.session(visit.request, visit.realm))
        person = await visit.realm.people.person(browser.user) if browser is not None else None
        alike = person is not None and browser is not None and person.stamp == browser.stamp
        return browser if alike else None

    def _entry(self, visit: Visit, typed: str, wrong: str = "") -> web.StreamResponse:
        token = browser_state.form_token(visit.request, self._ids)
        code = normal(typed)
        body = pages.device_code(
            {"form_token": token},
            action=_place(visit.realm),
            code=shown(code) if len(code) > 4 else code,
            wrong=wrong,
        )
        return to_browser.form(body, token, "")


_OUTCOMES = {
    True: ("The machine is signed in", "It goes on by itself. You can close this page."),
    False: ("The machine is not signed in", "Nothing was allowed. You can close this page."),
}


def _place(realm: Realm) -> str:
    return f"{PATH}/{realm.options.domain}"
