"""Kerberos of a directory's tenant; keys and tickets are sign-in's."""

from __future__ import annotations

import base64
from urllib.parse import quote

from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import paginate
from heliostat.controller.api.directories import place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.controller.api.kerberos_ports import KerberosPort, RealmRecord, ServiceRecord
from heliostat.controller.api.listing import of_names
from heliostat.wire import kerberos as wire
from heliostat.wire.directory_tenants import TENANT

REALM_KIND = "kerberos-realm"
SERVICE_KIND = "service-principal"


def _kerberos(call: Call) -> tuple[KerberosPort, str]:
    return call.services.directories.kerberos, call.params[TENANT]


def show_realm(call: Call, realm: RealmRecord) -> wire.KerberosRealm:
    """A realm; its name is its id."""
    return wire.KerberosRealm(
        id=realm.realm,
        kind=REALM_KIND,
        domain=realm.domain,
        realm=realm.realm,
        kdc=realm.kdc,
        password_server=realm.password_server,
        created_time=realm.created_ms,
        self_link=f"{place_of(call)}/kerberos",
        krb5_conf=realm.client_configuration,
    )


def show_service(call: Call, service: ServiceRecord) -> wire.ServicePrincipal:
    """A service; its name is its id."""
    return wire.ServicePrincipal(
        id=service.name,
        kind=SERVICE_KIND,
        name=service.name,
        principal=service.principal,
        version=service.version,
        versions=list(service.versions),
        created_time=service.created_ms,
        changed_time=service.changed_ms,
        self_link=f"{place_of(call)}/service-principals/{quote(service.name, safe='')}",
    )


def show_made(call: Call, service: ServiceRecord) -> wire.MadeServicePrincipal:
    """With its keytab, if it has just got one."""
    shown = show_service(call, service)
    return wire.MadeServicePrincipal(
        id=shown.id,
        kind=shown.kind,
        name=shown.name,
        principal=shown.principal,
        version=shown.version,
        versions=shown.versions,
        created_time=shown.created_time,
        changed_time=shown.changed_time,
        self_link=shown.self_link,
        keytab=base64.b64encode(service.keytab).decode(),
    )


async def _show_realm(call: Call) -> wire.KerberosRealm:
    kerberos, domain = _kerberos(call)
    return show_realm(call, await kerberos.get_realm(domain))


async def _enable(call: Call, plan: bool) -> wire.KerberosRealm:
    kerberos, domain = _kerberos(call)
    return show_realm(call, await kerberos.enable_realm(domain, plan=plan))


async def _disable(call: Call, plan: bool) -> None:
    kerberos, domain = _kerberos(call)
    await kerberos.disable_realm(domain, plan=plan)


async def _create(call: Call, plan: bool) -> wire.MadeServicePrincipal:
    kerberos, domain = _kerberos(call)
    return show_made(call, await kerberos.create_service(domain, call.body.name, plan=plan))


async def _created(call: Call) -> wire.MadeServicePrincipal:
    kerberos, domain = _kerberos(call)
    return show_made(call, await kerberos.get_service(domain, call.body.name))


async def _list(call: Call) -> wire.ServicePrincipalList:
    kerberos, domain = _kerberos(call)
    found = await kerberos.list_services(domain)
    page = await paginate(call, of_names(call.store, found, None))
    return wire.ServicePrincipalList(
        items=[show_service(call, each) for each in page.items],
        next_page_link=page.link,
        previous_page_link=page.previous,
    )


async def _show(call: Call) -> wire.ServicePrincipal:
    kerberos, domain = _kerberos(call)
    return show_service(call, await kerberos.get_service(domain, call.id))


async def _rotate(call: Call, plan: bool) -> wire.MadeServicePrincipal:
    kerberos, domain = _kerberos(call)
    return show_made(call, await kerberos.rotate_service(domain, call.id, plan=plan))


async def _rotated(call: Call) -> wire.MadeServicePrincipal:
    kerberos, domain = _kerberos(call)
    return show_made(call, await kerberos.get_service(domain, call.id))


async def _delete(call: Call, plan: bool) -> None:
    kerberos, domain = _kerberos(call)
    await kerberos.delete_service(domain, call.id, plan=plan)


HANDLERS: dict[str, Handler] = {
    "getKerberosRealm": Reads(_show_realm),
    "enableKerberos": Applies(_enable, REALM_KIND, again=_show_realm),
    "disableKerberos": Applies(_disable, REALM_KIND, again=nothing),
    "createServicePrincipal": Applies(_create, SERVICE_KIND, again=_created),
    "listServicePrincipals": Reads(_list),
    "getServicePrincipal": Reads(_show),
    "rotateServicePrincipal": Applies(_rotate, SERVICE_KIND, again=_rotated),
    "deleteServicePrincipal": Applies(_delete, SERVICE_KIND, again=nothing),
}
