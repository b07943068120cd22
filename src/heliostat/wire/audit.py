"""The audit trail: who did what, on what, from where, and how it ended.

Every request that changes something is recorded, and so are sign-ins, refusals
and opened consoles.  Nothing of the API changes or removes a record.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.route import PAGE, Owner, Query, Route


class AuditRecord(Response):
    """One request.

    ``proof`` is how the caller proved who it is (token, peer, ticket, password, key, none);
    ``result`` is done, refused or failed; ``code`` the error's, ``task_id`` the task that
    carries it out.  ``count`` above 1 stands for requests not recorded one by one.
    """

    id: str
    time: int
    subject: str
    proof: str
    operation: str
    result: str
    status: int
    client: str = ""
    method: str = ""
    path: str = ""
    entity_kind: str = ""
    entity_id: str = ""
    tenant_id: str = ""
    project_id: str = ""
    address: str = ""
    uid: int | None = None
    code: str = ""
    task_id: str = ""
    request_id: str = ""
    count: int = 1


class AuditList(Response):
    """A page of records, newest first."""

    items: list[AuditRecord]
    next_page_link: str = ""
    previous_page_link: str = ""


class AuditVerification(Response):
    """Whether the records are those that were sealed; ``problems`` is empty if so.

    Note ``latest_digest`` elsewhere: it fixes everything up to the latest seal.
    """

    seals: int
    records: int
    unsealed: int
    latest_digest: str
    problems: list[str]


_FILTERS = (
    Query("subject", str, "Only what this caller did."),
    Query("entityId", str, "Only what was done to this entity."),
    Query("operation", str, "Only this operation, e.g. createVm."),
    Query("result", str, "Only what was done, refused or failed."),
    Query("from", int, "Only what happened at or after this time (ms)."),
    Query("to", int, "Only what happened before this time (ms)."),
    *PAGE,
)

ROUTES = (
    Route(
        method="GET",
        path="/v1/audit",
        operation="listAudit",
        access=Access.SYSTEM_ADMIN,
        summary="List the audit trail, newest first.",
        response=AuditList,
        query=_FILTERS,
    ),
    Route(
        method="GET",
        path="/v1/audit/verification",
        operation="verifyAudit",
        access=Access.SYSTEM_ADMIN,
        summary="Compare every record of the audit trail with the seal that covers it.",
        response=AuditVerification,
    ),
    Route(
        method="GET",
        path="/v1/tenants/{id}/audit",
        operation="listTenantAudit",
        access=Access.TENANT_ADMIN,
        confidential=True,  # who did what from where is for those who answer for the tenant
        owner=Owner("tenant"),
        summary="List what was done in a tenant, newest first.",
        response=AuditList,
        query=_FILTERS,
    ),
)
