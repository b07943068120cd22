"""The first page of a sign-in: a password, a passkey, a ticket, or the way to another provider.

Nothing is kept of who only looks at it.  It is the same for everybody, whatever they have
enrolled; a name that nobody has is answered like a wrong password, after the same work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.clients.records import Grant
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.kerberos import negotiate
from heliostat.identity.kerberos.acceptor import Acceptor
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.steps import browser_state, pages
from heliostat.identity.steps.onward import Visit
from heliostat.identity.steps.proofs import Proof
from heliostat.identity.steps.records import Continuation
from heliostat.identity.steps.sign_in import SignInSteps, place
from heliostat.identity.tokens import to_browser

AUTHORIZE = "authorize"
"""The kind of continuation whose forms go to the authorization endpoint, as they always did."""
STALE = "The page was open for too long. Try again."

Fields = Mapping[str, str]


class Leaves(Protocol):
    """Whoever leads browsers to other providers."""

    async def ways(self, realm: Realm, continuation: Continuation) -> Sequence[pages.Way]:
        """Links to them."""

    async def to(self, visit: Visit, continuation: Continuation) -> web.StreamResponse:
        """Send a browser to the provider that the continuation names."""


class FirstPage:
    """Asks who it is, and takes the answer."""

    def __init__(
        self,
        realms: Realms,
        ids: Ids,
        domain: str,
        steps: SignInSteps,
        acceptor: Acceptor | None = None,
    ) -> None:
        self._acceptor = acceptor
        self._realms = realms
        self._ids = ids
        self._domain = domain
        self._steps = steps
        self.leaves: Leaves | None = None

    async def begin(
        self,
        visit: Visit,
        continuation: Continuation,
        *,
        wrong: str = "",
        username: str = "",
        changes: bool = False,
        code: bool = False,
    ) -> web.StreamResponse:
        """Ask who it is; nothing is kept.  ``changes``: and for another password.

        ``code``: and for a code, without which whoever has a second factor changes no password.

        Who is to be asked elsewhere is sent there at once; who shows a ticket is asked nothing.
        """
        if self.leaves is not None and continuation.provider and not wrong:
            return await self._left(visit, continuation)
        offers = not wrong and await self._offers_tickets(visit, continuation)
        if offers:
            shown = await self._by_ticket(visit, continuation)
            if shown is not None:
                return shown
        token = browser_state.form_token(visit.request, self._ids)
        fields = {**continuation.fields, "form_token": token}
        action = _authorize(visit.realm)
        if continuation.kind != AUTHORIZE:
            fields["continuation"] = continuation.kind
            action = place(visit.realm)
        passkey = None
        if visit.realm.passkeys.site:
            passkey = self._passkey(visit.realm.passkeys.ask_alone(token))
        body = pages.who(
            visit.realm.options.domain,
            continuation.program,
            fields,
            hint=username or continuation.hint,
            wrong=wrong,
            action=action,
            changes=changes,
            code=code,
            passkey=passkey,
            ways=await self.leaves.ways(visit.realm, continuation) if self.leaves else (),
        )
        nonce = passkey.nonce if passkey else ""
        response = to_browser.form(body, token, continuation.origin, nonce)
        if offers:  # the page is there for browsers that have no ticket, or show none here
            response.set_status(web.HTTPUnauthorized.status_code)
            response.headers.update(negotiate.offered())
        return response

    async def _offers_tickets(self, visit: Visit, continuation: Continuation) -> bool:
        """Not where somebody must type something: asked for, or for a program on this machine."""
        to_program = continuation.kind == AUTHORIZE
        unseen = to_program and not continuation.origin.startswith("https://")
        typed = {"login", "select_account"} & set(continuation.fields.get("prompt", "").split())
        if self._acceptor is None or unseen or typed or visit.request.method != "GET":
            return False
        allowed = visit.realm.options.tickets.browsers
        return allowed and await visit.realm.kerberos.find() is not None

    async def _by_ticket(
        self, visit: Visit, continuation: Continuation
    ) -> web.StreamResponse | None:
        """The way on for a browser that shows a ticket; the page for one that is not accepted."""
        try:
            token = negotiate.token_of(visit.request)
            if token is None or self._acceptor is None:
                return None
            secure = visit.request.secure
            accepted = await self._acceptor.accept(visit.realm, token, over_tls=secure)
        except HeliostatError as error:
            await self._steps.tell(visit, continuation, Grant.TICKET, "", error)
            return await self.begin(visit, continuation, wrong=error.message)
        proofs = (Proof.TICKET,)
        response = await self._steps.proven(visit, continuation, accepted.person, proofs)
        response.headers.update(negotiate.answered(accepted.answer))
        return response

    async def _left(self, visit: Visit, continuation: Continuation) -> web.StreamResponse:
        leaves = self.leaves
        assert leaves is not None
        try:
            return await leaves.to(visit, continuation)
        except HeliostatError as error:
            await self._steps.tell(visit, continuation, "provider", "", error)
            return await self.begin(visit, continuation, wrong=error.message)

    async def who(self, visit: Visit, fields: Fields) -> web.StreamResponse:
        """The first step's form; raises as ``Onward.asked``."""
        onward = self._steps.onward(fields.get("continuation", AUTHORIZE))
        continuation = await onward.asked(visit.realm, fields)
        username = fields.get("username", "")
        if not browser_state.form_is_ours(visit.request, fields):
            return await self.begin(visit, continuation, wrong=STALE)
        if fields.get("passkey"):
            return await self._passkey_alone(visit, continuation, fields)
        try:
            person, proofs = await _by_password(visit.realm, fields)
        except HeliostatError as error:
            subject = await _subject(visit.realm, username)
            await self._steps.tell(visit, continuation, "password", subject, error)
            changes = error.code == "PasswordChangeNeeded" or "new_password" in fields
            code = error.code == "SecondFactorRequired" or "code" in fields
            return await self.begin(
                visit,
                continuation,
                wrong=error.message,
                username=username,
                changes=changes,
                code=code,
            )
        return await self._steps.proven(visit, continuation, person, proofs)

    async def _passkey_alone(
        self, visit: Visit, continuation: Continuation, fields: Fields
    ) -> web.StreamResponse:
        try:
            passkeys = visit.realm.passkeys
            shown = await passkeys.show_alone(fields["passkey"], fields["form_token"])
            person = await visit.realm.people.person(shown.user)
            if person is None:
                raise PermanentError("SecondFactorWrong", "The passkey is not accepted.")
            await _refuse_outsider(visit.realm, person)
        except HeliostatError as error:
            await self._steps.tell(visit, continuation, "passkey", "", error)
            return await self.begin(visit, continuation, wrong=error.message)
        return await self._steps.proven(visit, continuation, person, shown.proofs)

    def _passkey(self, options: str) -> pages.Passkey:
        return pages.Passkey(options, self._ids.secret(browser_state.FORM_TOKEN_BYTES))


