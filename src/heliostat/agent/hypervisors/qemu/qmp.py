"""One QMP connection: the QEMU project's client with time-outs and our errors.

Sockets are reached through a descriptor of their folder, because a Unix
socket's address holds 108 bytes and a home may be deeper than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

from qemu.qmp import EventListener, QMPClient, QMPError

from heliostat.core.errors import HeliostatError, TemporaryError

COMMAND_TIMEOUT_S = 20.0
CONNECT_TIMEOUT_S = 5.0


class HypervisorFailed(HeliostatError):
    """QEMU refused or failed something."""

    def __init__(self, message: str) -> None:
        super().__init__("HypervisorFailed", message)


class Unanswered(TemporaryError):
    """QEMU did not answer in time or its connection broke."""

    def __init__(self, message: str) -> None:
        super().__init__("HypervisorFailed", message)


@contextlib.contextmanager
def short_path(folder: Path, name: str) -> Iterator[str]:
    """A path to ``folder/name`` that is short however deep ``folder`` lies."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)


class Qmp:
    """A connected monitor; ``close`` it."""

    def __init__(self, client: QMPClient) -> None:
        self._client = client
        self._order = asyncio.Lock()

    @classmethod
    async def connect(cls, folder: Path, name: str) -> Qmp:
        """Connect once; raises ``Unanswered``."""
        client = QMPClient(folder.name)
        # expected failures (a QEMU that is just ending) are told by exceptions
        client.logger.setLevel("CRITICAL")
        try:
            with short_path(folder, name) as address:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await client.connect(address)
        except (QMPError, OSError, TimeoutError) as error:
            await _disconnect(client)
            raise Unanswered(f"QEMU does not answer on its monitor: {error}.") from error
        return cls(client)

    async def execute(self, command: str, arguments: dict[str, Any] | None = None) -> Any:
        """Run a command; ``HypervisorFailed`` if QEMU refuses, ``Unanswered`` if it is silent."""
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                return await self._client.execute(command, arguments)
        except (QMPError, OSError, TimeoutError, EOFError) as error:
            raise _translated(command, error) from error

    async def human(self, line: str) -> str:
        """A command that only the human monitor has; its answer as text."""
        return cast(str, await self.execute("human-monitor-command", {"command-line": line}))

    async def hand_over(self, descriptor: int, name: str) -> None:
        """Give QEMU an open file under ``name``."""
        async with self._order:
            self._client.send_fd_scm(descriptor)
            await self.execute("getfd", {"fdname": name})

    @contextlib.asynccontextmanager
    async def listening(self, event: str) -> AsyncIterator[EventListener]:
        """Collect events of one name while the block runs."""
        with self._client.listener((event,)) as listener:
            yield listener

    async def close(self) -> None:
        await _disconnect(self._client)


async def _disconnect(client: QMPClient) -> None:
    # disconnect() raises what broke the connection; here only the ending matters
    with contextlib.suppress(QMPError, OSError, EOFError, asyncio.IncompleteReadError):
        await client.disconnect()


def _translated(command: str, error: BaseException) -> HeliostatError:
    from qemu.qmp import ExecuteError

    if isinstance(error, ExecuteError):
        return HypervisorFailed(f"QEMU refused {command}: {error}.")
    if isinstance(error, TimeoutError):
        return Unanswered(f"QEMU did not answer {command} within {COMMAND_TIMEOUT_S:.0f} s.")
    return Unanswered(f"QEMU's monitor was cut off during {command}.")
