"""What slapd's socket back end hears of us: entries as LDIF, and one result.  Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from enum import IntEnum

BINARY = "userCertificate"
"""The attribute whose values are bytes (``schema.BINARY``); they come as base64."""


_PLAIN = re.compile(r"(?![ :<])[ -~]*[!-~]")
"""A value that is LDIF as it is (RFC 2849, SAFE-STRING), without a space at its end."""
RESULT = b"RESULT\n"
"""How every result begins."""


class Code(IntEnum):
    """Results of RFC 4511, 4.1.9."""

    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    SIZE_LIMIT = 4
    COMPARE_FALSE = 5
    COMPARE_TRUE = 6
    METHOD_NOT_SUPPORTED = 7
    STRONGER_AUTHENTICATION = 8
    ADMIN_LIMIT = 11
    CONFIDENTIALITY = 13
    NO_SUCH_ATTRIBUTE = 16
    CONSTRAINT = 19
    NO_SUCH_OBJECT = 32
    INVALID_DN = 34
    INAPPROPRIATE_AUTHENTICATION = 48
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING = 53
    OBJECT_CLASS_VIOLATION = 65
    NOT_ALLOWED_ON_NON_LEAF = 66
    NOT_ALLOWED_ON_RDN = 67
    ALREADY_EXISTS = 68
    OTHER = 80


def result(code: Code, info: str = "", matched: str = "") -> bytes:
    """The end of every answer; slapd does not wait for more after the empty line."""
    lines = ["RESULT", f"code: {int(code)}"]
    if matched:
        lines.append(f"matched: {matched}")
    if info:
        lines.append(f"info: {' '.join(info.split())}")
    return ("\n".join(lines) + "\n\n").encode(errors="replace")


def verdict(code: Code, info: str = "") -> bytes:
    """What stands after a result that was said before, and counts instead of it."""
    return result(code, info).removeprefix(RESULT)


def entry(dn: str, attributes: Mapping[str, Sequence[str]]) -> bytes:
    """An entry as LDIF; whatever is not plain text is base64, so nothing ends a line early."""
    lines = [_line("dn", dn)]
    for name, values in attributes.items():
        if name == BINARY:
            lines += [f"{name};binary:: {each}" for each in values]
        else:
            lines += [_line(name, each) for each in values]
    return ("\n".join(lines) + "\n\n").encode()


def _line(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode(errors='surrogateescape')).decode()}"
