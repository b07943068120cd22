"""Whether a tenant's certificate still counts, for whoever proves something with it.

The register knows what was issued, so a signature alone convinces nobody: what is not in it
byte by byte was not issued by this tenant's authority.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from heliostat.cloudstore.contract import CloudStore
from heliostat.identity.authority.records import Certificate, certificates, intermediates
from heliostat.identity.authority.serial_numbers import serial_text


class Believed:
    """Asks the register of one tenant."""

    def __init__(self, store: CloudStore, tenant_id: str) -> None:
        self._store = store
        self._kind = certificates(tenant_id)
        self._intermediates = intermediates(tenant_id)

    async def record_of(self, certificate: x509.Certificate) -> Certificate | None:
        """What the register has of a certificate; ``None`` for one that was issued elsewhere."""
        found = await self._kind.get(self._store, serial_text(certificate.serial_number))
        if found is None or found.value.der != certificate.public_bytes(Encoding.DER):
            return None
        return found.value

    async def is_taken_back(self, record: Certificate) -> bool:
        """Whether it was revoked, or whoever signed it."""
        if record.revoked_ms:
            return True
        issuer = await self._intermediates.get(self._store, record.issuer)
        return issuer is not None and issuer.value.revoked
