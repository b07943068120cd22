"""Facts of the whole site, read from the store when somebody scrapes.

Nothing is kept up to date in between, so a site without Prometheus pays
nothing.  Only what is counted is decoded.  Two scrapes within ``FRESH_S`` share
one reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.controller.chores.contract import RECORDS
from heliostat.controller.metrics import table
from heliostat.controller.metrics.registry import Metrics, Sample
from heliostat.controller.metrics.table import Metric
from heliostat.controller.model.desired import agent_key
from heliostat.controller.model.host import HostState
from heliostat.controller.model.quantity import from_base
from heliostat.controller.model.quota import OwnerKind, Quota
from heliostat.controller.workflows import kinds
from heliostat.core.clock import Clock
from heliostat.tasks.indexes import OPEN_PREFIX
from heliostat.tasks.model import task_key

FRESH_S = 5.0
PAGE = 500
MOST_TASKS = 2000
"""Open tasks that are looked into; with more, the rest counts as queued."""


class _Stated(msgspec.Struct):
    """The part of a document that is counted."""

    state: str


class _OpenTask(msgspec.Struct):
    state: str
    stalled: msgspec.Raw = msgspec.Raw(b"null")


Found = dict[Metric, list[Sample]]


class Gatherer:
    """Reads the site for one controller's metrics; ``most_projects`` bounds the quotas shown."""

    def __init__(
        self, store: CloudStore, clock: Clock, metrics: Metrics, most_projects: int = 200
    ) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._most_projects = most_projects
        self._read_s = float("-inf")

    async def gather(self) -> None:
        """Bring the metrics up to date, unless they just were."""
        now_s = self._clock.monotonic_s()
        if now_s - self._read_s < FRESH_S:
            return
        self._read_s = now_s
        found: Found = {table.STORE_REVISION: [((), float(await self._store.revision()))]}
        for metric, prefix in (
            (table.VMS, kinds.VMS.prefix),
            (table.DISKS, kinds.DISKS.prefix),
            (table.IMAGES, kinds.IMAGES.prefix),
        ):
            found[metric] = await self._states(prefix)
        found |= await self._hosts()
        found |= await self._tasks()
        found |= await self._quotas()
        found |= await self._chores()
        self._metrics.replace(found)

    async def _states(self, prefix: str) -> list[Sample]:
        counts: Counter[str] = Counter()
        after: str | None = None
        while True:
            page = await self._store.list(prefix, limit=PAGE, after=after)
            counts.update(
                msgspec.json.decode(each.value, type=_Stated).state for each in page.items
            )
            after = page.after
            if after is None:
                return [((state,), float(count)) for state, count in counts.items()]

    async def _hosts(self) -> Found:
        states: Counter[str] = Counter()
        agents = Counter({"connected": 0, "missing": 0})
        for host in await kinds.HOSTS.all(self._store):
            states[host.value.state.value] += 1
            if host.value.state is not HostState.NOT_PROVISIONED:
                there = await self._store.get(agent_key(host.value.id)) is not None
                agents["connected" if there else "missing"] += 1
        return {table.HOSTS: list(_samples(states)), table.AGENTS: list(_samples(agents))}

    async def _tasks(self) -> Found:
        states = Counter({"QUEUED": 0, "STARTED": 0})
        stalled = looked = 0
        after: str | None = None
        while True:
            page = await self._store.list(OPEN_PREFIX, limit=PAGE, after=after)
            for entry in page.items:
                looked += 1
                if looked > MOST_TASKS:
                    states["QUEUED"] += 1
                    continue
                key = task_key(entry.key.removeprefix(OPEN_PREFIX))
                document = await self._store.get(key)
                if document is not None:
                    task = msgspec.json.decode(document.value, type=_OpenTask)
                    states[task.state] += 1
                    stalled += bytes(task.stalled) != b"null"
            after = page.after
            if after is None:
                break
        return {
            table.TASKS_OPEN: list(_samples(states)),
            table.TASKS_STALLED: [((), float(stalled))],
        }

    async def _quotas(self) -> Found:
        used: list[Sample] = []
        limits: list[Sample] = []
        page = await kinds.PROJECTS.list(self._store, limit=self._most_projects)
        tenants = {each.value.id: each.value.name for each in await kinds.TENANTS.all(self._store)}
        for project in page.items:
            name, tenant = project.value.name, tenants.get(project.value.tenant_id, "")
            quota = await kinds.QUOTAS[OwnerKind.PROJECT].get(self._store, project.value.id)
            for key, unit, use, limit in _lines(quota.value) if quota is not None else ():
                labels = (tenant, name, key, unit)
                used.append((labels, use))
                if limit is not None:
                    limits.append((labels, limit))
        return {table.QUOTA_USED: used, table.QUOTA_LIMIT: limits}

    async def _chores(self) -> Found:
        records = [each.value for each in await RECORDS.all(self._store)]
        return {
            table.CHORE_LOOKED: [((each.name,), each.looked_ms / 1000) for each in records],
            table.CHORE_FOUND: [((each.name,), float(each.found)) for each in records],
            table.CHORE_FAILING: [((each.name,), float(bool(each.fault))) for each in records],
        }


def _samples(counts: Counter[str]) -> Iterator[Sample]:
    for label, count in sorted(counts.items()):
        yield (label,), float(count)


def _lines(quota: Quota) -> Iterator[tuple[str, str, float, float | None]]:
    """Key, unit, usage and limit in force of each item."""
    for key, item in sorted(quota.items.items()):
        limit = quota.limit_of(key)
        shown = None if limit is None else from_base(limit, item.unit)
        yield key, item.unit.value, item.used_value, shown
