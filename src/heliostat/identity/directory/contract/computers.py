"""Machines of a directory."""

from __future__ import annotations

from typing import Protocol

from heliostat.identity.directory.contract.reading import ComputerReading
from heliostat.identity.directory.views import ComputerView


class ComputerVerbs(ComputerReading, Protocol):
    """Machines; each verb raises ``ComputerNotFound``."""

    async def create_computer(
        self,
        name: str,
        *,
        operating_system: str = "",
        certificate_sha256: str = "",
        description: str = "",
        unit: str = "",
        plan: bool = False,
    ) -> ComputerView:
        """Raises ``InvalidName``, ``ComputerExists``, ``InvalidEntity``, ``UnitNotFound``."""

    async def change_computer(
        self,
        name: str,
        *,
        operating_system: str | None = None,
        certificate_sha256: str | None = None,
        next_certificate_sha256: str | None = None,
        password_hash: str | None = None,
        project: str | None = None,
        vm: str | None = None,
        description: str | None = None,
        disabled: bool | None = None,
        last_seen_ms: int | None = None,
        unit: str | None = None,
        proven: str = "",
        plan: bool = False,
    ) -> ComputerView:
        """Write what is given and leave the rest; raises ``InvalidEntity``.

        The next certificate counts beside the present one, and takes its place by being shown.
        ``proven``: only while it may sign in by this one; else raises ``InvalidClient``.
        """

    async def computer_with(self, certificate_sha256: str) -> ComputerView | None:
        """The machine that proves itself with this certificate, or the next one, if any."""

    async def delete_computer(self, name: str, *, plan: bool = False) -> ComputerView: ...
