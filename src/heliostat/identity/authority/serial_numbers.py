"""Serial numbers of certificates: the time first, so that they sort in the order of issue."""

from __future__ import annotations

import secrets
from datetime import datetime

_RANDOM_BYTES = 10


def serial_number(now: datetime) -> int:
    """Positive, 16 octets: milliseconds (48 bits), then 80 random bits (RFC 5280, 4.1.2.2)."""
    moment_ms = int(now.timestamp() * 1000) & ((1 << 47) - 1)
    return moment_ms << (8 * _RANDOM_BYTES) | secrets.randbits(8 * _RANDOM_BYTES)


def serial_text(number: int) -> str:
    """A serial number as documents are called."""
    return f"{number:032x}"


def start_of_numbers(now_ms: int) -> str:
    """What sorts before the number of every certificate made from then on, as documents have it."""
    return serial_text((now_ms // 1000 * 1000) << (8 * _RANDOM_BYTES))
