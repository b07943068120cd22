"""What a browser brings back: its cookies, and the token that its forms repeat.

Cookies are out of reach of scripts, go over TLS only, and come with links from other sites but
not with their forms.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

from aiohttp import web

from heliostat.core.ids import Ids
from heliostat.identity.realm import Realm
from heliostat.identity.steps.under_way import LASTS_S
from heliostat.identity.tokens.to_browser import BASE, FORM_COOKIE

FORM_TOKEN_BYTES = 16
_FORM_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}")
LONGEST_COOKIE = 200


def session(request: web.Request, realm: Realm) -> str:
    """The cookie of a browser in which somebody has signed in."""
    return request.cookies.get(_session_name(realm), "")[:LONGEST_COOKIE]


def remember_session(response: web.StreamResponse, realm: Realm, cookie: str) -> None:
    seconds = int(realm.options.lifetimes.browser_s)
    _set(response, _session_name(realm), cookie, seconds)
    if FORM_COOKIE not in response.cookies:  # the way on may be a page with a form
        response.del_cookie(FORM_COOKIE, path=BASE)


def forget_session(response: web.StreamResponse, realm: Realm) -> None:
    response.del_cookie(_session_name(realm), path=BASE)


def under_way(request: web.Request, realm: Realm) -> str:
    """The cookie of a sign-in that is under way."""
    return request.cookies.get(_under_way_name(realm), "")[:LONGEST_COOKIE]


def remember_under_way(response: web.StreamResponse, realm: Realm, cookie: str) -> None:
    _set(response, _under_way_name(realm), cookie, LASTS_S)


def forget_under_way(response: web.StreamResponse, realm: Realm) -> None:
    response.del_cookie(_under_way_name(realm), path=BASE)


def elsewhere(request: web.Request, realm: Realm) -> str:
    """The cookie of a browser that was sent to another provider; it may be a long one."""
    return request.cookies.get(_elsewhere_name(realm), "")[:4_096]


def remember_elsewhere(
    response: web.StreamResponse, realm: Realm, cookie: str, seconds: int
) -> None:
    _set(response, _elsewhere_name(realm), cookie, seconds)


def forget_elsewhere(response: web.StreamResponse, realm: Realm) -> None:
    response.del_cookie(_elsewhere_name(realm), path=BASE)


def form_token(request: web.Request, ids: Ids) -> str:
    """The browser's own, so that forms in two of its windows both count."""
    kept = request.cookies.get(FORM_COOKIE, "")
    return kept if _FORM_TOKEN.fullmatch(kept) else ids.secret(FORM_TOKEN_BYTES)


def form_is_ours(request: web.Request, fields: Mapping[str, str]) -> bool:
    """Whether a form repeats the browser's token: another site's page can't."""
    kept, sent = request.cookies.get(FORM_COOKIE, ""), fields.get("form_token", "")
    return bool(kept) and hmac.compare_digest(kept.encode(errors="replace"), sent.encode())


def _set(response: web.StreamResponse, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name, value, max_age=seconds, path=BASE, secure=True, httponly=True, samesite="Lax"
    )


def _session_name(realm: Realm) -> str:
    return f"oidc_session_id-{realm.options.domain}"


def _under_way_name(realm: Realm) -> str:
    return f"oidc_sign_in-{realm.options.domain}"


def _elsewhere_name(realm: Realm) -> str:
    return f"oidc_elsewhere-{realm.options.domain}"
