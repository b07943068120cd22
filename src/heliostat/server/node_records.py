"""Changes of how the directory's nodes are configured, as records of the audit trail."""

from __future__ import annotations

from heliostat.controller.trail.record import Record, Result, record_id, result_of
from heliostat.controller.trail.writer import Trail
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.openldap.configurations import Tell, ToldUpdate


def of_nodes(trail: Trail, clock: Clock, ids: Ids) -> Tell:
    """Records what the upkeep changed at a node, or what the node refused."""

    async def tell(told: ToldUpdate) -> None:
        now_ms, error = clock.now_ms(), told.error
        status = error.status if error is not None else 200
        await trail.write(
            Record(
                id=record_id(now_ms, ids.new_id()),
                time_ms=now_ms,
                operation="configureDirectoryNode",
                result=result_of(status) if error is not None else Result.DONE,
                status=status,
                client="upkeep",
                entity_kind="directory-node",
                entity_id=told.node,
                code=error.code if error is not None else "",
            )
        )

    return tell
