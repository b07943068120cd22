"""Which keys and certificates an account has: a record in, the record with others out.  Pure.

A record from when every account had one key has that as the first of its list; it is written
in today's form with its next change.
"""

from __future__ import annotations

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.clients.records import Client
from heliostat.identity.service_accounts.certificates import kept_certificate
from heliostat.identity.service_accounts.keys import kept_key
from heliostat.identity.service_accounts.records import AccountCertificate, AccountKey

MOST = 8
"""Keys of an account, and certificates: a rotation needs two."""


def keys_of(client: Client) -> tuple[AccountKey, ...]:
    """The keys, the first made first."""
    if not client.public_key_pem:
        return client.keys
    first = msgspec.structs.replace(kept_key(client.public_key_pem), created_ms=client.created_ms)
    return (first, *client.keys)


def certificates_of(client: Client) -> tuple[AccountCertificate, ...]:
    """The certificates from elsewhere, the first added first."""
    if not client.certificate_pem:
        return client.certificates
    first = kept_certificate(client.certificate_pem)
    return (msgspec.structs.replace(first, created_ms=client.created_ms), *client.certificates)


def with_key(client: Client, key: AccountKey) -> Client:
    """The account with one key more; raises ``AccountKeyExists``, ``InvalidEntity`` (too many)."""
    keys = keys_of(client)
    if any(each.kid == key.kid for each in keys):
        raise PermanentError("AccountKeyExists", f"{client.name} has the key {key.kid} already.")
    _refuse_many(client, len(keys), "keys")
    return _with(client, (*keys, key), certificates_of(client))


def without_key(client: Client, kid: str, *, force: bool = False) -> Client:
    """The account without a key; raises ``AccountKeyNotFound``, ``LastAccountKey``."""
    keys = tuple(each for each in keys_of(client) if each.kid != kid)
    if len(keys) == len(keys_of(client)):
        raise PermanentError("AccountKeyNotFound", f"{client.name} has no key {kid[:80]}.")
    return _kept(_with(client, keys, certificates_of(client)), force)


def with_certificate(client: Client, certificate: AccountCertificate) -> Client:
    """As ``with_key``."""
    certificates = certificates_of(client)
    if any(each.sha256 == certificate.sha256 for each in certificates):
        raise PermanentError(
            "AccountKeyExists", f"{client.name} has the certificate {certificate.sha256} already."
        )
    _refuse_many(client, len(certificates), "certificates")
    return _with(client, keys_of(client), (*certificates, certificate))


def without_certificate(client: Client, sha256: str, *, force: bool = False) -> Client:
    """As ``without_key``; a fingerprint may have colons."""
    wanted = sha256.replace(":", "").lower()
    left = tuple(each for each in certificates_of(client) if each.sha256 != wanted)
    if len(left) == len(certificates_of(client)):
        raise PermanentError(
            "AccountKeyNotFound", f"{client.name} has no certificate {sha256[:80]}."
        )
    return _kept(_with(client, keys_of(client), left), force)


def _with(
    client: Client, keys: tuple[AccountKey, ...], certificates: tuple[AccountCertificate, ...]
) -> Client:
    return msgspec.structs.replace(
        client,
        account=True,
        public_key_pem="",
        certificate_pem="",
        keys=keys,
        certificates=certificates,
    )


def _kept(client: Client, force: bool) -> Client:
    if not (client.keys or client.certificates or force):
        raise PermanentError(
            "LastAccountKey", f"That is the last key or certificate of {client.name}."
        )
    return client


def _refuse_many(client: Client, count: int, what: str) -> None:
    if count >= MOST:
        raise PermanentError(
            "InvalidEntity",
            f"{client.name} has {count} {what}, and may have no more than {MOST}.",
            hint="Remove those that are not used: `helio service-account show` tells.",
        )
