"""A simulated controller: the real parts, composed as the server composes them.

Each start makes all parts anew over the same store, as a process does.  When it
dies, nothing that still runs in it reaches the store any more.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NoReturn

from heliostat.agentlink.session import Session
from heliostat.cloudstore.contract import CloudStore, StoreUnavailable
from heliostat.cloudstore.reindex import complete_indexes
from heliostat.cloudstore.retention import Compactor, Retention
from heliostat.controller.chores.catalogue import CHORES, WORKFLOWS
from heliostat.controller.chores.rota import Rota
from heliostat.controller.gateway.crashes import record_crashes
from heliostat.controller.gateway.gateway import Gateway
from heliostat.controller.workflows.admission import Admission, Caller, Ports
from heliostat.controller.workflows.audit import INDEXED
from heliostat.controller.workflows.chore_settings import ChoreSettings
from heliostat.controller.workflows.defaults import ensure_defaults
from heliostat.controller.workflows.observation import observe
from heliostat.controller.workflows.properties import follow_properties
from heliostat.controller.workflows.repeatable import Claim, perform_once
from heliostat.controller.workflows.settings import WorkflowSettings
from heliostat.controller.workflows.subnet import ensure_subnet
from heliostat.controller.workflows.system import chores_rest
from heliostat.core.errors import PermanentError
from heliostat.core.ids import SeededIds
from heliostat.sim.content import MemoryBlobs, MemoryImages
from heliostat.sim.link import ControllerEnd, Wire
from heliostat.sim.loop import SimClock, SimLoop
from heliostat.sim.process import Process, Tell
from heliostat.sim.store import StoreView
from heliostat.tasks import idempotency
from heliostat.tasks.engine import TaskEngine
from heliostat.tasks.model import Task

LEASE_S = 10.0
OPERATOR = Caller("operator@sim", frozenset(), True, "request")
SETTINGS = WorkflowSettings(
    disk_grace_s=90.0,
    chores=ChoreSettings(
        tombstones_s=300.0,
        reservations_s=120.0,
        content_s=600.0,
        keep_content_s=600.0,
        deleted_disks_s=60.0,
        leases_s=60.0,
        audit_s=300.0,
    ),
)
"""As by default, but days are minutes."""

Verb = Callable[[Ports, Caller], Awaitable[Admission]]


class ControllerMachine:
    """``view`` is what its present process has of the store."""

    def __init__(
        self,
        loop: SimLoop,
        dice: random.Random,
        name: str,
        store: CloudStore,
        blobs: MemoryBlobs,
        defect: Tell,
    ) -> None:
        self.name = name
        self.clock = SimClock(loop)
        self.wires: list[Wire] = []
        self._loop = loop
        self._dice = dice
        self._store = store
        self._blobs = blobs
        self._defect = defect
        self._process: Process | None = None
        self._starts = 0
        self._make()

    @property
    def is_up(self) -> bool:
        return self._process is not None and not self.view.dead

    @property
    def worker_id(self) -> str:
        """Its present worker's."""
        return f"{self.name}-{self._starts}"

    def _make(self) -> None:
        self.view = StoreView(self._store, self.clock, self._died)
        self.ids = SeededIds(self._dice.getrandbits(64))
        self.gateway = Gateway(
            self.view,
            self.clock,
            self.ids,
            self._blobs,
            controller_id=self.name,
            lease_ttl_s=LEASE_S,
            certifier=_Joined(),
            host_of=lambda _certificate: None,
        )
        self.ports = Ports(
            self.view,
            self.clock,
            self.ids,
            self._blobs,
            MemoryImages(),
            SETTINGS,
            agents=self.gateway,
        )
        self.ports = Ports(
            self.view,
            self.clock,
            self.ids,
            self._blobs,
            MemoryImages(),
            SETTINGS,
            agents=self.gateway,
        )

    async def start(self) -> None:
        """Bring the controller up, unless it is."""
        if self._process is not None:
            return
        self._starts += 1
        self._make()
        process = self._process = Process(self.name, self._defect)
        view, clock, ids, ports = self.view, self.clock, self.ids, self.ports
        engine = TaskEngine(view, clock, ids, WORKFLOWS, ports, worker_id=self.worker_id)
        for job in (
            engine.run,
            lambda: observe(view, clock),
            lambda: record_crashes(view, clock, ids),
            Compactor(view, clock, Retention()).run,
            Rota(ports, CHORES.values(), lambda: chores_rest(view)).run,
            lambda: follow_properties(ports),
        ):
            process.keep_doing(job)
        await process.spawn(_defaults(ports))

    def heal(self) -> None:
        """Its connection to the store and its clock are well again."""
        self.clock.skew_ms = 0
        view = self.view
        view.away_until_s = view.slow_until_s = 0.0
        view.answers_to_lose, view.commits_to_live = 0, None

    async def die(self) -> None:
        """The process is gone at once."""
        self.view.dead = True
        await self._end()

    async def stop(self) -> None:
        """The process is shut down in an orderly way."""
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        wires, self.wires = self.wires, []
        for wire in wires:
            wire.close()
        if process is not None:
            await process.end()

    def _died(self) -> None:
        """Its store view says that the process died of a commit."""
        process, self._process = self._process, None
        wires, self.wires = self.wires, []
        for wire in wires:
            wire.close()
        if process is not None:
            self._loop.create_task(process.end())

    def accept(self, host_id: str, wire: Wire) -> None:
        """Serve an agent's connection."""
        if self._process is None:
            wire.close()
            return
        self.wires = [each for each in self.wires if not each.closed]
        self.wires.append(wire)
        session = Session(host_id, ControllerEnd(wire))
        self._process.spawn(self._attend(session, wire))

    async def _attend(self, session: Session, wire: Wire) -> None:
        try:
            await self.gateway.gate.attend(session)
        finally:
            wire.close()

    async def ask(self, verb: Verb, route: str, key: str) -> Task:
        """The task that answers a request with an idempotency key.

        Raises what the verb raises, and ``StoreUnavailable`` when the process dies over it.
        """
        if self._process is None:
            raise StoreUnavailable(f"{self.name} does not answer.")
        claim = Claim(
            self.ports,
            idempotency.record_key(OPERATOR.subject, route, key),
            idempotency.hash_body(route.encode()),
        )
        ports = self.ports
        asking = self._process.spawn(perform_once(ports, lambda: verb(ports, OPERATOR), claim))
        await asyncio.wait([asking])
        if asking.cancelled():
            raise StoreUnavailable(f"{self.name} went away over the request.")
        return asking.result()


async def _defaults(ports: Ports) -> None:
    """What a server makes before it serves; a store that is away now has it later."""
    while True:
        try:
            await complete_indexes(ports.store, INDEXED)
            await ensure_defaults(ports)
            await ensure_subnet(ports)
        except StoreUnavailable:
            await ports.clock.sleep(1.0)
        else:
            return


class _Joined:
    """Simulated hosts have joined before the simulation begins."""

    async def redeem(self, secret: str, request: str) -> NoReturn:
        raise PermanentError("InvalidToken", f"Nobody joins here ({secret[:0]}{request[:0]}).")

    async def trust(self, host_id: str) -> NoReturn:
        raise PermanentError("InvalidToken", f"Host {host_id} has no certificate.")

    async def renew(self, host_id: str, request: str) -> NoReturn:
        raise PermanentError("InvalidToken", f"Host {host_id} needs no certificate{request[:0]}.")
