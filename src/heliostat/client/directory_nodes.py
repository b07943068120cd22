"""The nodes of the directory, and where people and groups are kept."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.directory_nodes import (
    CreatedDirectoryNode,
    DirectoryHome,
    DirectoryMoveSpec,
    DirectoryNode,
    DirectoryNodeCreateSpec,
    DirectoryNodeList,
)


class DirectoryNodes:
    """Members of the directory."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, spec: DirectoryNodeCreateSpec) -> Change[CreatedDirectoryNode]:
        return Change(self._transport, "createDirectoryNode", (), CreatedDirectoryNode, spec)

    def list(self) -> Iterator[DirectoryNode]:
        return pages(self._transport, "listDirectoryNodes", answer=DirectoryNodeList)

    def get(self, name: str) -> DirectoryNode:
        return read(self._transport, "getDirectoryNode", name, answer=DirectoryNode)

    def replace(self, name: str) -> Change[CreatedDirectoryNode]:
        return Change(self._transport, "replaceDirectoryNode", (name,), CreatedDirectoryNode)

    def delete(self, name: str) -> Change[None]:
        return Change(self._transport, "deleteDirectoryNode", (name,), NoneType)

    def home(self) -> DirectoryHome:
        return read(self._transport, "getDirectoryHome", answer=DirectoryHome)

    def move(self, to: str) -> Change[DirectoryHome]:
        return Change(self._transport, "moveDirectory", (), DirectoryHome, DirectoryMoveSpec(to=to))
