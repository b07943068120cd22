"""What programs ask on the wire beside tokens: devices, requests ahead of browsers, and what
becomes of a token.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.clients.records import Grant
from heliostat.identity.site import Identity
from heliostat.identity.tokens.asking import client_fields, form_of, realm_of, token_in
from heliostat.identity.tokens.authorization import SendBack
from heliostat.identity.tokens.described import described
from heliostat.identity.tokens.discovery import device_page
from heliostat.identity.tokens.refusals import UNKEPT, refusal, refused_bearer
from heliostat.identity.tokens.scopes import permitted
from heliostat.identity.tokens.verify import bearer_of


class ClientEndpoints:
    """``address_of`` says where a request comes from."""

    def __init__(self, identity: Identity, address_of: Callable[[web.Request], str]) -> None:
        self._identity = identity
        self._address_of = address_of

    async def device_authorization(self, request: web.Request) -> web.StreamResponse:
        """A machine without a browser begins (RFC 8628, 3.1)."""
        try:
            realm = await realm_of(self._identity, request)
            fields = await form_of(request)
            client = await realm.clients.client(client_fields(fields))
            if Grant.DEVICE not in client.grants:
                raise PermanentError("UnsupportedGrant", f"{client.name} may not use device codes.")
            scope = permitted(fields.get("scope", ""), client.scopes)
            begun = await realm.devices.begin(client, str(scope), self._address_of(request))
        except HeliostatError as error:
            return refusal(error, request)
        page = device_page(realm.options)
        told = {
            "device_code": begun.device_code,
            "user_code": begun.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={begun.user_code}",
            "expires_in": begun.expires_in,
            "interval": begun.interval,
        }
        return web.json_response(told, headers=UNKEPT)

    async def push(self, request: web.Request) -> web.StreamResponse:
        """A client's request ahead of the browser (RFC 9126)."""
        try:
            realm = await realm_of(self._identity, request)
            fields = await form_of(request)
            client = await realm.clients.client(client_fields(fields))
            pushed = await realm.pushed.push(client, fields)
        except SendBack as refused:
            told = {"error": refused.error, "error_description": described(refused.description)}
            return web.json_response(told, status=400, headers=UNKEPT)
        except HeliostatError as error:
            return refusal(error, request)
        answer = {"request_uri": pushed.request_uri, "expires_in": pushed.expires_in}
        return web.json_response(answer, status=201, headers=UNKEPT)

    async def introspect(self, request: web.Request) -> web.StreamResponse:
        """Whether a token counts (RFC 7662); only who proves itself may ask."""
        try:
            realm = await realm_of(self._identity, request)
            fields = await form_of(request)
            await realm.clients.proven(client_fields(fields))
            answer = await realm.standing.introspect(token_in(fields))
        except HeliostatError as error:
            return refusal(error, request)
        return web.json_response(answer, headers=UNKEPT)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """End a token's session (RFC 7009); 200 for tokens that mean nothing, too."""
        try:
            realm = await realm_of(self._identity, request)
            fields = await form_of(request)
            client = await realm.clients.client(client_fields(fields))
            await realm.standing.revoke(token_in(fields), client)
        except HeliostatError as error:
            return refusal(error, request)
        return web.Response(headers=UNKEPT)

    async def userinfo(self, request: web.Request) -> web.StreamResponse:
        """Claims about the bearer of an access token."""
        try:
            realm = await realm_of(self._identity, request)
            bearer = bearer_of(request.headers.get("Authorization"))
            answer = await realm.standing.userinfo(bearer)
        except HeliostatError as error:
            return refused_bearer(error)
        return web.json_response(answer, headers=UNKEPT)
