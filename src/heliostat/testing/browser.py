"""A person's browser for tests: keeps cookies, reads pages, fills in forms."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import httpx

from heliostat.identity.tokens.sign_in_attempt import SignIn
from heliostat.testing.signin import PASSWORD

BACK = "https://shop.example/signed-in"
BYE = "https://shop.example/bye"
VERIFIER = "a" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]
ISSUER = "https://site.test:9000/openidconnect/heliostat.local"
STEPS = "/openidconnect/sign-in/heliostat.local"
ASKED = {
    "response_type": "code",
    "client_id": "shop",
    "redirect_uri": BACK,
    "scope": "openid offline_access rs_esxcloud id_groups",
    "state": "s1",
    "nonce": "n1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


class Page(HTMLParser):
    """What a page says, its hidden fields, every tag, and where its (last) form goes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.forms: list[dict[str, str]] = []
        self.tags: list[str] = []
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.action = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "form":
            self.forms.append({})
        self.all.append((tag, values))
        if tag == "form":
            self.action = values.get("action") or ""
        if values.get("type") == "hidden":
            self.fields[values["name"] or ""] = values["value"] or ""
            if self.forms:
                self.forms[-1][values["name"] or ""] = values["value"] or ""

    def handle_data(self, data: str) -> None:
        self.text += data


class Browser:
    """A person's browser: keeps cookies although this server of tests has no TLS."""

    def __init__(self, http: httpx.AsyncClient, told: list[SignIn]) -> None:
        self.http = http
        self.told = told
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **query: str) -> httpx.Response:
        return self._kept(await self.http.get(path, params=query or None, headers=self._headers()))

    async def post(self, path: str, fields: dict[str, str]) -> httpx.Response:
        return self._kept(await self.http.post(path, data=fields, headers=self._headers()))

    async def authorize(self, **changes: str) -> httpx.Response:
        asked = {key: value for key, value in {**ASKED, **changes}.items() if value}
        return await self.get("/openidconnect/oidc/authorize/heliostat.local", **asked)

    async def sign_in(
        self, username: str = "ada", password: str = PASSWORD, **changes: str
    ) -> httpx.Response:
        page = Page((await self.authorize(**changes)).text)
        fields = {**page.fields, "username": username, "password": password}
        return await self.post("/openidconnect/oidc/authorize/heliostat.local", fields)

    async def step(self, answer: httpx.Response) -> httpx.Response:
        """The page of the step that an answer leads to."""
        assert answer.status_code == 303, answer.text
        assert answer.headers["Location"] == STEPS
        return await self.get(STEPS)

    async def take(self, page: httpx.Response, **typed: str) -> httpx.Response:
        """Send a step's form back with what somebody typed."""
        return await self.post(STEPS, {**Page(page.text).fields, **typed})

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            assert "HttpOnly" in line or not value
            assert "Secure" in line or not value
            self.cookies[name] = value
        return answer


def answered(response: httpx.Response) -> dict[str, str]:
    """What a client is told by way of the browser."""
    assert response.status_code == 303, response.text
    location = urlsplit(response.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == BACK
    return dict(parse_qsl(location.query))


async def trade(browser: Browser, code: str, **changes: str) -> httpx.Response:
    """Redeem a code as the client does that asked for it."""
    form = {
        "grant_type": "authorization_code",
        "client_id": "shop",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    return await browser.http.post("/openidconnect/token/heliostat.local", data=form)
