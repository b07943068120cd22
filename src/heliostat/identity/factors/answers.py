"""What a browser sends of a passkey, read: JSON with base64url inside, bounded.  Pure."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from heliostat.core.errors import PermanentError

LONGEST_ANSWER = 32_768
_TRANSPORTS = frozenset({"usb", "nfc", "ble", "internal", "hybrid", "smart-card"})


def read(answer: str) -> dict[str, Any]:
    """The credential in an answer; raises ``SecondFactorWrong``."""
    try:
        credential = json.loads(answer if len(answer) <= LONGEST_ANSWER else "")
    except (ValueError, RecursionError) as error:
        raise refused("it can't be read") from error
    if not isinstance(credential, dict) or not isinstance(credential.get("id"), str):
        raise refused("it can't be read")
    if not isinstance(credential.get("response"), dict) or len(credential["id"]) > 1400:
        raise refused("it can't be read")
    return credential


def client_data(credential: dict[str, Any]) -> dict[str, Any]:
    """What the browser says that it was asked."""
    try:
        told = json.loads(bytes_of(credential["response"].get("clientDataJSON")))
    except (ValueError, RecursionError) as error:
        raise refused("it can't be read") from error
    return told if isinstance(told, dict) else {}


def transports(credential: dict[str, Any]) -> tuple[str, ...]:
    """How its device can be reached, as far as the words are known."""
    told = credential["response"].get("transports")
    return tuple(sorted(_TRANSPORTS.intersection(map(str, told)))) if isinstance(told, list) else ()


def text_of(raw: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def bytes_of(text: object) -> bytes:
    """The bytes in base64url; raises ``SecondFactorWrong``."""
    if not isinstance(text, str):
        raise refused("it can't be read")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise refused("it can't be read") from error


def refused(why: str) -> PermanentError:
    """A passkey that is not accepted."""
    return PermanentError("SecondFactorWrong", f"The passkey is not accepted: {why}.")
