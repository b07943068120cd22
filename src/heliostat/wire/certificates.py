"""Certificates that a domain's authority issued, from signing requests."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Body, Owner, Query, Route

PATH = f"{BASE}/{{{TENANT}}}/certificates"


class CertificateRequest(Request):
    """A signing request (PKCS #10, PEM); ``days`` 0: as long as the policy allows."""

    csr: str
    days: int = 0


class CertificateIssue(CertificateRequest):
    """With ``account`` it is for that service account, whose names alone it may say."""

    account: str = ""


class CertificateRevocation(Request):
    """Why a certificate is taken back, as RFC 5280 calls it."""

    reason: str = "unspecified"


class Certificate(Response):
    """A certificate; its serial number is its id.  ``chain``: what a server shows after it.

    ``state``: active, expired or revoked.  ``names`` as in dns:www.acme.example.
    """

    id: str
    kind: str
    serial: str
    subject: str
    names: list[str]
    key: str
    usages: list[str]
    state: str
    issuer: str
    by: str
    via: str
    not_before_time: int
    not_after_time: int
    self_link: str
    certificate: str
    revoked_time: int = 0
    reason: str = ""
    chain: str = ""
    why: str = ""


class CertificateList(Response):
    """A page of certificates, in order of issue."""

    items: list[Certificate]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path=PATH,
        operation="issueCertificate",
        access=Access.AUTHENTICATED,
        summary="Issue a certificate from a signing request, as the domain's policy allows.",
        request=CertificateIssue,
        body=Body.JSON,
        response=Certificate,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=PATH,
        operation="listCertificates",
        access=Access.TENANT_ADMIN,
        owner=Owner(DIRECTORY, TENANT),
        summary="List the certificates of a domain.",
        response=CertificateList,
        query=(
            *PAGE,
            Query("state", str, "Only active, expired or revoked ones."),
            Query("name", str, "Only those with this name, e.g. www.acme.example."),
            Query("expiringWithinDays", int, "Only those that end in so many days, by their end."),
        ),
        confidential=True,
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{id}}",
        operation="getCertificate",
        access=Access.AUTHENTICATED,
        summary="Show a certificate to whoever knows its number.",
        response=Certificate,
    ),
    Route(
        method="POST",
        path=f"{PATH}/{{id}}/renew",
        operation="renewCertificate",
        access=Access.AUTHENTICATED,
        summary="Issue a certificate for the same names as one that still counts.",
        request=CertificateRequest,
        body=Body.JSON,
        response=Certificate,
        status=201,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{PATH}/{{id}}/revoke",
        operation="revokeCertificate",
        access=Access.AUTHENTICATED,
        summary="Take a certificate back.",
        request=CertificateRevocation,
        body=Body.JSON,
        response=Certificate,
        mutating=True,
    ),
)
