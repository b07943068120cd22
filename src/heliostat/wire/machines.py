"""Machines that are members of a directory: their tokens to join with, and what they are told.

The calls of machines bear no token: to join, one shows the secret of a join token; the others
an assertion under the key of the machine's certificate.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import Body, Owner, Route

COMPUTER = "computer"
_TENANT = f"{BASE}/{{{TENANT}}}"


class MachineInvitationSpec(Request, omit_defaults=True):
    """A token to make; ``unit`` is where the computer goes if it isn't there yet."""

    unit: str = ""


class MachineInvitation(Response):
    """A token, good once until ``expiresTime`` (ms); it is told this once."""

    computer: str
    token: str
    expires_time: int


class MachineJoin(Request, omit_defaults=True):
    """A machine with a token's secret asks for a certificate: ``request`` is a PEM CSR."""

    secret: str
    request: str
    operating_system: str = ""


class MachineRefresh(Request, omit_defaults=True):
    """A member proves itself by ``assertion``; with ``request`` it asks for a new certificate."""

    assertion: str
    request: str = ""
    operating_system: str = ""


class DirectoryServers(Response):
    """Where a directory is read by LDAP; ``backup`` are servers of other sites.

    ``bindDn`` is the machine's own name there, ``disabled`` the attribute that is TRUE of people
    who may not sign in.  ``secret`` is told once, when it joins; empty: it
    is what it was.
    """

    servers: list[str]
    base: str
    bind_dn: str
    disabled: str
    backup: list[str] = []
    secret: str = ""


class KerberosServers(Response):
    """Where the tickets of a realm come from, and passwords are changed (``host:port``).

    ``service`` is what the machine may have a key of (empty: none), ``key`` the name of the latest
    (empty: it has none yet).  ``logIn``: it checks people's passwords there.
    """

    realm: str
    servers: list[str]
    password_servers: list[str] = []
    service: str = ""
    key: str = ""
    log_in: bool = False


class MachineMembership(Response):
    """What a member is told.

    ``certificate`` is PEM, its own first (empty: keep the present one); ``roots`` are all that
    it trusts, ``crls`` what of them is revoked.  ``issuer`` is whom its assertions are for.
    """

    computer: str
    domain: str
    issuer: str
    certificate: str
    roots: list[str]
    crls: list[str] = []
    directory: DirectoryServers | None = None
    kerberos: KerberosServers | None = None


class MachineKeySpec(Request):
    """A member proves itself by ``assertion``, and asks for a key in the Kerberos realm."""

    assertion: str


class MachineKey(Response):
    """A machine's key in a realm: ``keytab`` (base64) has those before it, too.

    ``key`` names the latest; it is what refreshing tells.
    """

    computer: str
    service: str
    key: str
    keytab: str


class WorkloadSpec(Request, omit_defaults=True):
    """A program's identity, asked for by its machine, which proves itself by ``assertion``.

    With ``audience`` it gets a token, with ``request`` (a PEM CSR) a certificate.
    """

    assertion: str
    name: str
    audience: list[str] = []
    request: str = ""


class WorkloadIdentity(Response):
    """A program's identity, as SPIFFE has them.

    ``token`` ends at ``expiresTime`` (ms); ``certificate`` is PEM, its own first.
    """

    spiffe_id: str
    token: str = ""
    expires_time: int = 0
    certificate: str = ""


ROUTES = (
    Route(
        method="POST",
        path=f"{_TENANT}/computers/{{{COMPUTER}}}/join-token",
        operation="inviteMachine",
        access=Access.TENANT_ADMIN,
        owner=Owner(DIRECTORY, TENANT),
        summary="Make a token with which one machine joins the directory, once.",
        request=MachineInvitationSpec,
        body=Body.JSON,
        response=MachineInvitation,
        status=201,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{_TENANT}/machines/join",
        operation="joinMachine",
        access=Access.PUBLIC,
        summary="Become a member, with the secret of a join token.",
        request=MachineJoin,
        body=Body.JSON,
        response=MachineMembership,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{_TENANT}/machines/refresh",
        operation="refreshMachine",
        access=Access.PUBLIC,
        summary="Stay a member: what is trusted now, and a new certificate where one is due.",
        request=MachineRefresh,
        body=Body.JSON,
        response=MachineMembership,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{_TENANT}/machines/key",
        operation="giveMachineKey",
        access=Access.PUBLIC,
        summary="Give a member machine a new key in the tenant's Kerberos realm.",
        request=MachineKeySpec,
        body=Body.JSON,
        response=MachineKey,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{_TENANT}/machines/workloads",
        operation="identifyWorkload",
        access=Access.PUBLIC,
        summary="Give a program on a member machine a token or a certificate of its own.",
        request=WorkloadSpec,
        body=Body.JSON,
        response=WorkloadIdentity,
        mutating=True,
    ),
    Route(
        method="POST",
        path="/v1/vms/{id}/identity",
        operation="inviteVm",
        access=Access.PROJECT_USER,
        owner=Owner("vm"),
        summary="Make a token with which a VM joins the directory, bound to it and its project.",
        response=MachineInvitation,
        status=201,
        mutating=True,
    ),
)
