"""What everybody may read of the authority: roots, chains, revocation lists, OCSP.

Nothing here needs a token.  The same routes are served by the API (over TLS) and, where
``identity.authority.port`` opens it, over plain HTTP: who checks a certificate must not
need another one for it (RFC 5280, 8).  Reading makes nothing but signatures that are due.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.authority.authorities import Authorities, TenantAuthority
from heliostat.identity.authority.bodies import read_body
from heliostat.identity.authority.certificates import pem
from heliostat.identity.authority.issuers import SITE
from heliostat.identity.authority.records import RevocationList
from heliostat.identity.authority.revocation import MAX_OCSP_BYTES
from heliostat.identity.authority.revocation_lists import root_crl
from heliostat.identity.directories import Directories

BASE = "/pki"
PEM, CRL, CERTIFICATE = (
    "application/pem-certificate-chain",
    "application/pkix-crl",
    ("application/pkix-cert"),
)
OCSP_REQUEST, OCSP_RESPONSE = "application/ocsp-request", "application/ocsp-response"
_MAX_AGE_S = 300


class Publication:
    """The endpoints."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    @property
    def _authorities(self) -> Authorities:
        return self._directories.authorities

    def routes(self) -> list[web.RouteDef]:
        ocsp = f"{BASE}/ocsp/{{tenant}}/{{issuer}}"
        return [
            web.get(f"{BASE}/roots.pem", _guarded(self.roots)),
            web.get(f"{BASE}/chain/{{domain}}.pem", _guarded(self.chain)),
            web.get(f"{BASE}/crl/{{domain}}.crl", _guarded(self.crl)),
            web.get(f"{BASE}/issuer/{{tenant}}/{{issuer}}.crl", _guarded(self.issuer_crl)),
            web.get(f"{BASE}/issuer/{{tenant}}/{{issuer}}.crt", _guarded(self.issuer)),
            web.post(ocsp, _guarded(self.ocsp)),
            web.get(f"{ocsp}/{{request:.+}}", _guarded(self.ocsp)),
        ]

    async def roots(self, _request: web.Request) -> web.Response:
        """Every root to trust, the signing one first."""
        trusted = await self._authorities.roots.trusted()
        return _answer(b"".join(pem(each.anchor) for each in trusted), PEM)

    async def chain(self, request: web.Request) -> web.Response:
        """What hangs between a tenant's certificates and the root."""
        authority = await self._directories.authority(request.match_info["domain"])
        issuer = await authority.issuers.known()
        if issuer is None:
            raise _nothing()
        return _answer(issuer.chain_pem.encode(), PEM)

    async def crl(self, request: web.Request) -> web.Response:
        """The list of who signs for a tenant now."""
        authority = await self._directories.authority(request.match_info["domain"])
        return _listed(await authority.revocation.crl())

    async def issuer_crl(self, request: web.Request) -> web.Response:
        issuer = request.match_info["issuer"]
        if request.match_info["tenant"] == SITE:
            days = self._authorities.system.options.authority.crl_days
            return _listed(await root_crl(self._authorities.roots, issuer, days))
        authority = await self._of(request)
        return _listed(await authority.revocation.crl(issuer))

    async def issuer(self, request: web.Request) -> web.Response:
        """The certificate of who signed, as DER."""
        id_ = request.match_info["issuer"]
        if request.match_info["tenant"] == SITE:
            root = await self._authorities.roots.find(id_)
            found = root.certificate if root is not None else None
        else:
            issuer = await (await self._of(request)).issuers.find(id_)
            found = issuer.certificate if issuer is not None else None
        if found is None:
            raise _nothing()
        return _answer(found.public_bytes(Encoding.DER), CERTIFICATE)

    async def ocsp(self, request: web.Request) -> web.Response:
        """RFC 6960, by POST and (base64 in the path, RFC 5019) by GET."""
        authority = await self._of(request)
        raw = await _ocsp_request(request)
        answer = await authority.revocation.answer(request.match_info["issuer"], raw)
        headers = {"Cache-Control": f"max-age={_MAX_AGE_S}"} if request.method == "GET" else {}
        return web.Response(body=answer, content_type=OCSP_RESPONSE, headers=headers)

    async def _of(self, request: web.Request) -> TenantAuthority:
        found = await self._authorities.by_id(request.match_info["tenant"])
        if found is None:
            raise _nothing()
        return found


async def _ocsp_request(request: web.Request) -> bytes:
    """What was sent, cut where it is too long to be a request."""
    if request.method == "GET":
        text = request.match_info["request"]
        try:
            return base64.b64decode(text[: 2 * MAX_OCSP_BYTES], validate=True)
        except (binascii.Error, ValueError):
            return b""
    return await read_body(request, MAX_OCSP_BYTES)


def _listed(found: RevocationList | None) -> web.Response:
    if found is None:
        raise _nothing()
    return _answer(found.der, CRL)


def _answer(body: bytes, media_type: str) -> web.Response:
    headers = {"Cache-Control": f"max-age={_MAX_AGE_S}"}
    return web.Response(body=body, content_type=media_type, headers=headers)


def _nothing() -> PermanentError:
    return PermanentError("NotFound", "Nothing is published here.")


def _guarded(
    answer: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await answer(request)
        except HeliostatError as error:
            body = {"code": error.code, "message": error.message, "hint": error.hint}
            return web.json_response(body, status=error.status)

    return guarded
