"""What ACME answers: accounts, orders and what has to be proved, as RFC 8555 (7.1) spells them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from heliostat.identity.acme.exchange import Exchange
from heliostat.identity.acme.problems import Problem
from heliostat.identity.acme.records import AcmeAccount, AcmeAuthorization, AcmeOrder

PROBLEM = "application/problem+json"


def refused_answer(problem: Problem) -> web.Response:
    headers = {"Retry-After": str(problem.retry_s)} if problem.kind == "rateLimited" else {}
    return web.json_response(
        problem.document, status=problem.status, content_type=PROBLEM, headers=headers
    )


def account_answer(exchange: Exchange, account: AcmeAccount, status: int) -> web.Response:
    place = exchange.url(f"account/{account.id}")
    body = {
        "status": account.status,
        "contact": list(account.contacts),
        "orders": f"{place}/orders",
    }
    return web.json_response(body, status=status, headers={"Location": place})


def orders_answer(exchange: Exchange, ids: Sequence[str], after: str) -> web.Response:
    """A page of an account's orders; ``after`` is where the next begins (RFC 8555, 7.1.2.1)."""
    answer = web.json_response({"orders": [exchange.url(f"order/{id_}") for id_ in ids]})
    if after:
        place = exchange.url(f"account/{exchange.id}/orders?cursor={after}")
        answer.headers.add("Link", f'<{place}>;rel="next"')
    return answer


def order_answer(exchange: Exchange, order: AcmeOrder, status: int = 200) -> web.Response:
    place = exchange.url(f"order/{order.id}")
    body: dict[str, Any] = {
        "status": order.status,
        "expires": time_of(order.expires_ms),
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


def authorization_body(exchange: Exchange, found: AcmeAuthorization) -> dict[str, Any]:
    body: dict[str, Any] = {
        "status": found.status,
        "identifier": {"type": "dns", "value": found.name},
        "challenges": challenge_bodies(exchange, found),
        "expires": time_of(found.expires_ms),
    }
    return {**body, "wildcard": True} if found.wildcard else body


def challenge_bodies(exchange: Exchange, found: AcmeAuthorization) -> list[dict[str, Any]]:
    shown = []
    for each in found.challenges:
        body: dict[str, Any] = {
            "type": each.type,
            "url": exchange.url(f"challenge/{found.id}/{each.type}"),
            "status": each.status,
            "token": found.token,
        }
        if each.validated_ms:
            body["validated"] = time_of(each.validated_ms)
        if each.error:
            body["error"] = each.error
        if found.status in ("pending", "valid") or each.status != "pending":
            shown.append(body)
    return shown


def time_of(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
