"""A small controller without API: verbs, a task worker and fake agents over one store.

``async with SmallCloud(tmp_path) as cloud`` gives virtual time and a store in
memory; ``cloud.do(verb, ...)`` commits a verb and lets the worker finish its
task.  ``furnish`` makes what most tests begin with.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from heliostat.agentlink.messages import HostFacts
from heliostat.cloudstore.contract import CloudStore
from heliostat.cloudstore.memory import MemoryStore
from heliostat.content.blobs import Blobs
from heliostat.controller.chores.catalogue import WORKFLOWS
from heliostat.controller.model.disk import DiskSpec
from heliostat.controller.model.host import HostSpec
from heliostat.controller.model.image import ImageScope, Replication, StagedImage
from heliostat.controller.model.quota import QuotaLimit
from heliostat.controller.model.vm import AttachedDiskSpec, VmSpec
from heliostat.controller.model.zone import Zone
from heliostat.controller.workflows import disk, host, image, project, tenant, vm
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.audit import audit
from heliostat.controller.workflows.commit import perform
from heliostat.controller.workflows.defaults import ensure_defaults
from heliostat.controller.workflows.host_seen import host_seen
from heliostat.controller.workflows.image_files import NormalisedImage
from heliostat.controller.workflows.kinds import ZONES
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SeededIds
from heliostat.core.units import GIB, Unit
from heliostat.tasks.engine import TaskEngine
from heliostat.tasks.model import Task, TaskState
from heliostat.testing.clock import VirtualClock
from heliostat.testing.crash import ended, read_task
from heliostat.testing.hosts import FakeAgent, some_facts

ADMIN = Caller("admin@test", frozenset(), True, "request")
Verb = Callable[..., Awaitable[Admission]]


class PlainImages:
    """Takes any upload for a raw image of ``virtual_gib``; or refuses it with ``error``."""

    def __init__(self, virtual_gib: int = 2) -> None:
        self.virtual_gib = virtual_gib
        self.error: HeliostatError | None = None

    async def normalise(
        self,
        blobs: Blobs,  # noqa: ARG002
        upload_digest: str,
        max_bytes: int,  # noqa: ARG002
        progress: Callable[[float], None],
    ) -> NormalisedImage:
        progress(0.5)
        if self.error is not None:
            raise self.error
        return NormalisedImage(
            digest=hashlib.sha256(upload_digest.encode()).hexdigest(),
            blob_size_bytes=1000,
            virtual_size_bytes=self.virtual_gib * GIB,
            file_format="raw",
        )

    async def examine(self, blobs: Blobs, digest: str, max_bytes: int) -> NormalisedImage:  # noqa: ARG002
        if self.error is not None:
            raise self.error
        return NormalisedImage(
            digest=digest,
            blob_size_bytes=1000,
            virtual_size_bytes=self.virtual_gib * GIB,
            file_format="qcow2",
        )


class SmallCloud:
    """See the module; ``store`` and ``clock`` may be given by whoever controls them."""

    def __init__(
        self,
        folder: Path,
        *,
        store: CloudStore | None = None,
        clock: VirtualClock | None = None,
        seed: int = 1,
    ) -> None:
        self.clock = clock if clock is not None else VirtualClock()
        self.store: CloudStore = store if store is not None else MemoryStore(self.clock)
        self.images = PlainImages()
        self.ports = Ports(
            self.store, self.clock, SeededIds(seed), Blobs(folder / "blobs"), self.images
        )
        self.agents: dict[str, FakeAgent] = {}
        self.ids: dict[str, str] = {}
        self._stack = AsyncExitStack()
        self._worker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> SmallCloud:
        await ensure_defaults(self.ports)
        self.work()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.rest()
        await self.close_agents()
        await self.store.close()

    async def close_agents(self) -> None:
        """Cut the link of every agent."""
        await self._stack.aclose()

    def work(self) -> None:
        """Bring the task worker up."""
        engine = TaskEngine(
            self.store, self.clock, self.ports.ids, WORKFLOWS, self.ports, worker_id="worker"
        )
        self._worker = asyncio.create_task(engine.run())

    async def rest(self) -> None:
        """Shut the task worker down; tasks stay as they are."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None

    async def ask(self, verb: Verb, *args: Any, **named: Any) -> Admission:
        """Commit a verb; its task may still be running."""
        return await perform(self.ports, lambda: verb(self.ports, ADMIN, *args, **named))

    async def plan(self, verb: Verb, *args: Any, **named: Any) -> Admission:
        """What the verb would do."""
        return await verb(self.ports, replace(ADMIN, planning=True), *args, **named)

    async def do(self, verb: Verb, *args: Any, **named: Any) -> Task:
        """Commit a verb and wait for the end of its task, whichever it is."""
        admission = await self.ask(verb, *args, **named)
        return await self.finish(admission.task.id)

    async def done(self, verb: Verb, *args: Any, **named: Any) -> str:
        """The same for a task that has to succeed; the id of its entity."""
        task = await self.do(verb, *args, **named)
        problems = [problem for step in task.steps for problem in step.errors]
        assert task.state is TaskState.COMPLETED, f"{task.operation}: {problems}"
        return task.entity_id

    async def finish(self, task_id: str) -> Task:
        """The task once it has ended."""
        await self.clock.run_until(ended(self.store, task_id), limit_s=100_000)
        return await read_task(self.store, task_id)

    async def add_host(
        self,
        address: str = "10.0.0.1",
        *,
        facts: HostFacts | None = None,
        zone: str = "",
        delay_s: float = 0.0,
    ) -> str:
        """A READY host with a good agent; its id."""
        if zone and await ZONES.get(self.store, zone) is None:
            await self.store.commit([], ZONES.put(Zone(id=zone, name=zone)))
        spec = HostSpec(address=address, usage_tags=("CLOUD",), zone=zone)
        host_id = await self.done(host.host_create, spec)
        await host_seen(self.store, host_id, facts if facts is not None else some_facts())
        agent = FakeAgent(self.store, self.clock, host_id, delay_s=delay_s)
        self.agents[host_id] = await self._stack.enter_async_context(agent)
        return host_id

    async def furnish(self, *, hosts: int = 1, limits: dict[str, QuotaLimit] | None = None) -> None:
        """Hosts, a tenant, a project and an image; their ids are in ``ids``."""
        for number in range(1, hosts + 1):
            self.ids[f"host-{number}"] = await self.add_host(f"10.0.0.{number}")
        self.ids["tenant"] = await self.done(tenant.tenant_create, "acme", (), limits)
        self.ids["project"] = await self.done(
            project.project_create, self.ids["tenant"], "web", (), limits
        )
        self.ids["image"] = await self.add_image()

    async def add_image(
        self, name: str = "debian", replication: Replication = Replication.ON_DEMAND
    ) -> str:
        staged = StagedImage(digest=hashlib.sha256(name.encode()).hexdigest(), size_bytes=5000)
        return await self.done(image.image_create, name, replication, ImageScope(), staged)

    def stage(self, content: bytes) -> StagedImage:
        """Content in the blob store, as an upload leaves it."""
        with self.ports.blobs.stage() as staging:
            staging.write(content)
            blob = staging.commit()
        return StagedImage(digest=blob.digest, size_bytes=blob.size_bytes)

    async def add_vm(self, name: str = "one", **changes: Any) -> str:
        spec = self.vm_spec(name, **changes)
        return await self.done(vm.vm_create, self.ids["project"], spec)

    def vm_spec(self, name: str = "one", **changes: Any) -> VmSpec:
        """A small machine with a boot disk."""
        fields: dict[str, Any] = {
            "name": name,
            "flavor": "small",
            "source_image_id": self.ids["image"],
            "attached_disks": (AttachedDiskSpec(name="boot", flavor="ephemeral", boot_disk=True),),
        }
        return VmSpec(**{**fields, **changes})

    async def add_disk(self, name: str = "data", capacity_gb: int = 5, **changes: Any) -> str:
        spec = self.disk_spec(name, capacity_gb, **changes)
        return await self.done(disk.disk_create, self.ids["project"], spec)

    def disk_spec(self, name: str = "data", capacity_gb: int = 5, **changes: Any) -> DiskSpec:
        return DiskSpec(name=name, flavor="persistent", capacity_gb=capacity_gb, **changes)

    async def check(self) -> None:
        """Assert that the books are in order."""
        found = await audit(self.store)
        assert not found, "\n".join(found)


def count(value: float) -> QuotaLimit:
    return QuotaLimit(limit=value, unit=Unit.COUNT)


def gigabytes(value: float) -> QuotaLimit:
    return QuotaLimit(limit=value, unit=Unit.GB)
