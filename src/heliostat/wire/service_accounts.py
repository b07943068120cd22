"""Service accounts: programs that sign in with keys and certificates, not a password."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import NAME, PAGE, Body, Query, Route

PATH = "/v1/service-accounts"
ACCOUNT = f"{PATH}/{{id}}"
FORCE = Query("force", bool, "Also the last one, after which no key of its own signs in.")


class ServiceAccountCreateSpec(Request):
    """A service account; the private half of ``public_key_pem`` never leaves its owner.

    A public key in PEM or as a JWK (RSA of 2048 bits or more, P-256, P-384, Ed25519), or a
    certificate in PEM.  ``days`` is how long the key counts (0: it does not end by itself).
    """

    name: str
    public_key_pem: str
    groups: list[str] | None = None
    description: str = ""
    days: int = 0


class ServiceAccountChange(Request):
    """What to write of a service account; what is left out stays."""

    description: str | None = None
    disabled: bool | None = None


class ServiceAccountKeySpec(Request):
    """One more public key, PEM or JWK; ``days`` 0: it does not end by itself."""

    public_key: str
    title: str = ""
    days: int = 0


class ServiceAccountCertificateSpec(Request):
    """A certificate from elsewhere (PEM), which is known by its fingerprint from then on."""

    certificate: str


class ServiceAccountKey(Response):
    """A key; its id is its thumbprint (RFC 7638), for ``kid``.  Times in ms, 0: none.

    ``last_used_time`` is true to the hour.
    """

    id: str
    algorithm: str
    public_key_pem: str
    created_time: int
    title: str = ""
    expires_time: int = 0
    last_used_time: int = 0


class ServiceAccountCertificate(Response):
    """A registered certificate; its id is its fingerprint (SHA-256).  Times as a key's."""

    id: str
    subject: str
    certificate: str
    created_time: int
    expires_time: int
    last_used_time: int = 0


class ServiceAccount(Response):
    """A service account; ``client_id`` is what it signs in as.

    ``last_used_time`` is of all it proves itself with, and told where one account is shown.
    """

    id: str
    kind: str
    name: str
    client_id: str
    self_link: str
    groups: list[str]
    created_time: int = 0
    disabled: bool = False
    keys: list[ServiceAccountKey] = []
    certificates: list[ServiceAccountCertificate] = []
    description: str = ""
    unit: str = ""
    last_used_time: int = 0


class ServiceAccountList(Response):
    """A page of service accounts."""

    items: list[ServiceAccount]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="POST",
        path=PATH,
        operation="createServiceAccount",
        access=Access.SYSTEM_ADMIN,
        summary="Create a service account.",
        request=ServiceAccountCreateSpec,
        body=Body.JSON,
        response=ServiceAccount,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=PATH,
        operation="listServiceAccounts",
        access=Access.SYSTEM_ADMIN,
        summary="List the service accounts.",
        response=ServiceAccountList,
        query=(NAME, *PAGE),
    ),
    Route(
        method="GET",
        path=ACCOUNT,
        operation="getServiceAccount",
        access=Access.SYSTEM_ADMIN,
        summary="Show a service account, and when its keys and certificates were last used.",
        response=ServiceAccount,
    ),
    Route(
        method="PATCH",
        path=ACCOUNT,
        operation="updateServiceAccount",
        access=Access.SYSTEM_ADMIN,
        summary="Describe a service account, bar it, or let it in again.",
        request=ServiceAccountChange,
        body=Body.JSON,
        response=ServiceAccount,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=ACCOUNT,
        operation="deleteServiceAccount",
        access=Access.SYSTEM_ADMIN,
        summary="Delete a service account; its keys no longer sign in.",
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{ACCOUNT}/keys",
        operation="addServiceAccountKey",
        access=Access.SYSTEM_ADMIN,
        summary="Give a service account one more key.",
        request=ServiceAccountKeySpec,
        body=Body.JSON,
        response=ServiceAccount,
        status=201,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{ACCOUNT}/keys/{{key}}",
        operation="removeServiceAccountKey",
        access=Access.SYSTEM_ADMIN,
        summary="Take a key away from a service account.",
        status=204,
        query=(FORCE,),
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{ACCOUNT}/certificates",
        operation="addServiceAccountCertificate",
        access=Access.SYSTEM_ADMIN,
        summary="Let a service account prove itself with a certificate from elsewhere.",
        request=ServiceAccountCertificateSpec,
        body=Body.JSON,
        response=ServiceAccount,
        status=201,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{ACCOUNT}/certificates/{{certificate}}",
        operation="removeServiceAccountCertificate",
        access=Access.SYSTEM_ADMIN,
        summary="Take a registered certificate away from a service account.",
        status=204,
        query=(FORCE,),
        mutating=True,
    ),
)
