"""The audit trail as lists."""

from __future__ import annotations

from collections.abc import Callable

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.api.call import Call
from heliostat.controller.api.cursors import Batch, Read, paginate
from heliostat.controller.api.handler import Handler, Reads
from heliostat.controller.api.listing import of_index
from heliostat.controller.trail.record import LATEST_MS, RECORDS, Record, Result, record_id
from heliostat.controller.trail.seals import verify
from heliostat.controller.workflows import reading
from heliostat.core.errors import PermanentError
from heliostat.wire import audit as wire


def show_record(record: Record) -> wire.AuditRecord:
    return wire.AuditRecord(
        id=record.id,
        time=record.time_ms,
        subject=record.subject,
        proof=record.proof.value,
        operation=record.operation,
        result=record.result.value,
        status=record.status,
        client=record.client,
        method=record.method,
        path=record.path,
        entity_kind=record.entity_kind,
        entity_id=record.entity_id,
        tenant_id=record.tenant_id,
        project_id=record.project_id,
        address=record.address,
        uid=record.uid,
        code=record.code,
        task_id=record.task_id,
        request_id=record.request_id,
        count=record.count,
    )


async def _list(call: Call) -> wire.AuditList:
    return await _listed(call, "")


async def _list_of_tenant(call: Call) -> wire.AuditList:
    await reading.tenant(call.store, call.id)
    return await _listed(call, call.id)


async def _listed(call: Call, tenant_id: str) -> wire.AuditList:
    keep = _filter_of(call, tenant_id)
    if entity_id := call.query.get("entityId"):
        read = of_index(call.store, RECORDS, "entity", entity_id, keep)
    elif tenant_id:
        read = of_index(call.store, RECORDS, "tenant", tenant_id, keep)
    else:
        read = _of_time(call.store, _moment(call, "from", 0), _moment(call, "to", LATEST_MS), keep)
    page = await paginate(call, read)
    return wire.AuditList(
        items=[show_record(each) for each in page.items], next_page_link=page.link
    )


def _moment(call: Call, name: str, default: int) -> int:
    return min(max(int(call.query.get(name, default)), 0), LATEST_MS)


def _filter_of(call: Call, tenant_id: str) -> Callable[[Record], bool]:
    since, until = _moment(call, "from", 0), _moment(call, "to", LATEST_MS)
    subject, operation = call.query.get("subject"), call.query.get("operation")
    result = call.query.get("result")
    if result is not None and result not in set(Result):
        raise PermanentError(
            "InvalidQueryParams",
            f"result: {result[:80]!r} is none of {', '.join(Result)}.",
            data={"parameter": "result"},
        )

    def keep(record: Record) -> bool:
        return (
            since <= record.time_ms < until
            and subject in (None, record.subject)
            and operation in (None, record.operation)
            and result in (None, record.result)
            and tenant_id in ("", record.tenant_id)
        )

    return keep


def _of_time(
    store: CloudStore, since: int, until: int, keep: Callable[[Record], bool]
) -> Read[Record]:
    """The records between two times; keys count down, so the later time comes first."""
    first = RECORDS.key(record_id(until, "~"))
    last = RECORDS.key(record_id(since, "~"))

    async def read(limit: int, after: str | None, revision: int | None) -> Batch[Record]:
        page = await RECORDS.list(
            store, limit=limit, after=first if after is None else after, at_revision=revision
        )
        items = [(each.key, each.value) for each in page.items if keep(each.value)]
        further = page.after if page.after is not None and page.after < last else None
        return Batch(items, further, page.revision)

    return read


async def _verify(call: Call) -> wire.AuditVerification:
    keep_s = call.ports.settings.chores.keep_audit_s
    found = await verify(call.store, round(call.ports.clock.now_ms() - keep_s * 1000))
    return wire.AuditVerification(
        seals=found.seals,
        records=found.records,
        unsealed=found.unsealed,
        latest_digest=found.latest_digest,
        problems=list(found.problems),
    )


HANDLERS: dict[str, Handler] = {
    "listAudit": Reads(_list),
    "listTenantAudit": Reads(_list_of_tenant),
    "verifyAudit": Reads(_verify),
}
