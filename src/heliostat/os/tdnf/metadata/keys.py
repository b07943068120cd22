"""The public keys that a repository names by ``gpgkey``: read where they are, or fetched.

Fetched ones stay in ``keys/`` of the repository's cache until ``clean keys``, each under a
name made from its address.
"""

from __future__ import annotations

import os
from functools import partial

from heliostat.os.tdnf.errors import (
    INVALID_KEY_FILE,
    KEY_URL_INVALID,
    KEY_URL_UNSUPPORTED,
    NO_KEY_CONFIGURED,
    TdnfError,
    system_error,
)
from heliostat.os.tdnf.transfer.download import Download, Wire
from heliostat.os.tdnf.transfer.fetch import fetch
from heliostat.os.tdnf.transfer.packages import see_allowed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.session import Session

_LIMIT = 1024 * 1024


def public_keys(session: Session, cached: Cached) -> list[tuple[str, bytes]]:
    """Address and content of every key.  Raises ``TdnfError`` 1507, 1508, 1523, 12xx, 16xx."""
    places = key_places(cached)
    absent = key_downloads(session, cached)
    see_allowed(session, absent)
    for error in fetch(absent).values():
        raise error
    return [(address, read_key(path)) for address, path in places]


def key_places(cached: Cached) -> list[tuple[str, str]]:
    """Address and path of every key, whether it is there or not."""
    repository = cached.repository
    if not repository.gpgkey:
        told = f"Repository {repository.id} asks for signatures and names no key."
        raise TdnfError(NO_KEY_CONFIGURED, told)
    return [(each, _place(cached, each)) for each in repository.gpgkey]


def _place(cached: Cached, address: str) -> str:
    scheme, separator, rest = address.partition("://")
    if address.startswith("/"):
        return address
    if not separator or not rest:
        told = f"gpgkey={address} of {cached.repository.id} is not an address."
        raise TdnfError(KEY_URL_INVALID, told)
    if scheme == "file":
        from urllib.parse import unquote

        return unquote("/" + rest.partition("/")[2])
    if scheme not in ("http", "https", "ftp"):
        told = f"gpgkey={address} of {cached.repository.id}: keys don't come by {scheme}."
        raise TdnfError(KEY_URL_UNSUPPORTED, told)
    from binascii import crc32

    name = address.rpartition("/")[2] or "key"
    mark = crc32(address.encode("utf-8", "surrogateescape"))
    return cached.path("keys", f"{mark:08x}-{name}")


def key_downloads(session: Session, cached: Cached) -> list[Download]:
    """For keys that are elsewhere and not here yet."""
    wire = Wire.of(session, cached.repository)
    return [
        Download(wire, (), address, path, limit=_LIMIT, verify=partial(_see_key, address))
        for address, path in key_places(cached)
        if "://" in address and not address.startswith("file:") and not os.path.exists(path)
    ]


def _see_key(address: str, path: str) -> None:
    """What a portal answers instead of a key must not be kept as one."""
    from heliostat.os.tdnf.change.certificate import certificates

    try:
        certificates(read_key(path))
    except ValueError as error:
        raise TdnfError(INVALID_KEY_FILE, f"{address} is not a key file: {error}") from None


def read_key(path: str) -> bytes:
    """The key's file as it is.  Raises ``TdnfError`` 16xx."""
    try:
        with open(path, "rb") as file:
            return file.read(_LIMIT)
    except OSError as error:
        raise system_error(error, f"Reading the key {path}") from None
