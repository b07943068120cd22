"""A service account's key on disk: JSON with client id and PEM, readable by its owner only.

A certificate may lie in it, or in a file beside it; then that is shown, too.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from heliostat.client.tokens import ServiceKey
from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write

_PRIVATE = 0o600
_PEM = b"-----BEGIN"


class _KeyFile(msgspec.Struct, rename="camel", omit_defaults=True):
    client_id: str
    private_key_pem: str
    certificate_pem: str = ""


def read_key(path: Path, client_id: str = "", certificate: Path | None = None) -> ServiceKey:
    """The key in ``path``, with the certificate in a file of its own, if any.

    A bare PEM file needs the ``client_id``.  Raises ``InvalidSetting``.
    """
    shown = _certificate(certificate) if certificate is not None else ""
    try:
        content = path.read_bytes()
        if content.startswith(_PEM) and client_id:
            return ServiceKey(client_id, content.decode("ascii"), shown)
        found = msgspec.json.decode(content, type=_KeyFile)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise HeliostatError(
            "InvalidSetting",
            f"{path} is no key file of a service account: {error}.",
            hint="Make one with `helio service-account create NAME --key-file FILE`; "
            "for a bare PEM file name the account, too: `helio login NAME --key FILE`.",
        ) from error
    return ServiceKey(found.client_id, found.private_key_pem, shown or found.certificate_pem)


def write_key(path: Path, key: ServiceKey) -> None:
    """Write ``path`` whole, mode 0600."""
    content = msgspec.json.encode(_KeyFile(key.client_id, key.private_pem, key.certificate_pem))
    atomic_write(path, msgspec.json.format(content) + b"\n", mode=_PRIVATE)


def _certificate(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise HeliostatError(
            "InvalidSetting",
            f"{path} is no certificate in PEM form: {error}.",
            hint="`helio identity certificate issue CSR --account NAME --out FILE` writes one.",
        ) from error
