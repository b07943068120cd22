"""The steps of a sign-in on the wire: each is shown by GET and taken by POST.

Every form repeats the browser's token; one that belongs to another step than the next changes
nothing and leads back to where the sign-in is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.factors.enrolment import Enrolment
from heliostat.identity.steps import browser_state, pages
from heliostat.identity.steps.enrolling import enrolled
from heliostat.identity.steps.first_page import Fields, FirstPage
from heliostat.identity.steps.next_step import Step
from heliostat.identity.steps.onward import GoElsewhere, Visit
from heliostat.identity.steps.passkey_script import passkey_script
from heliostat.identity.steps.proofs import Proof
from heliostat.identity.steps.records import UnderWay
from heliostat.identity.steps.rules import RECENT_S
from heliostat.identity.steps.sign_in import PATH, place
from heliostat.identity.tokens import to_browser
from heliostat.identity.tokens.forms import fields_of


class StepPages(FirstPage):
    """Shows and takes the steps."""

    def routes(self) -> list[web.RouteDef]:
        """The routes to add; the tenant comes last and may be left out."""
        return [
            method(f"{PATH}{tenant}", answer)
            for tenant in ("", "/{tenant}")
            for method, answer in ((web.get, self.show), (web.post, self.take))
        ] + [web.get(pages.SCRIPT, passkey_script)]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The step that is next."""

        async def answer(visit: Visit) -> web.StreamResponse:
            now, person = await self._steps.found(visit)
            return await self._step(visit, now, person)

        return await self._answered(request, answer)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """A step's form."""

        async def answer(visit: Visit) -> web.StreamResponse:
            fields = await fields_of(visit.request)
            if fields.get("step", Step.WHO) == Step.WHO:
                return await self.who(visit, fields)
            if not browser_state.form_is_ours(visit.request, fields):
                return to_browser.redirect(place(visit.realm))
            now, person = await self._steps.found(visit)
            decision = await self._steps.decided(visit, now, person)
            if decision.step != fields["step"] or _is_too_old(visit, now, decision.step):
                return to_browser.redirect(place(visit.realm))
            return await self._taken(visit, now, person, decision.step, fields)

        return await self._answered(request, answer)

    async def _step(
        self,
        visit: Visit,
        now: UnderWay,
        person: Person,
        wrong: str = "",
        offer: str = "",
    ) -> web.StreamResponse:
        """The page of the next step; or the end, if nothing is left to ask."""
        decision = await self._steps.decided(visit, now, person)
        if _is_too_old(visit, now, decision.step):
            why = "Sign in again to add a second factor."
            return await self.begin(visit, now.continuation, wrong=why, username=person.subject)
        token = browser_state.form_token(visit.request, self._ids)
        fields = {"step": decision.step.value, "form_token": token}
        passkey = await self._asked_here(visit, person, decision.step, token)
        match decision.step:
            case Step.SECOND:
                held = await visit.realm.factors.held(now.user)
                subject = person.subject
                body = pages.second(
                    fields, subject=subject, codes=held.codes, wrong=wrong, passkey=passkey
                )
            case Step.ENROL:
                enrolment = Enrolment.of(visit.realm.factors, person, offer)
                may_wait = visit.realm.now_ms() < visit.realm.sign_in_rules.grace_ends_ms
                sealed = {**fields, "offer": enrolment.sealed}
                body = pages.enrol(
                    sealed, enrolment.offer, may_wait=may_wait, wrong=wrong, passkey=passkey
                )
            case Step.BANNER:
                rules = visit.realm.sign_in_rules
                body = pages.banner(fields, rules.banner_title, rules.banner_text, wrong)
            case Step.CONSENT:
                onward = self._steps.onward(now.continuation.kind)
                asks = await onward.consent(visit, now.continuation, person)
                body = pages.consent(fields, now.continuation.program, asks)
            case _:
                return await self._steps.go_on(visit, now, person)
        nonce = passkey.nonce if passkey else ""
        return to_browser.form(body, token, now.continuation.origin, nonce)

    async def _asked_here(
        self, visit: Visit, person: Person, step: Step, token: str
    ) -> pages.Passkey | None:
        """The question for a passkey that a step's page asks beside its own, if any."""
        passkeys, held = visit.realm.passkeys, await visit.realm.factors.held(person.key)
        if not passkeys.site:
            return None
        if step is Step.SECOND and held.passkeys:
            verified = visit.realm.sign_in_rules.verified_passkeys
            return self._passkey(await passkeys.ask_second(person.key, token, verified=verified))
        if step is Step.ENROL:
            return self._passkey(await passkeys.ask_new(person, token))
        return None

    async def _taken(
        self,
        visit: Visit,
        now: UnderWay,
        person: Person,
        step: Step,
        fields: Fields,
    ) -> web.StreamResponse:
        try:
            match step:
                case Step.SECOND:
                    return await self._second(visit, now, person, fields)
                case Step.ENROL:
                    return await self._enrol(visit, now, person, fields)
                case Step.BANNER:
                    if fields.get("agree") != "yes":
                        raise PermanentError("InvalidEntity", "Nobody goes on without agreeing.")
                    return await self._steps.answered(visit, now, person, agreed=True)
                case _:
                    return await self._consent(visit, now, person, fields)
        except HeliostatError as error:
            if error.code == "SignInOver":
                raise
            if step is Step.SECOND:
                await self._steps.tell(
                    visit, now.continuation, "second factor", person.subject, error
                )
            offer = fields.get("offer", "")
            return await self._step(visit, now, person, error.message, offer)

    async def _second(
        self, visit: Visit, now: UnderWay, person: Person, fields: Fields
    ) -> web.StreamResponse:
        realm = visit.realm
        shown: tuple[Proof, ...]
        if fields.get("passkey"):
            verified = realm.sign_in_rules.verified_passkeys
            shown = await realm.passkeys.show_second(
                now.user, fields["passkey"], fields["form_token"], verified=verified
            )
        else:
            shown = (await realm.factors.show_code(now.user, fields.get("code", "")),)
            if Proof.RECOVERY in shown:
                client = now.continuation.client
                await self._steps.tell_done(visit, "useRecoveryCode", person.subject, client=client)
        proofs = (*now.proofs, *(each.value for each in shown))
        return await self._steps.answered(visit, now, person, proofs=proofs)

    async def _enrol(
        self, visit: Visit, now: UnderWay, person: Person, fields: Fields
    ) -> web.StreamResponse:
        if fields.get("later") == "yes":
            return await self._steps.answered(visit, now, person, put_off=True)
        shown, codes = await enrolled(visit, person, fields)
        await self._steps.tell_done(visit, "addSecondFactor", person.subject)
        proofs = (*now.proofs, *(each.value for each in shown))
        if not codes:
            return await self._steps.answered(visit, now, person, proofs=proofs)
        body = pages.recovery(codes, place(visit.realm))
        return await self._steps.kept(visit, now, to_browser.page(body), proofs=proofs)

    async def _consent(
        self, visit: Visit, now: UnderWay, person: Person, fields: Fields
    ) -> web.StreamResponse:
        if fields.get("allow") != "yes":
            why = "The person does not let the program in."
            return await self._steps.given_up(visit, now, "access_denied", why)
        await self._steps.onward(now.continuation.kind).consented(visit, now.continuation, person)
        client = now.continuation.client
        await self._steps.tell_done(visit, "giveConsent", person.subject, client=client)
        return await self._steps.answered(visit, now, person, consented=True)

    async def _answered(
        self, request: web.Request, answer: Callable[[Visit], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            realm = await self._realms.get(request.match_info.get("tenant", self._domain))
            return await answer(Visit(request, realm))
        except GoElsewhere as elsewhere:
            return elsewhere.response
        except HeliostatError as error:
            return to_browser.refused(error)


def _is_too_old(visit: Visit, now: UnderWay, step: Step) -> bool:
    """Whether a browser was left open too long ago for whoever sits there to add a factor."""
    left_open = visit.realm.now_ms() > now.signed_in_ms + RECENT_S * 1000
    return step is Step.ENROL and bool(now.browser) and left_open
