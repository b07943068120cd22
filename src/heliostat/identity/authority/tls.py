"""TLS contexts of the servers, and keeping them current while they serve."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from heliostat.identity.authority.issuer import Authority
from heliostat.identity.authority.key_files import ServerFiles

REFRESH_S = 60.0
"""How soon another controller's revocation, or its step to another root, counts here."""


def server_ssl_context(files: ServerFiles) -> ssl.SSLContext:
    """For the public API: TLS 1.2 or later, no client certificates.

    Raises ``OSError`` (``ssl.SSLError``) for files that can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.chain, files.key)
    return context


def agent_ssl_context(files: ServerFiles, gate_pem: str) -> ssl.SSLContext:
    """For the agents' listener: a client certificate is checked if there is one.

    It is optional because joining, on the same port, has none yet; every other
    request there must have one (``Authority.host_of``).  ``gate_pem`` are the authorities
    whose certificates count, themselves and not their roots: other tenants' hang on those.
    """
    context = server_ssl_context(files)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=gate_pem)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0  # agents stay connected; a ticket and its session cost memory for each
    return context


async def renew(
    authority: Authority, names: Sequence[str], contexts: Sequence[ssl.SSLContext]
) -> None:
    """Bring the listeners' contexts up to date, for connections from now on.

    The server's certificate is renewed if it is due or somebody else signs now; the gate
    believes new authorities.  Nothing is restarted.  An authority that is believed no longer
    stays in a context; ``Authority.host_of`` refuses what it certified.
    """
    await authority.refresh()
    files = await authority.issue_server(names)
    for context in contexts:
        context.load_cert_chain(files.chain, files.key)
        if context.verify_mode is not ssl.CERT_NONE:
            context.load_verify_locations(cadata=authority.gate_pem)


async def keep_renewed(
    authority: Authority, names: Sequence[str], contexts: Sequence[ssl.SSLContext]
) -> None:
    """``renew`` once a minute, until cancelled."""
    while True:
        await authority.clock.sleep(REFRESH_S)
        await renew(authority, names, contexts)
