"""OpenPGP's text form of keys and signatures; damage is ``SignatureInvalid``."""

from __future__ import annotations

import enum

from heliostat.core import openpgp
from heliostat.os.packages.openpgp.packets import malformed


class Block(enum.StrEnum):
    PUBLIC_KEY = openpgp.PUBLIC_KEY
    PRIVATE_KEY = "PRIVATE KEY BLOCK"
    SIGNATURE = openpgp.SIGNATURE


def armored(block: Block, data: bytes) -> bytes:
    return openpgp.armored(block, data)


def dearmored(data: bytes, block: Block) -> list[bytes]:
    """All blocks of that kind; binary OpenPGP data is taken as it is."""
    try:
        return openpgp.dearmored(block, data)
    except ValueError as error:
        raise malformed(str(error)) from error
