"""The nodes of this machine as servers: made, started, ended; their folders."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from heliostat.identity.openldap.config import NodeConfig
from heliostat.identity.openldap.node import Node
from heliostat.identity.openldap.slapd import Folder, Slapd, prepare_node, start


class LocalNodes:
    """``running`` by name; ``folder`` has a folder for each."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self.environment: Callable[[], dict[str, str]] = dict
        """What they need in their environment to accept Kerberos tickets."""
        self.running: dict[str, Slapd] = {}
        self._numbers: dict[str, int] = {}

    def folder(self, node: Node) -> Folder:
        return Folder(self._folder() / node.identity)

    def runs(self, node: Node) -> bool:
        """Whether it runs as the member that it is declared to be now."""
        server = self.running.get(node.name)
        known = self._numbers.get(node.name) == node.number
        return server is not None and server.is_running and known

    async def end_others(self, wanted: Sequence[Node]) -> None:
        """Stop what shall not run, or has ended; the folders of nodes that are gone go."""
        for name in set(self.running) - {each.name for each in wanted if self.runs(each)}:
            await self.stop(name)
        kept = {self.folder(each).path for each in wanted}
        for gone in set(self._folder().glob("*")) - kept:
            await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)

    async def run(
        self,
        node: Node,
        config: NodeConfig,
        before_start: Callable[[], Awaitable[object]],
    ) -> None:
        """Make the node if it is new, and start it; ``before_start`` writes its files."""
        folder = self.folder(node)
        await before_start()
        await prepare_node(folder, config)
        self.running[node.name] = await start(folder, [node.url], env=self.environment())
        self._numbers[node.name] = node.number

    async def stop(self, name: str) -> None:
        await self.running.pop(name).stop()

    async def stop_all(self) -> None:
        for name in list(self.running):
            await self.stop(name)
