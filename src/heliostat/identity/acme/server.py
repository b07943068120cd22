"""ACME on the wire (RFC 8555, RFC 9773), for each domain below ``/acme/DOMAIN``.

Every answer has a fresh nonce; every refusal is a problem document.  A request is believed
once its nonce is spent, its address is the one it came to, and its account's key signed it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from heliostat.core.errors import HeliostatError
from heliostat.identity.acme import certificates, messages
from heliostat.identity.acme.answers import (
    account_answer,
    authorization_body,
    challenge_bodies,
    order_answer,
    orders_answer,
    refused_answer,
)
from heliostat.identity.acme.exchange import Exchange, account_of, jwk_of
from heliostat.identity.acme.orders import VIA
from heliostat.identity.acme.part import Acme
from heliostat.identity.acme.problems import Problem, of_error

PATH = "/acme/{domain}"
FindAcme = Callable[[str], Awaitable[Acme]]
"""The part of a domain; raises ``TenantNotFound``."""
Answer = Callable[["Exchange"], Awaitable[web.Response]]
Tell = Callable[[web.Request, str, str, int], Awaitable[None]]
"""Hears what was done, or refused: the operation, by whom, and the answer's status."""
_TOLD = {
    "new-account": "acmeNewAccount",
    "account": "acmeChangeAccount",
    "key-change": "acmeChangeKey",
    "finalize": "acmeIssueCertificate",
    "revoke-cert": "acmeRevokeCertificate",
}
"""What is told, by the last part of its path or what stands before an id."""


async def _tell_nobody(_request: web.Request, _what: str, _by: str, _status: int) -> None:
    """For those who keep no record."""


