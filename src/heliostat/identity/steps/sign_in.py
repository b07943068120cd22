"""Signing in with a browser, step by step, for whatever asks for it.

::

    who ─▶ proven ─▶ next_step ─┬▶ second factor │ enrolment │ banner │ consent ─▶ (again)
     ▲                          └▶ a session for the browser ─▶ Onward.go_on
     └ begin (a continuation)

Nothing is kept until somebody has shown something.  Then a cookie, new with every step, finds
what is under way; every step is decided anew from what is stored, so forms can skip none.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.realm import Realm
from heliostat.identity.steps import browser_state
from heliostat.identity.steps.next_step import Decision, Situation, Step, next_step
from heliostat.identity.steps.onward import Onward, Visit
from heliostat.identity.steps.proofs import Proof, wanted
from heliostat.identity.steps.records import Continuation, UnderWay
from heliostat.identity.steps.under_way import over
from heliostat.identity.tokens import to_browser
from heliostat.identity.tokens.records import BrowserSession
from heliostat.identity.tokens.sign_in_attempt import BROWSER, SignIn, Tell

PATH = f"{to_browser.BASE}/sign-in"
UNMET = "unmet_authentication_requirements"
_PASSWORD_ALONE = (Proof.PASSWORD.value,)


class SignInSteps:
    """Decides which step comes next, and ends a sign-in.  ``StepPages`` shows the steps."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._onward: dict[str, Onward] = {}

    def add(self, onward: Onward) -> None:
        """Let continuations of ``onward.kind`` be begun."""
        self._onward[onward.kind] = onward

    def onward(self, kind: str) -> Onward:
        """Raises ``InvalidEntity`` for a kind that nobody understands."""
        found = self._onward.get(kind)
        if found is None:
            raise PermanentError("InvalidEntity", "Nothing here goes on after that sign-in.")
        return found

    async def is_enough(
        self, visit: Visit, continuation: Continuation, browser: BrowserSession
    ) -> bool:
        """Whether a browser that is signed in may go on as it is."""
        person = await visit.realm.people.person(browser.user)
        rising = visit.realm.under_way.rising(continuation, browser, shown_by(browser))
        return person is not None and ((await self.decided(visit, rising, person)).step is Step.ON)

    async def further(
        self,
        visit: Visit,
        continuation: Continuation,
        browser: BrowserSession,
    ) -> web.StreamResponse | None:
        """What a browser that is signed in has to show besides; ``None``: it may go on."""
        person = await visit.realm.people.person(browser.user)
        if person is None:
            raise over()
        rising = visit.realm.under_way.rising(continuation, browser, shown_by(browser))
        decision = await self.decided(visit, rising, person)
        if decision.step is Step.ON:
            return None
        if decision.step is Step.UNMET:
            return await self.given_up(visit, rising, UNMET, _sentence(decision))
        return await self.kept(visit, rising, to_browser.redirect(place(visit.realm)))

    async def proven(
        self,
        visit: Visit,
        continuation: Continuation,
        person: Person,
        proofs: tuple[Proof, ...],
    ) -> web.StreamResponse:
        """Somebody has just shown who it is: the next step, or the way on."""
        begun = visit.realm.under_way.begun(
            continuation, person, tuple(each.value for each in proofs)
        )
        return await self.go_on(visit, begun, person)

    async def go_on(self, visit: Visit, now: UnderWay, person: Person) -> web.StreamResponse:
        """The next step of ``now``, or its end."""
        decision = await self.decided(visit, now, person)
        if decision.step is Step.ON:
            return await self._ended(visit, now, person)
        if decision.step is Step.UNMET:
            return await self.given_up(visit, now, UNMET, _sentence(decision))
        return await self.kept(visit, now, to_browser.redirect(place(visit.realm)))

    async def decided(self, visit: Visit, now: UnderWay, person: Person) -> Decision:
        """Which step ``now`` is at."""
        rules = visit.realm.sign_in_rules
        held = await visit.realm.factors.held(person.key)
        onward = self.onward(now.continuation.kind)
        asks = () if now.consented else await onward.consent(visit, now.continuation, person)
        return next_step(
            Situation(
                proofs=now.proofs,
                has_code=held.codes,
                has_passkey=held.passkeys,
                requirement=rules.requirement_for(person.groups),
                may_wait=visit.realm.now_ms() < rules.grace_ends_ms,
                put_off=now.put_off,
                wanted=wanted(now.continuation.acr_values),
                banner=bool(rules.banner_text) and not now.agreed,
                consent=bool(asks),
            )
        )

    async def found(
        self,
        visit: Visit,
    ) -> tuple[UnderWay, Person]:
        """What is under way in the browser, and whose; raises ``SignInOver``."""
        now = await visit.realm.under_way.find(browser_state.under_way(visit.request, visit.realm))
        person = await visit.realm.people.person(now.user) if now is not None else None
        if now is None or person is None or person.stamp != now.stamp:
            raise over()
        if now.browser:
            cookie = browser_state.session(visit.request, visit.realm)
            browser = await visit.realm.browsers.find(cookie)
            if browser is None or browser.id != now.browser:
                raise over()  # signed out since, and perhaps somebody else has signed in
        return now, person

    async def answered(
        self, visit: Visit, now: UnderWay, person: Person, **changes: object
    ) -> web.StreamResponse:
        """Go on with a step that was taken: ``changes`` are what it has shown or agreed to."""
        return await self.go_on(visit, msgspec.structs.replace(now, **changes), person)

    async def given_up(
        self, visit: Visit, now: UnderWay, error: str, why: str
    ) -> web.StreamResponse:
        """End what is under way without signing anybody in."""
        await visit.realm.under_way.end(now)
        onward = self.onward(now.continuation.kind)
        response = await onward.refused(visit, now.continuation, error, why)
        browser_state.forget_under_way(response, visit.realm)
        return response

    async def tell(
        self,
        visit: Visit,
        now: Continuation,
        how: str,
        subject: str,
        error: HeliostatError | None,
    ) -> None:
        """An attempt, for whoever keeps a record."""
        await self._tell(visit.request, SignIn(how, subject, now.client or now.kind, error))

    async def tell_done(
        self,
        visit: Visit,
        operation: str,
        subject: str,
        *,
        client: str = "",
        entity: str = "",
        error: HeliostatError | None = None,
    ) -> None:
        """What somebody who is signed in has done, or was refused, for the same record."""
        attempt = SignIn(BROWSER, subject, client, error, operation, entity)
        await self._tell(visit.request, attempt)

    async def kept(
        self, visit: Visit, now: UnderWay, response: web.StreamResponse, **changes: object
    ) -> web.StreamResponse:
        """Keep ``changes`` and answer ``response``, from which the browser comes back."""
        new = msgspec.structs.replace(now, **changes)
        _, cookie = await visit.realm.under_way.keep(new)
        browser_state.remember_under_way(response, visit.realm, cookie)
        return response

    async def _ended(self, visit: Visit, now: UnderWay, person: Person) -> web.StreamResponse:
        await visit.realm.under_way.end(now)
        onward = self.onward(now.continuation.kind)
        before = browser_state.session(visit.request, visit.realm)
        browser = await visit.realm.browsers.find(before)
        cookie = ""
        if browser is None or browser.id != now.browser or browser.proofs != now.proofs:
            browser, cookie = await visit.realm.browsers.open(
                person, before, now.proofs, now.signed_in_ms
            )
            how = how_of(now.proofs)
            await self.tell(visit, now.continuation, how, person.subject, None)
        response = await onward.go_on(visit, now.continuation, browser)
        if cookie:
            browser_state.remember_session(response, visit.realm, cookie)
        if now.id:
            browser_state.forget_under_way(response, visit.realm)
        return response


def place(realm: Realm) -> str:
    """Where a browser is shown the step that is next."""
    return f"{PATH}/{realm.options.domain}"


def shown_by(browser: BrowserSession) -> tuple[str, ...]:
    """The proofs of a browser's session; before there were any, it was a password."""
    return browser.proofs or _PASSWORD_ALONE


def _sentence(decision: Decision) -> str:
    return decision.reason[:1].upper() + decision.reason[1:] + "."


def how_of(proofs: tuple[str, ...]) -> str:
    """The word for the first proof, as records have it: password, passkey, provider, ticket."""
    words = {
        Proof.PASSWORD: "password",
        Proof.TICKET: "ticket",
        Proof.ELSEWHERE: "provider",
        Proof.ELSEWHERE_TWICE: "provider",
    }
    return next((words[Proof(each)] for each in proofs if each in words), "passkey")
