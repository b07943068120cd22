"""How a service account proves who it is: an assertion under a key or certificate of its own.

One that shows a certificate (``x5c``) is judged by that alone.  It must be registered on the
account, or have been issued for it by the tenant's authority: then the register says so, and
whether it was taken back.  An assertion that shows none is signed with one of the account's
keys, or of its certificates; nothing is read for that but the account.
"""

from __future__ import annotations

from typing import cast

from cryptography import x509

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.authority.believed import Believed
from heliostat.identity.clients.records import Client
from heliostat.identity.options import IdentityOptions
from heliostat.identity.service_accounts.certificates import (
    fingerprint,
    parsed_certificate,
    unfitness,
)
from heliostat.identity.service_accounts.credentials import certificates_of, keys_of
from heliostat.identity.service_accounts.keys import OwnKey, parsed_key
from heliostat.identity.service_accounts.names import VIA, account_uri
from heliostat.identity.service_accounts.signatures import has_signed
from heliostat.identity.service_accounts.uses import BY_AUTHORITY
from heliostat.identity.tokens.jose import Parsed
from heliostat.identity.tokens.shown_certificate import NotShown, certificate_in


class AccountProofs:
    """Checks the signatures of one tenant's service accounts."""

    def __init__(self, store: CloudStore, clock: Clock, options: IdentityOptions) -> None:
        self._clock = clock
        self._options = options
        self._believed = Believed(store, options.tenant)

    async def credential(self, read: Parsed, client: Client) -> str:
        """What has signed it: a key's id, a certificate's fingerprint, or ``BY_AUTHORITY``.

        Raises ``InvalidClient``.
        """
        if client.disabled:
            raise refused(f"{client.name} is disabled")
        if "x5c" in read.header:
            return await self._by_certificate(read, client)
        return by_key(read, client, self._clock.now_ms())

    async def _by_certificate(self, read: Parsed, client: Client) -> str:
        try:
            shown = certificate_in(read.header)
        except NotShown as error:
            raise refused(str(error)) from error
        digest = fingerprint(shown)
        registered = any(each.sha256 == digest for each in certificates_of(client))
        if why := unfitness(shown, self._clock.now_ms()):
            raise refused(f"its certificate is no good, {why}")
        if not has_signed(cast(OwnKey, shown.public_key()), read):
            raise refused("its signature is wrong")
        await self._refuse_stranger(shown, client, registered=registered)
        return digest if registered else BY_AUTHORITY

    async def _refuse_stranger(
        self, shown: x509.Certificate, client: Client, *, registered: bool
    ) -> None:
        record = await self._believed.record_of(shown)
        if record is None:
            if not registered:
                domain = self._options.domain
                raise refused(
                    f"its certificate is none of {client.name}, nor one that {domain} has issued"
                )
            return
        if await self._believed.is_taken_back(record):
            raise refused("its certificate was revoked")
        if registered:
            return
        uri = account_uri(self._options.domain, client.name)
        if record.via != VIA or f"uri:{uri}" not in record.names:
            raise refused(f"its certificate is not for {client.name}")
        if record.created_ms < client.created_ms:
            raise refused(f"its certificate is of an earlier account {client.name}")


def by_key(read: Parsed, client: Client, now_ms: int) -> str:
    """The key (its id) or certificate (its fingerprint) that has signed it; pure.

    Raises ``InvalidClient``.
    """
    keys, named = keys_of(client), read.header.get("kid")
    for key in [each for each in keys if each.kid == named] or keys:
        if has_signed(parsed_key(key.public_pem), read):
            if key.expires_ms and now_ms >= key.expires_ms:
                raise refused(f"the key {key.kid} has ended")
            return key.kid
    for certificate in certificates_of(client):
        shown = parsed_certificate(certificate.pem)
        if has_signed(cast(OwnKey, shown.public_key()), read):
            if why := unfitness(shown, now_ms):
                raise refused(f"its certificate is no good, {why}")
            return certificate.sha256
    raise refused("its signature is wrong")


def refused(why: str) -> PermanentError:
    return PermanentError("InvalidClient", f"The client assertion is refused: {why}.")
