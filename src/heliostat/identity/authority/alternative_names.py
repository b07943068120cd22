"""Names in certificates (RFC 5280, 4.2.1.6), as documents have them: ``dns:www.acme.example``.

What is not exactly what it looks like is refused: a name that one program reads otherwise than
another is somebody else's there.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509

from heliostat.identity.authority.refusals import bad_request

MAX_NAME = 253
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_DNS = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*", re.ASCII)
_ADDRESS = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", re.ASCII)
"""What programs take for an IPv4 address: its last label is a number (WHATWG URL, 3.5)."""
_EMAIL = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@{_LABEL}(\.{_LABEL})*", re.ASCII)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]{1,240}", re.ASCII)


def checked_dns(name: str) -> str:
    """A DNS name, folded; raises ``InvalidEntity``.  Wildcards are allowed in front."""
    folded = name.lower()
    if len(folded) > MAX_NAME or not _DNS.fullmatch(folded) or _ADDRESS.fullmatch(folded):
        raise bad_request(f"{name[:80]!a} is no DNS name")
    return folded


def is_well_formed(name: str) -> bool:
    """Whether ``dns:…`` or ``email:…`` is what a certificate may have."""
    kind, _, value = name.partition(":")
    if kind == "email":
        return bool(_EMAIL.fullmatch(value))
    return len(value) <= MAX_NAME and bool(_DNS.fullmatch(value))


def name_text(name: x509.GeneralName) -> str:
    """A name as documents have it; raises ``InvalidEntity`` for kinds that mean nothing here."""
    if isinstance(name, x509.DNSName):
        return f"dns:{checked_dns(name.value)}"
    if isinstance(name, x509.IPAddress):
        if not isinstance(name.value, IPv4Address | IPv6Address):
            raise bad_request(f"{name.value} is no address, but a network")
        return f"ip:{name.value}"
    if isinstance(name, x509.RFC822Name):
        local, _, domain = name.value.rpartition("@")
        email = f"{local}@{domain.lower()}"
        if not _EMAIL.fullmatch(email):
            raise bad_request(f"{name.value[:80]!a} is no e-mail address")
        return f"email:{email}"
    if isinstance(name, x509.UniformResourceIdentifier):
        if not _URI.fullmatch(name.value):
            raise bad_request(f"{name.value[:80]!a} is no URI")
        return f"uri:{name.value}"
    raise bad_request(f"names of the kind {type(name).__name__} are not issued here")
