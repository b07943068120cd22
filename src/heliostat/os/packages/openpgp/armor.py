"""OpenPGP's text form: base64 between two lines, with a checksum (RFC 4880, section 6).

RPM 4.18 insists on the checksum that RFC 9580 calls optional.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Iterator

from heliostat.os.packages.openpgp.packets import malformed

_BLOCK = re.compile(rb"-----BEGIN PGP ([A-Z ]+)-----\r?\n(.*?)-----END PGP \1-----", re.DOTALL)


class Block(enum.StrEnum):
    PUBLIC_KEY = "PUBLIC KEY BLOCK"
    PRIVATE_KEY = "PRIVATE KEY BLOCK"
    SIGNATURE = "SIGNATURE"


def armored(block: Block, data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    check = base64.b64encode(crc24(data).to_bytes(3, "big")).decode()
    body = "\n".join([*lines, f"={check}"])
    return f"-----BEGIN PGP {block}-----\n\n{body}\n-----END PGP {block}-----\n".encode()


def dearmored(data: bytes, block: Block) -> list[bytes]:
    """All blocks of that kind; binary OpenPGP data is taken as it is."""
    if data[:1] and data[0] & 0x80:
        return [data]
    found = [_decoded(match[2]) for match in _BLOCK.finditer(data) if match[1].decode() == block]
    if not found:
        raise malformed(f"There is no PGP {block} in it.")
    return found


def _decoded(body: bytes) -> bytes:
    lines = list(_without_headers(body.splitlines()))
    check = lines.pop()[1:] if lines and lines[-1].startswith(b"=") else None
    try:
        data = base64.b64decode(b"".join(lines), validate=True)
        expected = None if check is None else int.from_bytes(base64.b64decode(check), "big")
    except binascii.Error as error:
        raise malformed("The PGP block is not base64: it was damaged on its way.") from error
    if expected is not None and expected != crc24(data):
        raise malformed("The PGP block's checksum is wrong: it was damaged on its way.")
    return data


def _without_headers(lines: list[bytes]) -> Iterator[bytes]:
    """Headers (``Version: …``) end with an empty line."""
    blank = next((number for number, line in enumerate(lines) if not line.strip()), -1)
    for line in lines[blank + 1 :]:
        if line.strip():
            yield line.strip()


def crc24(data: bytes) -> int:
    register = 0xB704CE
    for byte in data:
        register ^= byte << 16
        for _ in range(8):
            register <<= 1
            if register & 0x1000000:
                register ^= 0x1864CFB
    return register