async def _by_password(realm: Realm, fields: Fields) -> tuple[Person, tuple[Proof, ...]]:
    """Whose name and password a form has; one that has to be changed is, if a new one came.

    Who has a second factor shows a code with it, which is not spent on a password that is weak.
    """
    username, password = fields.get("username", ""), fields.get("password", "")
    try:
        return await realm.people.authenticate(username, password), (Proof.PASSWORD,)
    except HeliostatError as error:
        if error.code != "PasswordChangeNeeded" or not fields.get("new_password"):
            raise
    change, new = realm.directory.change_password, fields["new_password"]
    shown: tuple[Proof, ...] = ()
    if fields.get("code"):
        user = await change(username, password, new, more_shown=True, plan=True)
        shown = (await realm.factors.show_code(user.name, fields["code"]),)
    await change(username, password, new, more_shown=bool(shown))
    return await realm.people.authenticate(username, new), (Proof.PASSWORD, *shown)


def _authorize(realm: Realm) -> str:
    """The page may be shown where a browser came back to, which takes no forms."""
    return f"{to_browser.BASE}/oidc/authorize/{realm.options.domain}"


async def _refuse_outsider(realm: Realm, person: Person) -> None:
    """A provider's people come by way of it: it may know by now that they have left."""
    if await realm.providers.is_linked(person.key):
        raise PermanentError(
            "ProviderRefused",
            "This account signs in with another provider; use the passkey after that.",
        )


async def _subject(realm: Realm, username: str) -> str:
    """Whom a failed attempt is about; empty for a name that nobody here has."""
    return await realm.people.subject(username)
