"""Does an account control a name?  http-01, dns-01 (RFC 8555, 8) and tls-alpn-01 (RFC 8737).

Each look is bounded in time, size and redirects, dials only addresses that ``Reach``
judged, and says in a sentence what it found instead of what it wanted.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier
from yarl import URL

from heliostat.identity.acme.messages import encoded
from heliostat.identity.acme.problems import Problem
from heliostat.identity.acme.reach import Reach
from heliostat.identity.authority.options import ValidationOptions
from heliostat.identity.reach.options import ReachOptions
from heliostat.identity.reach.web import connector

MAX_REDIRECTS = 10
MAX_ANSWER_BYTES = 1024
ALPN = "acme-tls/1"
ACME_IDENTIFIER = ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_REDIRECTS = (301, 302, 303, 307, 308)


class Validation:
    """Looks, for one tenant."""

    def __init__(self, options: ValidationOptions, site: ReachOptions) -> None:
        self._options = options
        self._reach = Reach(options, site)

    async def look(self, kind: str, name: str, token: str, authorization: str) -> None:
        """Raises ``Problem`` unless the challenge is answered; ``name`` is no wildcard here."""
        try:
            async with asyncio.timeout(self._options.timeout_s):
                if kind == "http-01":
                    await self._http(name, token, authorization)
                elif kind == "dns-01":
                    await self._dns(name, authorization)
                elif kind == "tls-alpn-01":
                    await self._tls(name, authorization)
                else:
                    raise Problem("malformed", f"There is no way {kind} to look at a name.")
        except TimeoutError as error:
            told = f"{name} did not answer within {self._options.timeout_s:g} s."
            raise Problem("connection", told) from error

    async def _http(self, name: str, token: str, authorization: str) -> None:
        port = self._options.http_port
        place = f"{name}:{port}" if port != 80 else name
        url = URL(f"http://{place}/.well-known/acme-challenge/{token}")
        async with aiohttp.ClientSession(
            connector=connector(self._reach.gate, False, _Judged(self._reach)),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,  # a short answer may be a very long one
        ) as session:
            for _ in range(MAX_REDIRECTS + 1):
                answer, onward = await self._fetched(session, url)
                if onward is None:
                    if answer.strip().decode(errors="replace") != authorization:
                        raise Problem("unauthorized", f"{url} answers something else.")
                    return
                url = onward
        raise Problem("connection", f"{name} redirects more than {MAX_REDIRECTS} times.")

    async def _fetched(self, session: aiohttp.ClientSession, url: URL) -> tuple[bytes, URL | None]:
        """The answer's start, or where it redirects to; raises ``Problem``.

        The address is read once, by what dials it: two readers may see different hosts in it.
        """
        ports = (80, 443, self._options.http_port, self._options.tls_port)
        if url.scheme not in ("http", "https") or url.port not in ports or not url.raw_host:
            raise Problem("connection", f"A redirect leads to {url!s:.80}, where nobody looks.")
        await self._reach.addresses(url.raw_host)  # addresses themselves ask no resolver
        try:
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status in _REDIRECTS:
                    return b"", url.join(URL(answer.headers.get("Location", "")))
                if answer.status != 200:
                    raise Problem("unauthorized", f"{url} answers {answer.status}.")
                return await _start_of(answer.content), None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Problem("connection", f"{url} can't be reached: {error}.") from error

    async def _dns(self, name: str, authorization: str) -> None:
        wanted = encoded(hashlib.sha256(authorization.encode()).digest()).encode()
        place = f"_acme-challenge.{name}"
        found = await self._reach.texts(place)
        if wanted not in found:
            raise Problem("unauthorized", f"{place} has {len(found)} TXT records, none the right.")

    async def _tls(self, name: str, authorization: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([ALPN])
        address = (await self._reach.addresses(name))[0]
        port = self._options.tls_port
        try:
            _, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=name
            )
        except (OSError, ValueError) as error:
            raise Problem("tls", f"{name}, port {port}: {error}.") from error
        try:
            shown = writer.get_extra_info("ssl_object")
            chosen, der = shown.selected_alpn_protocol(), shown.getpeercert(binary_form=True)
        finally:
            writer.transport.abort()
        if chosen != ALPN or not der:
            raise Problem("unauthorized", f"{name} does not speak {ALPN}.")
        check_tls_certificate(der, name, authorization)


async def _start_of(content: aiohttp.StreamReader) -> bytes:
    """The first ``MAX_ANSWER_BYTES``, in however many pieces they come."""
    found = b""
    while len(found) < MAX_ANSWER_BYTES:
        piece = await content.read(MAX_ANSWER_BYTES - len(found))
        if not piece:
            break
        found += piece
    return found


def check_tls_certificate(der: bytes, name: str, authorization: str) -> None:
    """RFC 8737, 3: the name alone, and the digest in a critical extension; or ``Problem``."""
    digest = hashlib.sha256(authorization.encode()).digest()
    try:
        extensions = x509.load_der_x509_certificate(der).extensions
        names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        proof = extensions.get_extension_for_oid(ACME_IDENTIFIER)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise Problem("unauthorized", f"{name} shows a certificate that proves nothing.") from error
    own = [each.value.lower() for each in names if isinstance(each, x509.DNSName)]
    if own != [name] or len(names) != 1:
        raise Problem("unauthorized", f"The certificate of {name} is not for it alone.")
    value = proof.value
    told = value.value if isinstance(value, x509.UnrecognizedExtension) else b""
    if not proof.critical or told != b"\x04\x20" + digest:
        raise Problem("unauthorized", f"The certificate of {name} proves something else.")


class _Judged(AbstractResolver):
    """Gives connections only addresses that were judged."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        try:
            found = await self._reach.addresses(host)
        except Problem as problem:
            raise OSError(None, problem.detail) from problem
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in found
        ]

    async def close(self) -> None:
        """Nothing is kept."""
