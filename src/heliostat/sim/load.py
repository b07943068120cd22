"""Operators: they ask for things at random times, again when nobody answered.

Each request has an idempotency key, so a request that was sent three times is one
request; now and then one that was answered is sent again on purpose, and has to be
answered by the same task.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping

from heliostat.controller.model.host import HostSpec
from heliostat.controller.model.image import ImageScope, Replication, StagedImage
from heliostat.controller.model.quota import QuotaLimit
from heliostat.controller.workflows import host, image, project, tenant
from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.core.units import Unit
from heliostat.sim.cloud import Cloud
from heliostat.sim.operations.asking import GONE, Ask, Known, Operation, ask
from heliostat.tasks.model import Task, TaskState

TRIES = 8
AGAIN_S = 2.0
REPEATED = 0.06
TASKS_REMEMBERED = 40
FORGETFUL = 0.8
"""How often something is not asked for again once it is known to be deleted."""
CROWD = 0.1
"""How often a request follows the one before at once, so that they collide."""


class Load:
    """``asked`` counts requests by operation, ``refused`` by code; ``unknown`` got no answer."""

    def __init__(
        self,
        cloud: Cloud,
        operations: Mapping[str, Operation],
        gap_s: float,
        weights: Mapping[str, float],
    ) -> None:
        self.cloud = cloud
        self.known = Known(cloud.dice("operations"))
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unknown = 0
        self.answered: dict[str, Ask] = {}
        self._operations = list(operations.values())
        self._weights = [weights.get(each.name, each.weight) for each in self._operations]
        self._gap_s = gap_s
        self._dice = cloud.dice("operators")
        self._pending: set[asyncio.Task[None]] = set()

    async def furnish(self, hosts: int) -> None:
        """What the operators begin with; asked for while nothing fails."""
        for number in range(1, hosts + 1):
            spec = HostSpec(
                address=f"10.0.{number // 250}.{number % 250 + 1}", usage_tags=("CLOUD",)
            )
            await self._must(ask(host.host_create, spec, makes="host"))
        generous = {"vm": QuotaLimit(limit=500.0, unit=Unit.COUNT)}
        for name in ("acme", "globex"):
            await self._must(ask(tenant.tenant_create, name, (), generous, makes="tenant"))
        for number, tenant_id in enumerate(list(self.known.ids["tenant"]) * 2):
            given = {"vm": QuotaLimit(limit=40.0, unit=Unit.COUNT)} if number % 2 else None
            asked = ask(project.project_create, tenant_id, f"p{number}", (), given, makes="project")
            await self._must(asked)
        for name in ("debian", "photon"):
            blob = self.cloud.blobs.keep(name.encode())
            staged = StagedImage(digest=blob.digest, size_bytes=blob.size_bytes)
            eager = Replication.EAGER if name == "debian" else Replication.ON_DEMAND
            await self._must(
                ask(image.image_create, name, eager, ImageScope(), staged, makes="image")
            )

    async def play(self, operations: int, until_s: float = math.inf) -> None:
        """Ask ``operations`` times, or as often as fits, then wait for all answers."""
        loop = asyncio.get_running_loop()
        for _ in range(operations):
            if loop.time() >= until_s:
                break
            number = self.asked.total() + 1
            if self._dice.random() >= CROWD:
                await asyncio.sleep(self._dice.expovariate(1 / self._gap_s))
            operation = self._dice.choices(self._operations, self._weights)[0]
            self.asked[operation.name] += 1
            asking = loop.create_task(self._one(number, operation))
            self._pending.add(asking)
            asking.add_done_callback(self._pending.discard)
        while self._pending:
            await asyncio.wait(list(self._pending))

    async def _must(self, asked: Ask) -> None:
        task = await self._sent(asked, f"furnish {asked.text}")
        self._learn(asked, task)
        await self._place(asked, task)

    async def _one(self, number: int, operation: Operation) -> None:
        asked = operation.make(self.known)
        for upload in self.known.uploads:
            self.cloud.blobs.keep(upload.encode())
        self.known.uploads.clear()
        try:
            task = await self._sent(asked, f"operation {number}")
        except TemporaryError as error:
            self.unknown += 1
            self.cloud.log.tell(f"#{number} {asked.short}: no answer ({error.code})")
            return
        except HeliostatError as error:
            self._refused(number, asked, error)
            return
        except Exception as error:
            self.cloud.defect(f"#{number} {asked.text} failed: {error!r}.")
            return
        self.cloud.log.tell(f"#{number} {asked.short}: task {task.id[:8]}")
        self._learn(asked, task)
        await self._place(asked, task)
        if self._dice.random() < REPEATED and task.operation != "" and not _on_task(asked):
            await self._repeat(number, asked, task)

    async def _sent(self, asked: Ask, key: str) -> Task:
        """The answer, from whichever controller; raises the last one's trouble."""
        for attempt in range(1, TRIES + 1):
            up = [each for each in self.cloud.controllers if each.is_up]
            try:
                if not up:
                    raise TemporaryError("Unreachable", "No controller answers.")
                return await self._dice.choice(up).ask(asked, asked.text, key)
            except TemporaryError:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(AGAIN_S * attempt * (0.5 + self._dice.random()))
        raise AssertionError

    async def _repeat(self, number: int, asked: Ask, task: Task) -> None:
        """The same request again: the same task has to answer."""
        await asyncio.sleep(self._dice.uniform(0, 30))
        try:
            again = await self._sent(asked, f"operation {number}")
        except HeliostatError as error:
            if not isinstance(error, TemporaryError) and error.code != "TaskNotFound":
                self.cloud.defect(f"#{number} {asked.short}, sent again, was refused: {error}.")
            return
        if again.id != task.id:
            self.cloud.defect(
                f"#{number} {asked.short}, sent again, made the task {again.id} beside {task.id}."
            )

    def _learn(self, asked: Ask, task: Task) -> None:
        known = self.known
        if not _on_task(asked):
            self.answered[task.id] = asked
        if asked.makes:
            known.add(asked.makes, task.entity_id, asked.leads_to, asked.within)
        if asked.about and asked.about in known.states:
            known.states[asked.about] = asked.leads_to
            if asked.leads_to == GONE and self._dice.random() < FORGETFUL:
                for kind, id_ in known.named_in(asked.about):
                    known.forget(kind, id_)
        if task.state is not TaskState.COMPLETED and task.id not in known.states:
            known.add("task", task.id)
            if known.count("task") > TASKS_REMEMBERED:
                known.forget("task", known.ids["task"][0])

    async def _place(self, asked: Ask, task: Task) -> None:
        """Hosts are machines too: one that was added is installed."""
        if asked.makes == "host" and task.entity_id not in self.cloud.hosts:
            name = f"host-{len(self.cloud.hosts) + 1}-{task.entity_id[:4]}"
            await self.cloud.add_host(task.entity_id, name)

    def _refused(self, number: int, asked: Ask, error: HeliostatError) -> None:
        self.refused[error.code] += 1
        self.cloud.log.tell(f"#{number} {asked.short}: {error.code}")
        if error.code.endswith("NotFound"):
            for kind, id_ in self.known.named_in(error.message):
                self.known.forget(kind, id_)


def _on_task(asked: Ask) -> bool:
    return asked.verb.__name__ in ("task_retry", "task_skip", "task_undo")
