"""Answers to the controller's questions.  One literal table; see ``REQUESTS`` in messages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from heliostat.agent import serial_log
from heliostat.agent.hypervisors.contract import ByteStream, Hypervisor, Life
from heliostat.agent.leftovers import Leftovers
from heliostat.agent.link import ControlLink, Tunnel
from heliostat.agent.places import Places
from heliostat.agent.record import load_record
from heliostat.agent.stats import Statistics
from heliostat.agent.stores import fault_of
from heliostat.agentlink.messages import Clearance, HostFacts, Request, Response
from heliostat.core.errors import HeliostatError, PermanentError, TemporaryError

log = logging.getLogger(__name__)

Params = dict[str, Any]
DEFAULT_TAIL_BYTES = 64 << 10
SLIRP_ADDRESS, SLIRP_NETMASK = "10.0.2.15", "255.255.255.0"
"""What QEMU's user-mode network gives its only guest by DHCP."""


class Requests:
    """Serves requests; bridges of tunnels live on after their request was answered."""

    def __init__(
        self,
        places: Places,
        hypervisor: Hypervisor,
        statistics: Statistics,
        life: Callable[[str], Life | None],
        leftovers: Leftovers,
        facts: Callable[[], HostFacts],
    ) -> None:
        self._places = places
        self._hypervisor = hypervisor
        self._statistics = statistics
        self._life = life
        self._leftovers = leftovers
        self._facts = facts
        self._consoles: set[str] = set()
        self._bridges: set[asyncio.Task[None]] = set()
        self._methods: dict[str, Callable[[ControlLink, Params], Awaitable[Any]]] = {
            "host.stats": self._host_stats,
            "host.facts": self._host_facts,
            "host.leftovers": self._host_leftovers,
            "host.clear": self._host_clear,
            "vm.stats": self._vm_stats,
            "vm.log": self._vm_log,
            "vm.networks": self._vm_networks,
            "tunnel": self._tunnel,
        }

    async def answer(self, link: ControlLink, request: Request) -> Response:
        """The response to a request; failures become faults."""
        method = self._methods.get(request.method)
        if method is None:
            error = PermanentError("NotImplemented", f"This agent knows no {request.method}.")
            return Response(id=request.id, fault=fault_of(error))
        try:
            return Response(id=request.id, result=await method(link, request.params))
        except (HeliostatError, OSError) as error:
            return Response(id=request.id, fault=fault_of(error))

    async def close(self) -> None:
        """Cut all tunnels."""
        bridges = list(self._bridges)
        for bridge in bridges:
            bridge.cancel()
        await asyncio.gather(*bridges, return_exceptions=True)

    async def _host_stats(self, _link: ControlLink, _params: Params) -> Any:
        return {"samples": msgspec.to_builtins(self._statistics.host)}

    async def _host_facts(self, _link: ControlLink, _params: Params) -> Any:
        return {"facts": msgspec.to_builtins(self._facts())}

    async def _host_leftovers(self, _link: ControlLink, _params: Params) -> Any:
        return {"leftovers": msgspec.to_builtins(self._leftovers.found())}

    async def _host_clear(self, _link: ControlLink, params: Params) -> Any:
        try:
            order = msgspec.convert(params, type=Clearance)
        except msgspec.ValidationError as error:
            raise PermanentError("InvalidEntity", f"That is no order to clear: {error}.") from error
        return msgspec.to_builtins(self._leftovers.clear(order))

    async def _vm_stats(self, _link: ControlLink, params: Params) -> Any:
        return {"samples": msgspec.to_builtins(self._statistics.vm(self._vm(params)))}

    async def _vm_log(self, _link: ControlLink, params: Params) -> Any:
        folder = self._places.vm(self._vm(params))
        size = params.get("tail_bytes", DEFAULT_TAIL_BYTES)
        if not isinstance(size, int):
            raise PermanentError("InvalidEntity", "tail_bytes is a number.")
        return {"text": await asyncio.to_thread(serial_log.tail, folder, size)}

    async def _vm_networks(self, _link: ControlLink, params: Params) -> Any:
        """As on the public API, where every value is text."""
        vm_id = self._vm(params)
        record = load_record(self._places.vm(vm_id))
        connected = self._life(vm_id) is Life.RUNNING
        macs = record.spec.macs if record is not None else ()
        connections = [
            {
                "network": "user",
                "macAddress": mac,
                "ipAddress": SLIRP_ADDRESS if connected else "",
                "netmask": SLIRP_NETMASK if connected else "",
                "isConnected": "True" if connected else "False",
            }
            for mac in macs
        ]
        return {"networkConnections": connections}

    async def _tunnel(self, link: ControlLink, params: Params) -> Any:
        vm_id = self._vm(params)
        ticket = params.get("ticket")
        if not isinstance(ticket, str):
            raise PermanentError("InvalidEntity", "A tunnel needs a ticket.")
        if self._life(vm_id) is not Life.RUNNING:
            raise TemporaryError("GuestUnreachable", f"VM {vm_id} does not run.")
        if params.get("kind") == "serial":
            await self._console(link, vm_id, ticket)
        elif params.get("kind") == "screen":
            screen = await self._hypervisor.screen(vm_id)
            await self._connect(link, vm_id, ticket, screen, lambda: None)
        else:
            port = params.get("port")
            if not isinstance(port, int) or not 0 < port < 65536:
                raise PermanentError("InvalidEntity", "A port is a number from 1 to 65535.")
            guest = await self._hypervisor.dial(vm_id, port)
            await self._connect(link, vm_id, ticket, guest, lambda: None)
        return {}

    async def _console(self, link: ControlLink, vm_id: str, ticket: str) -> None:
        if vm_id in self._consoles:
            raise PermanentError("ConsoleInUse", "Somebody else has this VM's console open.")
        self._consoles.add(vm_id)
        try:
            guest = await self._hypervisor.console(vm_id)
        except BaseException:
            self._consoles.discard(vm_id)
            raise
        await self._connect(link, vm_id, ticket, guest, lambda: self._consoles.discard(vm_id))

    async def _connect(
        self,
        link: ControlLink,
        vm_id: str,
        ticket: str,
        guest: ByteStream,
        ended: Callable[[], None],
    ) -> None:
        try:
            tunnel = await link.dial_tunnel(ticket)
        except BaseException:
            await guest.close()
            ended()
            raise
        bridge = asyncio.create_task(self._bridge(vm_id, guest, tunnel), name=f"tunnel {vm_id}")
        self._bridges.add(bridge)
        bridge.add_done_callback(lambda done: self._bridged(done, ended))

    def _bridged(self, bridge: asyncio.Task[None], ended: Callable[[], None]) -> None:
        self._bridges.discard(bridge)
        ended()
        if not bridge.cancelled() and (error := bridge.exception()) is not None:
            log.warning("a tunnel ended with %s", error)

    async def _bridge(self, vm_id: str, guest: ByteStream, tunnel: Tunnel) -> None:
        """Copy both ways until either side ends; then both are closed."""
        traffic = self._statistics.traffic(vm_id)

        async def up() -> None:
            while data := await guest.read():
                traffic.tx_bytes += len(data)
                await tunnel.write(data)

        async def down() -> None:
            while data := await tunnel.read():
                traffic.rx_bytes += len(data)
                await guest.write(data)

        ways = {asyncio.create_task(up()), asyncio.create_task(down())}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            # an end that is cut off while bytes are on their way is how tunnels end
            await asyncio.gather(*ways, return_exceptions=True)
            with contextlib.suppress(HeliostatError, OSError):
                await tunnel.close()
            await guest.close()

    def _vm(self, params: Params) -> str:
        vm_id = params.get("vm")
        if not isinstance(vm_id, str) or self._life(vm_id) is None:
            raise PermanentError("VmNotFound", f"There is no VM {vm_id} on this host.")
        return vm_id
