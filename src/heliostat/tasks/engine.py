"""A task worker: any number of them, in any number of processes, share one store.

The worker takes the lease ``worker/<id>``, claims open tasks and runs them.  A
task whose worker's lease is gone is taken over by another one and goes on from
its persisted point; the interrupted step is run again.  A worker that lost its
lease stops at once, changes nothing afterwards, and begins anew with a new lease.

Lives until its ``run`` is cancelled; tasks under way are then left as they are,
and the lease is given back so that nobody has to wait for its end.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from heliostat.cloudstore.contract import CloudStore, Lease, LeaseLost
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.tasks.bench import Bench, Ended
from heliostat.tasks.durations import Stopwatch
from heliostat.tasks.lease import WorkerLease
from heliostat.tasks.model import Workflow
from heliostat.tasks.session import Session

log = logging.getLogger(__name__)

LEASE_TTL_S = 10.0
CONCURRENCY = 64


class TaskEngine:
    """Runs the tasks whose operations are in ``workflows``; steps reach the world by ``ports``.

    ``concurrency`` bounds the tasks under way, those that are stalled or back off
    not counted.  ``worker_id`` must be unique among the live workers.  ``ended`` hears of
    every task that ended here.
    """

    def __init__(
        self,
        store: CloudStore,
        clock: Clock,
        ids: Ids,
        workflows: Mapping[str, Workflow],
        ports: Any,
        *,
        worker_id: str,
        lease_ttl_s: float = LEASE_TTL_S,
        concurrency: int = CONCURRENCY,
        ended: Ended | None = None,
    ) -> None:
        self.worker_id = worker_id
        self._workflows = workflows
        self._concurrency = concurrency
        self._stopwatch = Stopwatch(store, clock)
        self._bench = Bench(store, clock, ports, self._stopwatch.completed)
        if ended is not None:
            self._bench = replace(self._bench, ended=ended)
        self._keeper = WorkerLease(
            store, clock, worker_id=worker_id, owner=ids.new_id(), ttl_s=lease_ttl_s
        )

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            lease = await self._keeper.take()
            log.info("worker %s has its lease (fence %d)", self.worker_id, lease.fence)
            try:
                await self._work(lease)
            except* LeaseLost:
                log.warning("worker %s lost its lease and begins anew", self.worker_id)
            finally:
                await self._keeper.give_back(lease)

    async def _work(self, lease: Lease) -> None:
        session = Session(
            self._bench,
            self._workflows,
            self._stopwatch,
            worker_id=self.worker_id,
            keeper=self._keeper,
            lease=lease,
            concurrency=self._concurrency,
        )
        await session.run()
