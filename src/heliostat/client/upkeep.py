"""Background work, check-up and repair."""

from __future__ import annotations

from collections.abc import Iterator

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.chores import Chore, ChoreList
from heliostat.wire.doctor import Checkup
from heliostat.wire.tasks import Task, TaskList


class Upkeep:
    """What keeps the site in order."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def chores(self) -> Iterator[Chore]:
        return pages(self._transport, "listChores", answer=ChoreList)

    def chore(self, name: str) -> Chore:
        return read(self._transport, "getChore", name, answer=Chore)

    def run(self, name: str) -> Change[Task]:
        return Change(self._transport, "runChore", (name,), Task)

    def tasks(self, name: str) -> Iterator[Task]:
        return pages(self._transport, "listChoreTasks", name, answer=TaskList)

    def check(self) -> Checkup:
        """Reads every document of the site; seconds at tens of thousands of them."""
        return read(self._transport, "getCheckup", answer=Checkup)

    def repair(self) -> Change[Task]:
        return Change(self._transport, "repairSystem", (), Task)
