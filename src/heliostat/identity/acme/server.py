"""ACME on the wire (RFC 8555, RFC 9773), for each domain below ``/acme/DOMAIN``.

Every answer has a fresh nonce; every refusal is a problem document.  A request is believed
once its nonce is spent, its address is the one it came to, and its account's key signed it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from cryptography import x509

from heliostat.core.errors import HeliostatError
from heliostat.identity.acme import messages
from heliostat.identity.acme.messages import Signed
from heliostat.identity.acme.orders import VIA, serial_of
from heliostat.identity.acme.part import Acme
from heliostat.identity.acme.problems import Problem, of_error
from heliostat.identity.acme.records import AcmeAccount, AcmeAuthorization, AcmeOrder
from heliostat.identity.authority.bodies import read_body
from heliostat.identity.authority.certificates import pem
from heliostat.identity.authority.issuing import REASONS
from heliostat.identity.authority.policy import Asker

PATH = "/acme/{domain}"
PROBLEM = "application/problem+json"
CHAIN = "application/pem-certificate-chain"
RETRY_S = 21_600
"""How often a client asks when to renew (RFC 9773, 4.3)."""
_CODES = {0: "unspecified", 1: "keyCompromise", 3: "affiliationChanged", 4: "superseded",
          5: "cessationOfOperation", 9: "privilegeWithdrawn"}  # fmt: skip

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


class Exchange:
    """One request: whose it is, and where its answers point."""

    def __init__(self, request: web.Request, acme: Acme, base: str) -> None:
        self.request = request
        self.acme = acme
        self.base = base
        self.signed: Signed | None = None
        self.account: AcmeAccount | None = None

    @property
    def id(self) -> str:
        return self.request.match_info.get("id", "")

    @property
    def by(self) -> AcmeAccount:
        if self.account is None:
            raise Problem("malformed", "This request names its account by kid.")
        return self.account

    @property
    def content(self) -> dict[str, Any]:
        return self.signed.content if self.signed is not None else {}

    def url(self, path: str) -> str:
        return f"{self.base}/acme/{self.acme.domain}/{path}"

    async def read(self) -> None:
        """Read and believe the request; raises ``Problem``.

        A stranger's nonce is spent only by what it is good for (``spend``).
        """
        if self.request.content_type != "application/jose+json":
            raise Problem("malformed", "Send application/jose+json.")
        raw = await read_body(self.request, messages.MAX_BODY_BYTES)
        if len(raw) > messages.MAX_BODY_BYTES:
            raise Problem("malformed", f"A request has at most {messages.MAX_BODY_BYTES} bytes.")
        signed = messages.read(raw)
        if signed.url != f"{self.base}{self.request.path}":
            raise Problem("unauthorized", "The request is for another address.")
        if signed.jwk is not None:
            self.acme.nonces.check(signed.nonce)
            signed.verify(signed.jwk)
        else:
            prefix = self.url("account/")
            if not signed.kid.startswith(prefix):
                raise Problem("accountDoesNotExist", "There is no such account.")
            account = await self.acme.accounts.find(signed.kid.removeprefix(prefix))
            signed.verify(account.jwk)
            await self.acme.nonces.spend(signed.nonce)
            self.account = account
        self.signed = signed

    async def spend(self) -> None:
        """Use up the nonce of a request that names its key; raises ``Problem``."""
        if self.signed is not None:
            await self.acme.nonces.spend(self.signed.nonce)


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
            "certificate/{id}": self.certificate,
            "revoke-cert": self.revoke,
        }
        gets: dict[str, Answer] = {
            "directory": self.directory,
            "new-nonce": self.nonce,
            "renewal-info/{id}": self.renewal_info,
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
        jwk, content = _jwk(exchange), exchange.content
        known = await exchange.acme.accounts.by_key(jwk)
        if known is not None:
            exchange.account = await exchange.acme.accounts.find(known.id)
            await exchange.spend()
            return _account(exchange, exchange.account, 200)
        if content.get("onlyReturnExisting"):
            raise Problem("accountDoesNotExist", "No account has this key.")
        rules = await exchange.acme.rules()
        if not rules.enabled:
            raise Problem("unauthorized", f"{exchange.acme.domain} has no ACME.")
        accounts, binding = exchange.acme.accounts, content.get("externalAccountBinding")
        await accounts.refuse_unbound(jwk, binding, exchange.url("new-account"), rules.binding)
        await exchange.spend()
        contacts, url = content.get("contact", []), exchange.url("new-account")
        exchange.account = await accounts.create(jwk, contacts, binding, url)
        return _account(exchange, exchange.account, 201)

    async def show_account(self, exchange: Exchange) -> web.Response:
        account, content = _own(exchange), exchange.content
        if content.get("status") == "deactivated":
            account = await exchange.acme.accounts.change(account, status="deactivated")
        elif "contact" in content:
            account = await exchange.acme.accounts.change(account, contacts=content["contact"])
        return _account(exchange, account, 200)

    async def orders(self, exchange: Exchange) -> web.Response:
        ids = await exchange.acme.orders.orders_of(_own(exchange))
        return web.json_response({"orders": [exchange.url(f"order/{id_}") for id_ in ids]})

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
        return _account(exchange, account, 200)

    async def new_order(self, exchange: Exchange) -> web.Response:
        made = await exchange.acme.orders.create(exchange.by, exchange.content)
        return _order(exchange, made, 201)

    async def show_order(self, exchange: Exchange) -> web.Response:
        return _order(exchange, await exchange.acme.orders.find(exchange.by, exchange.id))

    async def finalize(self, exchange: Exchange) -> web.Response:
        csr = exchange.content.get("csr")
        if not isinstance(csr, str):
            raise Problem("badCSR", "The request has no csr.")
        raw = messages.decoded(csr)
        done = await exchange.acme.orders.finalize(exchange.by, exchange.id, raw)
        return _order(exchange, done)

    async def show_authorization(self, exchange: Exchange) -> web.Response:
        orders = exchange.acme.orders
        if exchange.content.get("status") == "deactivated":
            found = await orders.deactivate(exchange.by, exchange.id)
        else:
            found = await orders.authorization(exchange.by, exchange.id)
        return web.json_response(_authorization(exchange, found))

    async def challenge(self, exchange: Exchange) -> web.Response:
        kind = exchange.request.match_info["kind"]
        orders = exchange.acme.orders
        if exchange.signed is not None and exchange.signed.is_read:
            found = await orders.authorization(exchange.by, exchange.id)
        else:
            found = await orders.answer(exchange.by, exchange.id, kind, exchange.content)
        shown = [each for each in _challenges(exchange, found) if each["type"] == kind]
        if not shown:
            raise Problem("notFound", "There is no such challenge.")
        up = f'<{exchange.url(f"authorization/{found.id}")}>;rel="up"'
        return web.json_response(shown[0], headers={"Link": up})

    async def certificate(self, exchange: Exchange) -> web.Response:
        record = (await exchange.acme.certificates.stored(exchange.id)).value
        if record.by != f"{VIA}:{exchange.by.id}":
            raise Problem("unauthorized", "The certificate is another account's.")
        issuer = await exchange.acme.certificates.issuers.find(record.issuer)
        leaf = pem(x509.load_der_x509_certificate(record.der)).decode()
        chain = issuer.chain_pem if issuer is not None else ""
        return web.Response(text=leaf + chain, content_type=CHAIN)

    async def revoke(self, exchange: Exchange) -> web.Response:
        """By the account that ordered it, or by who has its key (RFC 8555, 7.6)."""
        told, code = exchange.content.get("certificate"), exchange.content.get("reason", 0)
        if code not in _CODES or _CODES[code] not in REASONS:
            raise Problem("badRevocationReason", "There is no such reason.")
        try:
            given = x509.load_der_x509_certificate(messages.decoded(str(told)))
        except ValueError as error:
            raise Problem("malformed", "The certificate can't be read.") from error
        record = (await exchange.acme.certificates.stored(f"{given.serial_number:032x}")).value
        if record.der != messages.decoded(str(told)):
            raise Problem("malformed", "The certificate is not one of these.")
        if exchange.account is not None:
            if record.by != f"{VIA}:{exchange.account.id}":
                raise Problem("unauthorized", "The certificate is another account's.")
        elif messages.imported(_jwk(exchange)).public_key != given.public_key():
            raise Problem("unauthorized", "The request is not signed with the certificate's key.")
        else:
            await exchange.spend()
        if record.revoked_ms:
            raise Problem("alreadyRevoked", "The certificate was revoked before.")
        await exchange.acme.certificates.revoke(record.id, _CODES[code], Asker(record.by))
        return web.Response(status=200)

    async def renewal_info(self, exchange: Exchange) -> web.Response:
        """When to renew (RFC 9773): in the last third; at once what was revoked."""
        record = (await exchange.acme.certificates.stored(serial_of(exchange.id))).value
        life_ms = record.not_after_ms - record.not_before_ms
        start_ms = record.not_after_ms - life_ms // 3
        end_ms = record.not_after_ms - life_ms // 4
        if record.revoked_ms:
            start_ms, end_ms = record.not_before_ms, record.revoked_ms
        body = {"suggestedWindow": {"start": _time(start_ms), "end": _time(end_ms)}}
        return web.json_response(body, headers={"Retry-After": str(RETRY_S)})

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
                response = _refused(problem)
            except HeliostatError as error:
                response = _refused(of_error(error))
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


def _refused(problem: Problem) -> web.Response:
    headers = {"Retry-After": "60"} if problem.kind == "rateLimited" else {}
    return web.json_response(
        problem.document, status=problem.status, content_type=PROBLEM, headers=headers
    )


def _origin(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


def _jwk(exchange: Exchange) -> dict[str, Any]:
    if exchange.signed is None or exchange.signed.jwk is None:
        raise Problem("malformed", "This request names its key by jwk.")
    return exchange.signed.jwk


def _own(exchange: Exchange) -> AcmeAccount:
    if exchange.by.id != exchange.id:
        raise Problem("unauthorized", "The account is another's.")
    return exchange.by


def _account(exchange: Exchange, account: AcmeAccount, status: int) -> web.Response:
    place = exchange.url(f"account/{account.id}")
    body = {
        "status": account.status,
        "contact": list(account.contacts),
        "orders": f"{place}/orders",
    }
    return web.json_response(body, status=status, headers={"Location": place})


def _order(exchange: Exchange, order: AcmeOrder, status: int = 200) -> web.Response:
    place = exchange.url(f"order/{order.id}")
    body: dict[str, Any] = {
        "status": order.status,
        "expires": _time(order.expires_ms),
        "identifiers": [{"type": "dns", "value": name} for name in order.names],
        "authorizations": [exchange.url(f"authorization/{id_}") for id_ in order.authorizations],
        "finalize": f"{place}/finalize",
    }
    if order.certificate:
        body["certificate"] = exchange.url(f"certificate/{order.certificate}")
    headers = {"Location": place}
    if order.status == "processing":
        headers["Retry-After"] = "2"
    return web.json_response(body, status=status, headers=headers)


def _authorization(exchange: Exchange, found: AcmeAuthorization) -> dict[str, Any]:
    body: dict[str, Any] = {
        "status": found.status,
        "identifier": {"type": "dns", "value": found.name},
        "challenges": _challenges(exchange, found),
        "expires": _time(found.expires_ms),
    }
    return {**body, "wildcard": True} if found.wildcard else body


def _challenges(exchange: Exchange, found: AcmeAuthorization) -> list[dict[str, Any]]:
    shown = []
    for each in found.challenges:
        body: dict[str, Any] = {
            "type": each.type,
            "url": exchange.url(f"challenge/{found.id}/{each.type}"),
            "status": each.status,
            "token": found.token,
        }
        if each.validated_ms:
            body["validated"] = _time(each.validated_ms)
        if each.error:
            body["error"] = each.error
        if found.status in ("pending", "valid") or each.status != "pending":
            shown.append(body)
    return shown


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
