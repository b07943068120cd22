"""The security token service on the wire (WS-Trust 1.3, SOAP 1.1).

Whatever is wrong is answered with a SOAP fault and status 500, as SOAP has it.
"""

from __future__ import annotations

from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.tokens.forms import body_of
from heliostat.identity.tokens.sign_in_attempt import SignIn, Tell

PATH = "/sts/STSService"
LONGEST = 256 * 1024
TYPES = ("text/xml", "application/xml")


class TrustEndpoints:
    """Issue and Validate."""

    def __init__(self, realms: Realms, domain: str, tell: Tell) -> None:
        self._realms = realms
        self._domain = domain
        self._tell = tell

    def routes(self) -> list[web.RouteDef]:
        """The routes to add; the tenant comes last and may be left out."""
        return [web.post(f"{PATH}{tenant}", self.answer) for tenant in ("", "/{tenant}")]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The answer to an envelope, or a fault."""
        from heliostat.identity.saml.trust_messages import fault

        try:
            realm = await self._realms.get(request.match_info.get("tenant", self._domain))
            realm.saml.trust.check_open()
            if request.content_type not in TYPES:
                raise PermanentError("InvalidEntity", "Send text/xml: SOAP 1.1.")
            body = await self._answer(request, realm, await body_of(request, LONGEST))
        except HeliostatError as error:
            return _xml(fault(error), 500)
        return _xml(body, 200)

    async def _answer(self, request: web.Request, realm: Realm, data: bytes) -> bytes:
        from heliostat.identity.saml.trust_messages import Verb, trust_request

        asked = trust_request(data, realm.now_ms())
        trust = realm.saml.trust
        if asked.verb is Verb.VALIDATE:
            return await trust.validate(asked)
        provider = await trust.provider_of(asked)
        try:
            person = await self._person(realm, asked.username, asked.password)
            answer = await trust.issue(asked, provider, person)
        except HeliostatError as error:
            subject = await _known(realm, asked.username)
            await self._tell(request, SignIn("password", subject, provider.name, error))
            raise
        await self._tell(request, SignIn("password", person.subject, provider.name, None))
        return answer

    async def _person(self, realm: Realm, username: str, password: str) -> Person:
        """Whose password that is; raises as ``People.authenticate``, ``SecondFactorRequired``."""
        person = await realm.people.authenticate(username, password)
        await realm.refuse_alone(person)
        return person


async def _known(realm: Realm, username: str) -> str:
    """Whom a failed attempt is about; empty for a name that nobody here has."""
    return await realm.people.subject(username)


def _xml(body: bytes, status: int) -> web.Response:
    return web.Response(
        body=b"<?xml version='1.0' encoding='UTF-8'?>\n" + body,
        status=status,
        content_type="text/xml",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )
