"""Kerberos of a directory's tenant: its realm, and the services that prove themselves in it."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Body, Owner, Route

REALM = f"{BASE}/{{{TENANT}}}/kerberos"
SERVICES = f"{BASE}/{{{TENANT}}}/service-principals"
_OWNER = Owner(DIRECTORY, TENANT)


class KerberosRealm(Response):
    """A realm.  ``krb5_conf`` is the configuration of its clients."""

    id: str
    kind: str
    domain: str
    realm: str
    kdc: str
    password_server: str
    created_time: int
    self_link: str
    krb5_conf: str


class ServicePrincipalSpec(Request):
    """A service: ``HTTP/web.acme.example``."""

    name: str


class ServicePrincipal(Response):
    """A service; ``versions`` of its key, the latest first, open tickets."""

    id: str
    kind: str
    name: str
    principal: str
    version: int
    versions: list[int]
    created_time: int
    changed_time: int
    self_link: str


class MadeServicePrincipal(ServicePrincipal):
    """Just made or rotated: its keytab, told this once and not to a repeated request (base64)."""

    keytab: str = ""


class ServicePrincipalList(Response):
    """A page of services."""

    items: list[ServicePrincipal]
    next_page_link: str = ""
    previous_page_link: str = ""


ROUTES = (
    Route(
        method="GET",
        path=REALM,
        operation="getKerberosRealm",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show the Kerberos realm of a directory's tenant.",
        response=KerberosRealm,
        confidential=True,
    ),
    Route(
        method="POST",
        path=REALM,
        operation="enableKerberos",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Give a directory's tenant a Kerberos realm: its domain in capitals.",
        response=KerberosRealm,
        status=201,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=REALM,
        operation="disableKerberos",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="End the Kerberos realm of a tenant; its tickets and keytabs are worthless.",
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path=SERVICES,
        operation="createServicePrincipal",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Create a service of a Kerberos realm; answers its keytab.",
        request=ServicePrincipalSpec,
        body=Body.JSON,
        response=MadeServicePrincipal,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=SERVICES,
        operation="listServicePrincipals",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List the services of a Kerberos realm.",
        response=ServicePrincipalList,
        query=PAGE,
        confidential=True,
    ),
    Route(
        method="GET",
        path=f"{SERVICES}/{{id}}",
        operation="getServicePrincipal",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show a service of a Kerberos realm.",
        response=ServicePrincipal,
        confidential=True,
    ),
    Route(
        method="POST",
        path=f"{SERVICES}/{{id}}/rotate",
        operation="rotateServicePrincipal",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Give a service a new key; answers its keytab, which opens older tickets, too.",
        response=MadeServicePrincipal,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{SERVICES}/{{id}}",
        operation="deleteServicePrincipal",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Delete a service of a Kerberos realm; nobody gets tickets for it.",
        status=204,
        mutating=True,
    ),
)
