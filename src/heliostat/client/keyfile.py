"""A service account's key on disk: JSON with client id and PEM, readable by its owner only."""

from __future__ import annotations

from pathlib import Path

import msgspec

from heliostat.client.tokens import ServiceKey
from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write

_PRIVATE = 0o600
_PEM = b"-----BEGIN"


class _KeyFile(msgspec.Struct, rename="camel"):
    client_id: str
    private_key_pem: str


def read_key(path: Path, client_id: str = "") -> ServiceKey:
    """The key in ``path``; a bare PEM file needs the ``client_id``. Raises ``InvalidSetting``."""
    try:
        content = path.read_bytes()
        if content.startswith(_PEM) and client_id:
            return ServiceKey(client_id, content.decode("ascii"))
        found = msgspec.json.decode(content, type=_KeyFile)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise HeliostatError(
            "InvalidSetting",
            f"{path} is no key file of a service account: {error}.",
            hint="Make one with `helio service-account create NAME --key-file FILE`.",
        ) from error
    return ServiceKey(found.client_id, found.private_key_pem)


def write_key(path: Path, key: ServiceKey) -> None:
    """Write ``path`` whole, mode 0600."""
    content = msgspec.json.encode(_KeyFile(key.client_id, key.private_pem))
    atomic_write(path, msgspec.json.format(content) + b"\n", mode=_PRIVATE)
