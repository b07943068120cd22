"""Hosts as certificates name them: one URI each, and what TLS says of it.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509
from cryptography.x509.oid import NameOID

HOST_SAN = "heliostat:host:"


def host_id_of(peer_certificate: Mapping[str, object] | None) -> str | None:
    """The host that a certificate names; ``None`` for any other, and without one."""
    names = (peer_certificate or {}).get("subjectAltName", ())
    hosts = [
        value.removeprefix(HOST_SAN)
        for kind, value in (names if isinstance(names, tuple) else ())
        if kind == "URI" and value.startswith(HOST_SAN)
    ]
    return hosts[0] if len(hosts) == 1 else None


def common_name_of(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def common_name_in(issuer: object) -> str:
    """The common name in what ``getpeercert`` calls the issuer."""
    if not isinstance(issuer, tuple):
        return ""
    found = [value for part in issuer for key, value in part if key == "commonName"]
    return str(found[0]) if found else ""
