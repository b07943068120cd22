"""Certificates of a domain, and its authority."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.acme_keys import AcmeKey, AcmeKeyCreateSpec, AcmeKeyList, CreatedAcmeKey
from heliostat.wire.authority import (
    Authority,
    AuthorityChain,
    AuthorityRequest,
    CertificatePolicy,
    IntermediateReplacement,
    Resealed,
    Resealing,
    RootRotation,
    RotationTold,
)
from heliostat.wire.certificates import (
    Certificate,
    CertificateIssue,
    CertificateList,
    CertificateRequest,
    CertificateRevocation,
)


class Certificates:
    """What was issued, by domain."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def issue(
        self, domain: str, csr: str, *, days: int = 0, account: str = ""
    ) -> Change[Certificate]:
        """For the names of the request, or for the service account ``account``."""
        body = CertificateIssue(csr=csr, days=days, account=account)
        return Change(self._transport, "issueCertificate", (domain,), Certificate, body)

    def list(
        self, domain: str, *, state: str = "", name: str = "", expiring_within_days: int = 0
    ) -> Iterator[Certificate]:
        query = {
            "state": state,
            "name": name,
            "expiringWithinDays": str(expiring_within_days) if expiring_within_days else "",
        }
        return pages(
            self._transport, "listCertificates", domain, answer=CertificateList, query=query
        )

    def get(self, domain: str, serial: str) -> Certificate:
        return read(self._transport, "getCertificate", domain, serial, answer=Certificate)

    def renew(self, domain: str, serial: str, csr: str, *, days: int = 0) -> Change[Certificate]:
        body = CertificateRequest(csr=csr, days=days)
        return Change(self._transport, "renewCertificate", (domain, serial), Certificate, body)

    def revoke(self, domain: str, serial: str, reason: str) -> Change[Certificate]:
        body = CertificateRevocation(reason=reason)
        return Change(self._transport, "revokeCertificate", (domain, serial), Certificate, body)


class AcmeKeys:
    """Keys that open an ACME account, by domain."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, domain: str, title: str, names: Sequence[str] = ()) -> Change[CreatedAcmeKey]:
        body = AcmeKeyCreateSpec(title=title, names=list(names))
        return Change(self._transport, "createAcmeKey", (domain,), CreatedAcmeKey, body)

    def list(self, domain: str) -> Iterator[AcmeKey]:
        return pages(self._transport, "listAcmeKeys", domain, answer=AcmeKeyList)

    def delete(self, domain: str, key: str) -> Change[None]:
        return Change(self._transport, "deleteAcmeKey", (domain, key), NoneType)


class Authorities:
    """Who signs, by domain; the root is the site's own domain's."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, domain: str) -> Authority:
        return read(self._transport, "getAuthority", domain, answer=Authority)

    def policy(self, domain: str) -> CertificatePolicy:
        return read(self._transport, "getCertificatePolicy", domain, answer=CertificatePolicy)

    def set_policy(self, domain: str, policy: CertificatePolicy) -> Change[CertificatePolicy]:
        return Change(self._transport, "setCertificatePolicy", (domain,), CertificatePolicy, policy)

    def replace_intermediate(self, domain: str, reason: str) -> Change[None]:
        body = IntermediateReplacement(reason=reason)
        return Change(self._transport, "replaceIntermediate", (domain,), NoneType, body)

    def rotate(self, domain: str, *, force: bool = False) -> Change[RotationTold]:
        body = RootRotation(force=force)
        return Change(self._transport, "rotateRoot", (domain,), RotationTold, body)

    def cancel_rotation(self, domain: str) -> Change[None]:
        return Change(self._transport, "cancelRootRotation", (domain,), NoneType)

    def request(self, domain: str) -> Change[AuthorityRequest]:
        return Change(self._transport, "requestAuthority", (domain,), AuthorityRequest)

    def install(self, domain: str, chain: str) -> Change[RotationTold]:
        body = AuthorityChain(chain=chain)
        return Change(self._transport, "installAuthority", (domain,), RotationTold, body)

    def reseal(self, domain: str, *, renew: bool = True) -> Change[Resealed]:
        return Change(self._transport, "resealKeys", (domain,), Resealed, Resealing(renew=renew))
