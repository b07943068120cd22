"""TLS contexts of the servers, and the host behind an agent's certificate."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence

from heliostat.core.clock import Clock
from heliostat.identity.authority.issuer import HOST_SAN, Authority, ServerFiles

DAY_S = 86_400.0


def server_ssl_context(files: ServerFiles) -> ssl.SSLContext:
    """For the public API: TLS 1.2 or later, no client certificates.

    Raises ``OSError`` (``ssl.SSLError``) for files that can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.chain, files.key)
    return context


def agent_ssl_context(files: ServerFiles, ca_pem: str) -> ssl.SSLContext:
    """For the agents' listener: a client certificate is checked if there is one.

    It is optional because joining, on the same port, has none yet; every other
    request there must have one (``host_id_of``).
    """
    context = server_ssl_context(files)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=ca_pem)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0  # agents stay connected; a ticket and its session cost memory for each
    return context


def renew(authority: Authority, names: Sequence[str], contexts: Sequence[ssl.SSLContext]) -> None:
    """Renew the server's certificate if it is due, for connections from now on.

    ``contexts`` are those of all listeners; nothing is restarted.
    """
    files = authority.issue_server(names)
    for context in contexts:
        context.load_cert_chain(files.chain, files.key)


async def keep_renewed(
    clock: Clock, authority: Authority, names: Sequence[str], contexts: Sequence[ssl.SSLContext]
) -> None:
    """``renew`` once a day, until cancelled."""
    while True:
        await clock.sleep(DAY_S)
        renew(authority, names, contexts)


def host_id_of(peer_certificate: Mapping[str, object] | None) -> str | None:
    """The host in a checked certificate (``SSLObject.getpeercert()``); ``None`` without one."""
    names = (peer_certificate or {}).get("subjectAltName", ())
    hosts = [
        value.removeprefix(HOST_SAN)
        for kind, value in (names if isinstance(names, tuple) else ())
        if kind == "URI" and value.startswith(HOST_SAN)
    ]
    return hosts[0] if len(hosts) == 1 else None
