"""ACME's answers about certificates: handed over, revoked, and when to renew them."""

from __future__ import annotations

from aiohttp import web
from cryptography import x509

from heliostat.identity.acme import messages
from heliostat.identity.acme.answers import time_of
from heliostat.identity.acme.exchange import Exchange, jwk_of
from heliostat.identity.acme.orders import VIA, serial_of
from heliostat.identity.acme.problems import Problem
from heliostat.identity.authority.certificates import pem
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.register import REASONS

CHAIN = "application/pem-certificate-chain"
RETRY_S = 21_600
"""How often a client asks when to renew (RFC 9773, 4.3)."""
_CODES = {0: "unspecified", 1: "keyCompromise", 3: "affiliationChanged", 4: "superseded",
          5: "cessationOfOperation", 9: "privilegeWithdrawn"}  # fmt: skip


async def certificate(exchange: Exchange) -> web.Response:
    record = (await exchange.acme.certificates.stored(exchange.id)).value
    if record.by != f"{VIA}:{exchange.by.id}":
        raise Problem("unauthorized", "The certificate is another account's.")
    issuer = await exchange.acme.certificates.issuers.find(record.issuer)
    leaf = pem(x509.load_der_x509_certificate(record.der)).decode()
    chain = issuer.chain_pem if issuer is not None else ""
    return web.Response(text=leaf + chain, content_type=CHAIN)


async def revoke(exchange: Exchange) -> web.Response:
    """By the account that ordered it, or by who has its key (RFC 8555, 7.6)."""
    told, code = exchange.content.get("certificate"), exchange.content.get("reason", 0)
    if not isinstance(code, int) or _CODES.get(code) not in REASONS:
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
    elif messages.imported(jwk_of(exchange)).public_key != given.public_key():
        raise Problem("unauthorized", "The request is not signed with the certificate's key.")
    else:
        await exchange.spend()
    if record.is_over:
        raise Problem("alreadyRevoked", "The certificate was revoked before.")
    await exchange.acme.certificates.revoke(record.id, _CODES[code], Asker(record.by))
    return web.Response(status=200)


async def renewal_info(exchange: Exchange) -> web.Response:
    """When to renew (RFC 9773): in the last third; at once what was revoked."""
    record = (await exchange.acme.certificates.stored(serial_of(exchange.id))).value
    life_ms = record.not_after_ms - record.not_before_ms
    start_ms = record.not_after_ms - life_ms // 3
    end_ms = record.not_after_ms - life_ms // 4
    if record.revoked_ms:
        start_ms, end_ms = record.not_before_ms, record.revoked_ms
    body = {"suggestedWindow": {"start": time_of(start_ms), "end": time_of(end_ms)}}
    return web.json_response(body, headers={"Retry-After": str(RETRY_S)})
