"""The account page on the wire: shown to whoever is signed in, changed by whoever just did.

Who has a second factor shows it here, whatever the rules say of programs.  A change needs a
sign-in of the last quarter of an hour, so that a browser left open gives nothing away.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.account import pages
from heliostat.identity.account.own import OwnAccount
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.factors.enrolment import Enrolment
from heliostat.identity.realm import Realm
from heliostat.identity.steps import browser_state
from heliostat.identity.steps.enrolling import enrolled
from heliostat.identity.steps.onward import GoElsewhere, Visit
from heliostat.identity.steps.onward_pages import OnwardPages
from heliostat.identity.steps.pages import Passkey, recovery
from heliostat.identity.steps.proofs import Assurance
from heliostat.identity.steps.records import Continuation
from heliostat.identity.steps.rules import RECENT_S
from heliostat.identity.steps.sign_in import shown_by
from heliostat.identity.tokens import to_browser
from heliostat.identity.tokens.forms import fields_of
from heliostat.identity.tokens.records import BrowserSession

PATH = f"{to_browser.BASE}/account"
TOLD = {
    "password": "changeOwnPassword",
    "add": "addSecondFactor",
    "remove": "removeSecondFactor",
    "renew": "renewRecoveryCodes",
    "end-session": "endOwnSession",
    "withdraw": "withdrawOwnConsent",
}
"""What the audit trail calls what is done here."""


class AccountPage(OnwardPages):
    """Continuations that lead back to the page, and the page."""

    kind = "account"
    path = PATH

    async def asked(self, _realm: Realm, _fields: Mapping[str, str], /) -> Continuation:
        return Continuation(kind=self.kind, program="your account")

    async def go_on(
        self, visit: Visit, _continuation: Continuation, _browser: BrowserSession, /
    ) -> web.StreamResponse:
        return to_browser.redirect(place(visit.realm))

    async def refused(
        self, _visit: Visit, _continuation: Continuation, _error: str, why: str, /
    ) -> web.StreamResponse:
        return to_browser.refused(PermanentError("AccessForbidden", why))

    async def show(self, request: web.Request) -> web.StreamResponse:
        """All of it."""
        return await self._answered(request, {})

    async def take(self, request: web.Request) -> web.StreamResponse:
        """One of its forms."""
        try:
            fields = await fields_of(request)
        except HeliostatError as error:
            return to_browser.refused(error)
        if not browser_state.form_is_ours(request, fields):
            fields = {}
        return await self._answered(request, fields)

    async def _answered(
        self, request: web.Request, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        try:
            realm = await self._realms.get(request.match_info.get("tenant", self._domain))
            visit = Visit(request, realm)
            found = await self._signed_in(visit)
            if not isinstance(found, tuple):
                return found
            browser, person = found
            if not fields:
                return await self._page(visit, browser, person)
            return await self._taken(visit, browser, person, fields)
        except GoElsewhere as elsewhere:
            return elsewhere.response
        except HeliostatError as error:
            return to_browser.refused(error)

    async def _signed_in(self, visit: Visit) -> tuple[BrowserSession, Person] | web.StreamResponse:
        """Who is at the browser, having shown all that they can; or what asks for it."""
        realm = visit.realm
        continuation = await self.asked(realm, {})
        browser = await realm.browsers.find(browser_state.session(visit.request, realm))
        person = await realm.people.person(browser.user) if browser is not None else None
        if browser is None or person is None or person.stamp != browser.stamp:
            return await self._pages.begin(visit, continuation)
        held = await realm.factors.held(person.key)
        if held.codes or held.passkeys:
            asks = Assurance.TWO.value
            continuation = msgspec.structs.replace(continuation, acr_values=asks)
        further = await self._steps.further(visit, continuation, browser)
        return (browser, person) if further is None else further

    async def _taken(
        self, visit: Visit, browser: BrowserSession, person: Person, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        if visit.realm.now_ms() > browser.signed_in_ms + RECENT_S * 1000:
            continuation = await self.asked(visit.realm, {})
            why = "Sign in again to change that."
            return await self._pages.begin(visit, continuation, wrong=why, username=person.subject)
        try:
            response = await self._changed(visit, browser, person, fields)
        except HeliostatError as error:
            await self._tell(visit, person, fields, error)
            if fields.get("act") == "add":
                offer = fields.get("offer", "")
                return await self._adding(visit, person, error.message, offer)
            return await self._page(visit, browser, person, wrong=error.message)
        await self._tell(visit, person, fields, None)
        return response

    async def _tell(
        self,
        visit: Visit,
        person: Person,
        fields: Mapping[str, str],
        error: HeliostatError | None,
    ) -> None:
        if operation := TOLD.get(fields.get("act", "")):
            entity = fields.get("id", "")
            await self._steps.tell_done(
                visit, operation, person.subject, client=self.kind, entity=entity, error=error
            )

    async def _changed(
        self, visit: Visit, browser: BrowserSession, person: Person, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        own, id_ = OwnAccount(visit.realm, person), fields.get("id", "")
        match fields.get("act"):
            case "password":
                await own.set_password(fields.get("old", ""), fields.get("new", ""))
                return await self._again(visit, browser, shown_by(browser))
            case "offer":
                return await self._adding(visit, person)
            case "add":
                shown, codes = await enrolled(visit, person, fields)
                proofs = (*shown_by(browser), *(each.value for each in shown))
                return await self._again(visit, browser, proofs, codes)
            case "remove":
                await own.remove_factor(id_)
            case "renew":
                return to_browser.page(recovery(await own.new_codes(), place(visit.realm)))
            case "end-session":
                await own.end_session(id_)
            case "withdraw":
                await own.withdraw(id_)
        return to_browser.redirect(place(visit.realm))

    async def _again(
        self,
        visit: Visit,
        browser: BrowserSession,
        proofs: tuple[str, ...],
        codes: tuple[str, ...] = (),
    ) -> web.StreamResponse:
        """The browser goes on under a new cookie, with what was just shown."""
        realm = visit.realm
        person = await realm.people.person(browser.user)
        assert person is not None
        before = browser_state.session(visit.request, realm)
        _, cookie = await realm.browsers.open(person, before, proofs, browser.signed_in_ms)
        back = place(realm)
        response: web.StreamResponse = to_browser.redirect(back)
        if codes:
            response = to_browser.page(recovery(codes, back))
        browser_state.remember_session(response, realm, cookie)
        return response

    async def _adding(
        self, visit: Visit, person: Person, wrong: str = "", offer: str = ""
    ) -> web.StreamResponse:
        realm = visit.realm
        token = browser_state.form_token(visit.request, self._ids)
        enrolment = Enrolment.of(realm.factors, person, offer)
        passkey = None
        if realm.passkeys.site:
            nonce = self._ids.secret(browser_state.FORM_TOKEN_BYTES)
            passkey = Passkey(await realm.passkeys.ask_new(person, token), nonce)
        fields = {"form_token": token, "offer": enrolment.sealed}
        body = pages.adding(fields, enrolment.offer, place(realm), wrong=wrong, passkey=passkey)
        return to_browser.form(body, token, "", passkey.nonce if passkey else "")

    async def _page(
        self, visit: Visit, browser: BrowserSession, person: Person, *, wrong: str = ""
    ) -> web.StreamResponse:
        token = browser_state.form_token(visit.request, self._ids)
        shown = await OwnAccount(visit.realm, person).shown(browser)
        body = pages.account(shown, {"form_token": token}, wrong=wrong)
        return to_browser.form(body, token, "")


def place(realm: Realm) -> str:
    """Where the page is."""
    return f"{PATH}/{realm.options.domain}"
