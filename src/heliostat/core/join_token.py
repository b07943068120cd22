"""The texts with which agents and machines join: a prefix and base64url JSON.

Each carries an address, the certificate authority to trust for that address (and for no
other) with its fingerprint, for people, whom it is for, and a secret that is good once.
``hjt1.`` makes an agent of a host, ``hmt1.`` a machine a member of a directory.  The
controller writes them; the agent, or the machine, reads them.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from heliostat.core.errors import PermanentError

PREFIX = "hjt1."
MACHINE_PREFIX = "hmt1."
_HINTS = {
    PREFIX: "Copy all of it, or make a new one with `helio host join-token`.",
    MACHINE_PREFIX: "Copy all of it, or make a new one with `helio identity computer join-token`.",
}


class JoinToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says; ``ca`` is PEM, ``fingerprint`` the SHA-256 of its DER in hex."""

    url: str
    ca: str
    fingerprint: str
    host: str
    secret: str


class MachineToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine's token says; ``domain`` is the directory's, ``computer`` its entry in it."""

    url: str
    ca: str
    fingerprint: str
    domain: str
    computer: str
    secret: str


Token = TypeVar("Token", JoinToken, MachineToken)


def encode(token: JoinToken | MachineToken) -> str:
    """The text that a person hands to the agent, or to the machine."""
    prefix = PREFIX if isinstance(token, JoinToken) else MACHINE_PREFIX
    return prefix + base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def decode(text: str) -> JoinToken:
    """What an agent's token says; raises ``InvalidToken`` with what is wrong with it."""
    return _decoded(text, PREFIX, JoinToken)


def decode_machine(text: str) -> MachineToken:
    """What a machine's token says; raises as ``decode``."""
    return _decoded(text, MACHINE_PREFIX, MachineToken)


def _decoded(text: str, prefix: str, kind: type[Token]) -> Token:
    body = text.strip()
    if not body.startswith(prefix):
        raise _invalid(prefix, f"it does not begin with {prefix.rstrip('.')}")
    body = body.removeprefix(prefix)
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        token = msgspec.json.decode(raw, type=kind)
    except (ValueError, msgspec.MsgspecError) as error:  # no ValueError in msgspec 0.19
        raise _invalid(prefix, "it is damaged or cut short") from error
    if urlsplit(token.url).scheme != "https":
        raise _invalid(prefix, "its address is not https")
    _check_fingerprint(token, prefix)
    return token


def _check_fingerprint(token: JoinToken | MachineToken, prefix: str) -> None:
    try:
        der = ssl.PEM_cert_to_DER_cert(token.ca)
    except ValueError as error:
        raise _invalid(prefix, "its certificate is damaged") from error
    if hashlib.sha256(der).hexdigest() != token.fingerprint.replace(":", "").lower():
        raise _invalid(prefix, "its certificate does not have its fingerprint")


def _invalid(prefix: str, why: str) -> PermanentError:
    sentence = f"The join token is of no use: {why}."
    return PermanentError("InvalidToken", sentence, hint=_HINTS[prefix])
