"""What is no longer good: revocation lists (RFC 5280) and OCSP (RFC 6960) of one issuer's tenant.

A list is a document, signed again when somebody asks and something was revoked since, or
a seventh of its life has passed; its number rises in the same commit.  OCSP is answered
from the certificates' documents themselves, by a signer that lives a week, in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.identity.authority.certificates import is_due, make_ocsp_signer
from heliostat.identity.authority.issuer_keys import Issuer
from heliostat.identity.authority.issuers import Issuers
from heliostat.identity.authority.records import (
    Certificate,
    RevocationList,
    Revoked,
    certificates,
    revocation_lists,
)
from heliostat.identity.authority.revocation_lists import Entries, Publisher, current_list
from heliostat.identity.authority.roots import moment
from heliostat.identity.authority.serial_numbers import serial_text
from heliostat.identity.options import IdentityOptions

MAX_OCSP_BYTES = 4096
_MAX_NONCE = 32  # octets (RFC 8954, 2.1)
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    NotImplementedError,
    x509.DuplicateExtension,
)


@dataclass(frozen=True, slots=True)
class _Signer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Revocation:
    """Lists and OCSP of one tenant."""

    def __init__(
        self, store: CloudStore, clock: Clock, options: IdentityOptions, issuers: Issuers
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._issuers = issuers
        self._certificates = certificates(options.tenant)
        self._lists = revocation_lists(options.tenant)
        self._signers: dict[str, _Signer] = {}

    async def crl(self, issuer_id: str = "") -> RevocationList | None:
        """The list of an issuer (the present one's without an id); ``None``: there is none."""
        issuer = await (self._issuers.find(issuer_id) if issuer_id else self._issuers.known())
        if issuer is None:
            return None
        return await current_list(
            self._store,
            self._clock,
            self._lists,
            Publisher(issuer.id, issuer.certificate.subject, issuer.certificate, issuer.key),
            lambda: self._revoked(issuer.id),
            self._options.authority.crl_days,
        )

    async def answer(self, issuer_id: str, raw: bytes) -> bytes:
        """The OCSP response (DER) to a request, whatever that is."""
        failed = ocsp.OCSPResponseBuilder.build_unsuccessful
        if len(raw) > MAX_OCSP_BYTES:
            return _der(failed(ocsp.OCSPResponseStatus.MALFORMED_REQUEST))
        issuer = await self._issuers.find(issuer_id)
        if issuer is None:
            return _der(failed(ocsp.OCSPResponseStatus.UNAUTHORIZED))
        try:
            asked = ocsp.load_der_ocsp_request(raw)
            asked_hash = asked.hash_algorithm
            ours = _issuer_hashes(issuer.certificate, asked_hash)
            nonce = _nonce(asked)
        except _UNREADABLE:
            return _der(failed(ocsp.OCSPResponseStatus.MALFORMED_REQUEST))
        if (asked.issuer_name_hash, asked.issuer_key_hash) != ours:
            return _der(failed(ocsp.OCSPResponseStatus.UNAUTHORIZED))
        found = await self._certificates.get(self._store, serial_text(asked.serial_number))
        record = found.value if found is not None and found.value.issuer == issuer.id else None
        return _der(self._response(issuer, asked, record, nonce))

    def _response(
        self,
        issuer: Issuer,
        asked: ocsp.OCSPRequest,
        record: Certificate | None,
        nonce: x509.OCSPNonce | None,
    ) -> ocsp.OCSPResponse:
        now = moment(self._clock.now_ms())
        signer = self._signer(issuer, now)
        status, revoked, reason = ocsp.OCSPCertStatus.UNKNOWN, None, None
        if record is not None and record.revoked_ms:
            status, revoked = ocsp.OCSPCertStatus.REVOKED, moment(record.revoked_ms)
            reason = x509.ReasonFlags(record.reason)
        elif record is not None:
            status = ocsp.OCSPCertStatus.GOOD
        unsigned = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=asked.issuer_name_hash,
                issuer_key_hash=asked.issuer_key_hash,
                serial_number=asked.serial_number,
                algorithm=asked.hash_algorithm,
                cert_status=status,
                this_update=now,
                next_update=now + timedelta(hours=self._options.authority.ocsp_hours),
                revocation_time=revoked,
                revocation_reason=reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
            .certificates([signer.certificate])
        )
        if nonce is not None:
            unsigned = unsigned.add_extension(nonce, critical=False)
        return unsigned.sign(signer.key, hashes.SHA256())

    def _signer(self, issuer: Issuer, now: datetime) -> _Signer:
        known = self._signers.get(issuer.id)
        if known is None or is_due(known.certificate, now):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = make_ocsp_signer(key.public_key(), issuer.certificate, issuer.key, now)
            known = self._signers[issuer.id] = _Signer(certificate, key)
        return known

    async def keep_current(self) -> None:
        """Sign again what is due, asked for or not: what ends has to be in one more list."""
        for stored in await self._lists.all(self._store):
            await self.crl(stored.value.id)

    async def _revoked(self, issuer_id: str) -> Entries:
        since = await self._store.revision()
        found = await self._certificates.by_index(self._store, "revoked", issuer_id)
        revoked = [
            Revoked(
                serial=each.id,
                revoked_ms=each.revoked_ms,
                reason=each.reason,
                not_after_ms=each.not_after_ms,
            )
            for each in (stored.value for stored in found)
        ]
        return Entries(revoked, self._certificates.index_unchanged("revoked", issuer_id, since))


def _issuer_hashes(
    issuer: x509.Certificate, algorithm: hashes.HashAlgorithm
) -> tuple[bytes, bytes]:
    """Hashes of name and key (RFC 6960, 4.1.1): of the bits of the key, without its kind."""
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("our issuers have P-256 keys")
    bits = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _hashed(algorithm, issuer.subject.public_bytes()), _hashed(algorithm, bits)


def _hashed(algorithm: hashes.HashAlgorithm, content: bytes) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(content)
    return digest.finalize()


def _nonce(asked: ocsp.OCSPRequest) -> x509.OCSPNonce | None:
    """Raises ``ValueError`` for one of a length that RFC 8954 does not allow."""
    for extension in asked.extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            if not 1 <= len(extension.value.nonce) <= _MAX_NONCE:
                raise ValueError("the nonce is too long")
            return extension.value
    return None


def _der(response: ocsp.OCSPResponse) -> bytes:
    return response.public_bytes(Encoding.DER)
