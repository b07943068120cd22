"""Programs that people sign in to with SAML 2.0, and the metadata that those read about us."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import PAGE, Body, Owner, Route

PATH = f"{BASE}/{{{TENANT}}}/service-providers"


class ServiceProviderUpdateSpec(Request, kw_only=True, omit_defaults=True):
    """What is said of a service provider; a field that is left out stays as it is.

    ``metadata`` is the XML that the provider describes itself with.  ``attributes`` are what
    it is told of people; ``allowedGroups`` whom it lets in (empty: everybody).
    ``certificates`` are PEM, for its signatures and for encryption to it.  ``signs`` is what is
    signed for it: response, assertion or both.
    """

    metadata: str | None = None
    entity_id: str | None = None
    title: str | None = None
    acs_urls: list[str] | None = None
    logout_url: str | None = None
    certificates: list[str] | None = None
    name_id_format: str | None = None
    attributes: list[str] | None = None
    allowed_groups: list[str] | None = None
    signed_requests: bool | None = None
    signs: str | None = None
    encrypt: bool | None = None
    unsolicited: bool | None = None


class ServiceProviderCreateSpec(ServiceProviderUpdateSpec, kw_only=True, omit_defaults=True):
    """A service provider to register: by its metadata, or by entity id and addresses."""

    name: str


class ServiceProvider(Response):
    """A service provider.

    ``metadataUrl`` is where it reads about us.  ``fingerprints`` are SHA-256 of its
    certificates.
    """

    id: str
    kind: str
    name: str
    self_link: str
    entity_id: str
    acs_urls: list[str]
    logout_urls: list[str]
    fingerprints: list[str]
    name_id_format: str
    attributes: list[str]
    allowed_groups: list[str]
    signed_requests: bool
    encrypt: bool
    unsolicited: bool
    metadata_url: str
    created_time: int
    signs: str = "both"
    title: str = ""


class ServiceProviderList(Response):
    """A page of service providers."""

    items: list[ServiceProvider]
    next_page_link: str = ""
    previous_page_link: str = ""


class SamlKeyReplaced(Response):
    """When the next key signs (ms); it is in the metadata from now on."""

    signs_from: int


_OWNER = Owner(DIRECTORY, TENANT)

ROUTES = (
    Route(
        method="POST",
        path=PATH,
        operation="createServiceProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Register a program that people sign in to with SAML.",
        request=ServiceProviderCreateSpec,
        body=Body.JSON,
        response=ServiceProvider,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path=PATH,
        operation="listServiceProviders",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="List the programs that people sign in to with SAML.",
        response=ServiceProviderList,
        query=PAGE,
        confidential=True,
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{id}}",
        operation="getServiceProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show a program that people sign in to with SAML.",
        response=ServiceProvider,
        confidential=True,
    ),
    Route(
        method="PATCH",
        path=f"{PATH}/{{id}}",
        operation="updateServiceProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Change a program that people sign in to with SAML.",
        request=ServiceProviderUpdateSpec,
        body=Body.JSON,
        response=ServiceProvider,
        mutating=True,
    ),
    Route(
        method="DELETE",
        path=f"{PATH}/{{id}}",
        operation="deleteServiceProvider",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Forget a program that people sign in to with SAML.",
        status=204,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{BASE}/{{{TENANT}}}/saml-keys",
        operation="replaceSamlKey",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Publish the next key for SAML, two months before it signs.",
        response=SamlKeyReplaced,
        status=201,
        mutating=True,
    ),
)
