"""How libcurl is told to reach a server: addresses, patience, proxies, names, certificates."""

from __future__ import annotations

import os

import pycurl

from heliostat.os.tdnf.errors import SSL_SETTINGS, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.transfer.download import Wire

STALL_S = 30
_AGENT = "tdnf/3.6.0 (Heliostat)"
# libcurl speaks many more, and metadata may name any address
_PROTOCOLS = (
    pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS | pycurl.PROTO_FTP | pycurl.PROTO_FTPS
) | pycurl.PROTO_FILE
_CONNECT_S = 30
_BUFFER_BYTES = 256 * 1024


def settle(handle: pycurl.Curl, wire: Wire, address: str) -> None:
    """Tells libcurl how ``address`` is to be reached.  Raises ``TdnfError`` 1401."""
    handle.setopt(pycurl.URL, _octets(address))
    handle.setopt(pycurl.USERAGENT, _AGENT)
    handle.setopt(pycurl.PROTOCOLS, _PROTOCOLS)
    handle.setopt(pycurl.FAILONERROR, True)
    handle.setopt(pycurl.FOLLOWLOCATION, True)
    handle.setopt(pycurl.MAXREDIRS, 8)
    # a mirror may send on to another, but never to this machine's files, nor out of TLS
    further = pycurl.PROTO_HTTPS
    if not (address.startswith("https:") and wire.sslverify):
        further |= pycurl.PROTO_HTTP
    handle.setopt(pycurl.REDIR_PROTOCOLS, further)
    handle.setopt(pycurl.NOSIGNAL, True)
    handle.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
    handle.setopt(pycurl.CONNECTTIMEOUT, wire.timeout_s or _CONNECT_S)
    handle.setopt(pycurl.LOW_SPEED_LIMIT, wire.minrate_bps or 1)
    handle.setopt(pycurl.LOW_SPEED_TIME, wire.timeout_s or STALL_S)
    if wire.throttle_bps:
        handle.setopt(pycurl.MAX_RECV_SPEED_LARGE, wire.throttle_bps)
    if wire.ipv4 != wire.ipv6:
        handle.setopt(pycurl.IPRESOLVE, pycurl.IPRESOLVE_V4 if wire.ipv4 else pycurl.IPRESOLVE_V6)
    if wire.username:
        handle.setopt(pycurl.USERNAME, _octets(wire.username))
        handle.setopt(pycurl.PASSWORD, _octets(wire.password))
    if wire.proxy:
        # _none_ is dnf's word for: not even the environment's
        handle.setopt(pycurl.PROXY, _octets("" if wire.proxy == "_none_" else wire.proxy))
    if wire.proxy_username:
        handle.setopt(pycurl.PROXYUSERNAME, _octets(wire.proxy_username))
        handle.setopt(pycurl.PROXYPASSWORD, _octets(wire.proxy_password))
    if address.startswith("https:") or wire.sslclientcert:
        _secure(handle, wire)


def _secure(handle: pycurl.Curl, wire: Wire) -> None:
    handle.setopt(pycurl.SSL_VERIFYPEER, 1 if wire.sslverify else 0)
    handle.setopt(pycurl.SSL_VERIFYHOST, 2 if wire.sslverify else 0)
    for key, option in (
        ("sslcacert", pycurl.CAINFO),
        ("sslclientcert", pycurl.SSLCERT),
        ("sslclientkey", pycurl.SSLKEY),
    ):
        path = getattr(wire, key)
        if not path:
            continue
        # libcurl's backends tell a missing file by five different codes
        if not os.access(path, os.R_OK):
            raise TdnfError(SSL_SETTINGS, f"{key}={path} can't be read.")
        handle.setopt(option, _octets(path))


def _octets(text: str) -> bytes:
    """What was written in the configuration: pycurl takes no text but ASCII."""
    return text.encode("utf-8", "surrogateescape")
