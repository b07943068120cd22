"""The request to change a password (RFC 3062), as slapd passes it on.  Pure."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from heliostat.identity.ldap_face.answers import RefusedError
from heliostat.identity.ldap_face.messages import MalformedRequestError, Request
from heliostat.identity.ldap_face.replies import Code

PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105 - the name of an operation
_SEQUENCE, _WHO, _OLD, _NEW = 0x30, 0x80, 0x81, 0x82


class PasswordChange(NamedTuple):
    """Whose password; empty for what was left out."""

    who: str
    old: str
    new: str


def password_change(request: Request) -> PasswordChange:
    """What was asked for; raises ``RefusedError`` for other extensions."""
    if request.get("oid") != PASSWORD_MODIFY:
        raise RefusedError(Code.PROTOCOL_ERROR, "This extension is not known here.")
    try:
        raw = base64.b64decode(request.get("value"), validate=True)
    except binascii.Error as error:
        raise MalformedRequestError("value") from error
    tag, content, rest = _element(raw) if raw else (_SEQUENCE, b"", b"")
    if tag != _SEQUENCE or rest:
        raise MalformedRequestError("value")
    found: dict[int, str] = {}
    while content:
        tag, value, content = _element(content)
        found[tag] = value.decode(errors="replace")
    if set(found) - {_WHO, _OLD, _NEW}:
        raise MalformedRequestError("value")
    return PasswordChange(found.get(_WHO, ""), found.get(_OLD, ""), found.get(_NEW, ""))


def _element(raw: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element (X.690, 8.1), and what follows it."""
    if len(raw) < 2:
        raise MalformedRequestError("value")
    length, start = raw[1], 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 3:
            raise MalformedRequestError("value")
        length, start = int.from_bytes(raw[2 : 2 + count]), 2 + count
    if len(raw) < start + length:
        raise MalformedRequestError("value")
    return raw[0], raw[start : start + length], raw[start + length :]
