"""Keys of principals: one of each encryption type, from a password or from chance.  Pure.

Kept as one sealed text; in a keytab (MIT's format, version 0x502) a service reads them.
"""

from __future__ import annotations

import os
import struct
import unicodedata
from collections.abc import Iterable, Mapping

from heliostat.core.errors import PermanentError
from heliostat.identity.kerberos.encryption import KEY_BYTES, TYPES

Keys = Mapping[int, bytes]
"""By number of the encryption type."""

_NAME_TYPE = 1
_KEYTAB = b"\x05\x02"


def of_password(realm: str, name: str, password: str) -> Keys:
    """The keys that ``name`` has with this password; 20 ms."""
    salt = (realm + name.replace("/", "")).encode()
    # what a client derives from what is typed there: composed or not, as it came
    raw = unicodedata.normalize("NFC", password).encode(errors="replace")
    return {number: kind.from_password(raw, salt) for number, kind in TYPES.items()}


def random_keys() -> Keys:
    """Keys that nobody knows a password of."""
    return {number: os.urandom(KEY_BYTES) for number in TYPES}


def unpacked(raw: bytes) -> Keys:
    """Raises ``StoreCorrupt``."""
    size = KEY_BYTES + 1
    if not raw or len(raw) % size:
        raise PermanentError("StoreCorrupt", "The keys of a principal have an odd length.")
    return {raw[at]: raw[at + 1 : at + size] for at in range(0, len(raw), size)}


def keytab(realm: str, name: str, versions: Iterable[tuple[int, Keys]], at_ms: int) -> bytes:
    """The file by which a service proves itself and opens tickets."""
    entries = (
        _entry(realm, name, number, kind, key, at_ms)
        for number, keys in versions
        for kind, key in keys.items()
    )
    return _KEYTAB + b"".join(struct.pack(">i", len(each)) + each for each in entries)


def _entry(realm: str, name: str, number: int, kind: int, key: bytes, at_ms: int) -> bytes:
    components = name.split("/")
    out = struct.pack(">H", len(components))
    for text in (realm, *components):
        out += _counted(text.encode())
    out += struct.pack(">iIB", _NAME_TYPE, at_ms // 1000, number & 0xFF)
    out += struct.pack(">H", kind) + _counted(key)
    return out + struct.pack(">I", number)


def _counted(raw: bytes) -> bytes:
    return struct.pack(">H", len(raw)) + raw
