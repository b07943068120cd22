"""What a browser is sent: a page with a form, a way on, or a sentence; nothing of it is kept."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from heliostat.core.errors import HeliostatError
from heliostat.identity.clients.records import Client
from heliostat.identity.redirects import origin_of, with_answer
from heliostat.identity.tokens import pages
from heliostat.identity.tokens.authorization import Asked

BASE = "/openidconnect"
FORM_COOKIE = "oidc_form"
SEE_OTHER = 303


def title(client: Client) -> str:
    """What a page calls a client."""
    return client.title or client.name


def form(body: str, token: str, onward: str, nonce: str = "") -> web.Response:
    """A page with a form; its cookie repeats the form's ``token``."""
    headers = pages.headers(onward, nonce)
    response = web.Response(text=body, content_type="text/html", headers=headers)
    response.set_cookie(FORM_COOKIE, token, path=BASE, secure=True, httponly=True, samesite="Lax")
    return response


def page(body: str, onward: str = "", nonce: str = "", frames: Sequence[str] = ()) -> web.Response:
    """A page without a form that changes anything; ``frames`` are origins that it may show."""
    headers = pages.headers(onward, nonce, frames)
    return web.Response(text=body, content_type="text/html", headers=headers)


def answered(asked: Asked, answer: dict[str, str]) -> web.Response:
    """What the client is told, by way of the browser, as it asked to be."""
    if asked.fields.get("response_mode") == "form_post":
        body = pages.pass_on(title(asked.client), asked.redirect_uri, answer)
        onward = origin_of(asked.redirect_uri)
        return web.Response(text=body, content_type="text/html", headers=pages.headers(onward))
    return redirect(with_answer(asked.redirect_uri, answer))


def redirect(target: str) -> web.Response:
    """The browser's way on."""
    headers = {"Location": target, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(status=SEE_OTHER, headers=headers)


def signed_out(domain: str, ways: Sequence[tuple[str, str]] = ()) -> web.Response:
    """The end of signing out, where the browser goes nowhere.

    ``ways`` are titles of providers where somebody may still be signed in, and their ways out.
    """
    body = pages.message("You are signed out", f"Nobody is signed in to {domain}.", ways=ways)
    return web.Response(text=body, content_type="text/html", headers=pages.headers())


def refused(error: HeliostatError) -> web.Response:
    """What the person is told."""
    body = pages.message("That does not work", error.message, error.hint or "")
    return web.Response(
        text=body, content_type="text/html", status=error.status, headers=pages.headers()
    )
