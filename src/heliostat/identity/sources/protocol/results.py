"""Result codes of LDAP (RFC 4511, appendix A), in words."""

from __future__ import annotations

SIZE_EXCEEDED = 4
REFERRAL = 10
NO_SUCH_OBJECT = 32
INVALID_CREDENTIALS = 49
BUSY = (51, 52)

_WORDS = {
    1: "the server had an error",
    2: "the server did not understand us",
    3: "the search took too long for the server",
    SIZE_EXCEEDED: "there is more than the server gives at once",
    7: "the server does not know this way to sign in",
    8: "the server wants TLS or stronger signing",
    REFERRAL: "another server is named, which is not asked",
    11: "the server's own limits are reached",
    12: "the server does not know a control",
    13: "the server wants an encrypted connection",
    18: "the server can't match like this",
    NO_SUCH_OBJECT: "there is no such entry",
    34: "this is no name of an entry",
    48: "this way to sign in is not allowed",
    INVALID_CREDENTIALS: "name or password is wrong",
    50: "it is not allowed",
    51: "the server is busy",
    52: "the server is not available",
    53: "the server is unwilling",
}


def named(code: int) -> str:
    """What a result code means."""
    return _WORDS.get(code, f"result code {code}")