class Server:
    """The endpoints."""

    def __init__(self, find: FindAcme, tell: Tell = _tell_nobody) -> None:
        self._find = find
        self._tell = tell

    def routes(self) -> list[web.RouteDef]:
        posts: dict[str, Answer] = {
            "new-account": self.new_account,
            "account/{id}": self.show_account,
            "account/{id}/orders": self.orders,
            "key-change": self.change_key,
            "new-order": self.new_order,
            "order/{id}": self.show_order,
            "order/{id}/finalize": self.finalize,
            "authorization/{id}": self.show_authorization,
            "challenge/{id}/{kind}": self.challenge,
            "certificate/{id}": certificates.certificate,
            "revoke-cert": certificates.revoke,
        }
        gets: dict[str, Answer] = {
            "directory": self.directory,
            "new-nonce": self.nonce,
            "renewal-info/{id}": certificates.renewal_info,
        }
        return [
            *(web.post(f"{PATH}/{path}", self._told(each, True)) for path, each in posts.items()),
            *(web.get(f"{PATH}/{path}", self._told(each, False)) for path, each in gets.items()),
        ]

    async def directory(self, exchange: Exchange) -> web.Response:
        rules = await exchange.acme.rules()
        return web.json_response(
            {
                "newNonce": exchange.url("new-nonce"),
                "newAccount": exchange.url("new-account"),
                "newOrder": exchange.url("new-order"),
                "revokeCert": exchange.url("revoke-cert"),
                "keyChange": exchange.url("key-change"),
                "renewalInfo": exchange.url("renewal-info"),
                "meta": {"externalAccountRequired": rules.binding},
            }
        )

    async def nonce(self, exchange: Exchange) -> web.Response:
        status = 200 if exchange.request.method == "HEAD" else 204
        return web.Response(status=status, headers={"Cache-Control": "no-store"})

    async def new_account(self, exchange: Exchange) -> web.Response:
        jwk, content = jwk_of(exchange), exchange.content
        known = await exchange.acme.accounts.by_key(jwk)
        if known is not None:
            exchange.account = await exchange.acme.accounts.find(known.id)
            await exchange.spend()
            return account_answer(exchange, exchange.account, 200)
        if content.get("onlyReturnExisting"):
            raise Problem("accountDoesNotExist", "No account has this key.")
        rules = await exchange.acme.rules()
        if not rules.enabled:
            raise Problem("unauthorized", f"{exchange.acme.domain} has no ACME.")
        accounts, binding = exchange.acme.accounts, content.get("externalAccountBinding")
        await accounts.refuse_unbound(jwk, binding, exchange.url("new-account"), rules.binding)
        await exchange.spend()
        await exchange.acme.bounds.refuse_account()
        contacts, url = content.get("contact", []), exchange.url("new-account")
        exchange.account = await accounts.create(jwk, contacts, binding, url)
        return account_answer(exchange, exchange.account, 201)

    async def show_account(self, exchange: Exchange) -> web.Response:
        account, content = account_of(exchange), exchange.content
        if content.get("status") == "deactivated":
            account = await exchange.acme.accounts.change(account, status="deactivated")
        elif "contact" in content:
            account = await exchange.acme.accounts.change(account, contacts=content["contact"])
        return account_answer(exchange, account, 200)

    async def orders(self, exchange: Exchange) -> web.Response:
        cursor = exchange.request.query.get("cursor", "")
        ids, after = await exchange.acme.orders.page(account_of(exchange), cursor)
        return orders_answer(exchange, ids, after)

    async def change_key(self, exchange: Exchange) -> web.Response:
        """RFC 8555, 7.3.5: the new key signs within what the old one signs."""
        account = exchange.by
        inner = messages.signed_of(exchange.content, inner=True)
        if inner.jwk is None or inner.url != exchange.url("key-change"):
            raise Problem("malformed", "The inner request names the new key and this address.")
        inner.verify(inner.jwk)
        told = inner.content
        if told.get("account") != exchange.url(f"account/{account.id}"):
            raise Problem("malformed", "The inner request is for another account.")
        if messages.public_jwk(told.get("oldKey")) != account.jwk:
            raise Problem("malformed", "The inner request names another old key.")
        account = await exchange.acme.accounts.change(account, jwk=inner.jwk)
        return account_answer(exchange, account, 200)

    async def new_order(self, exchange: Exchange) -> web.Response:
        made = await exchange.acme.orders.create(exchange.by, exchange.content)
        return order_answer(exchange, made, 201)

    async def show_order(self, exchange: Exchange) -> web.Response:
        return order_answer(exchange, await exchange.acme.orders.find(exchange.by, exchange.id))

    async def finalize(self, exchange: Exchange) -> web.Response:
        csr = exchange.content.get("csr")
        if not isinstance(csr, str):
            raise Problem("badCSR", "The request has no csr.")
        raw = messages.decoded(csr)
        done = await exchange.acme.orders.finalize(exchange.by, exchange.id, raw)
        return order_answer(exchange, done)

    async def show_authorization(self, exchange: Exchange) -> web.Response:
        authorizations = exchange.acme.authorizations
        if exchange.content.get("status") == "deactivated":
            found = await authorizations.deactivate(exchange.by, exchange.id)
        else:
            found = await authorizations.find(exchange.by, exchange.id)
        return web.json_response(authorization_body(exchange, found))

    async def challenge(self, exchange: Exchange) -> web.Response:
        kind = exchange.request.match_info["kind"]
        authorizations = exchange.acme.authorizations
        if exchange.signed is not None and exchange.signed.is_read:
            found = await authorizations.find(exchange.by, exchange.id)
        else:
            found = await authorizations.answer(exchange.by, exchange.id, kind, exchange.content)
        shown = [each for each in challenge_bodies(exchange, found) if each["type"] == kind]
        if not shown:
            raise Problem("notFound", "There is no such challenge.")
        up = f'<{exchange.url(f"authorization/{found.id}")}>;rel="up"'
        return web.json_response(shown[0], headers={"Link": up})

    def _told(
        self, answer: Answer, signed: bool
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def told(request: web.Request) -> web.StreamResponse:
            exchange: Exchange | None = None
            try:
                acme = await self._find(request.match_info["domain"])
                exchange = Exchange(request, acme, acme.base_of(_origin(request)))
                if signed:
                    await exchange.read()
                response = await answer(exchange)
            except Problem as problem:
                response = refused_answer(problem)
            except HeliostatError as error:
                response = refused_answer(of_error(error))
            if signed:
                await self._record(request, exchange, response.status)
            if exchange is not None:
                response.headers["Replay-Nonce"] = exchange.acme.nonces.new()
                response.headers.add("Link", f'<{exchange.url("directory")}>;rel="index"')
            return response

        return told

    async def _record(self, request: web.Request, exchange: Exchange | None, status: int) -> None:
        """Tell of what changes something; reading is not told of."""
        parts = request.path.split("/")
        what = _TOLD.get(parts[-1]) or (_TOLD.get(parts[-2]) if len(parts) == 5 else None)
        signed = exchange.signed if exchange is not None else None
        if what is None or (signed is not None and signed.is_read):
            return
        account = exchange.account if exchange is not None else None
        domain = request.match_info["domain"][:253]
        by = f"{VIA}:{account.id}@{domain}" if account is not None else ""
        await self._tell(request, what, by, status)


def _origin(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"
