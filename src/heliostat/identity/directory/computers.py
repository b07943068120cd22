"""Computers: machines of the domain.  Joining makes them; administrators may, too, before."""

from __future__ import annotations

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.units import CONTAINERS
from heliostat.identity.directory.fields import (
    LONGEST_DESCRIPTION,
    checked_sha256,
    checked_text,
)
from heliostat.identity.directory.records import Computer
from heliostat.identity.directory.search import EntryKind
from heliostat.identity.directory.units import Units
from heliostat.identity.directory.views import ComputerView, Paged
from heliostat.identity.names import fold


class Computers(Units):
    """The verbs on computers."""

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
        """See ``ComputerVerbs.create_computer``."""
        key = fold(self.new_name(name))
        computer = _with(
            Computer(name=key, created_ms=self.clock.now_ms()),
            operating_system=operating_system,
            certificate_sha256=certificate_sha256,
            description=description,
        )

        async def decide() -> Decided[ComputerView]:
            if await self.kinds.computers.get(self.store, key) is not None:
                raise PermanentError("ComputerExists", f"There is a computer named {key} already.")
            unit_id, guards = await self.unit_for(EntryKind.COMPUTER, unit)
            placed = msgspec.structs.replace(computer, unit=unit_id)
            return Decided(
                await self._view_computer(placed),
                [self.kinds.computers.absent(key), *guards],
                self.kinds.computers.put(placed),
            )

        return await settle(self.store, decide, plan=plan)

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
        """See ``ComputerVerbs.change_computer``."""

        async def decide() -> Decided[ComputerView]:
            stored = await self._stored_of(EntryKind.COMPUTER, self.kinds.computers, name)
            if proven:
                _refuse_unproven(stored.value, proven)
            new = _with(
                stored.value,
                operating_system=operating_system,
                certificate_sha256=certificate_sha256,
                next_certificate_sha256=next_certificate_sha256,
                password_hash=password_hash,
                project=project,
                vm=vm,
                description=description,
                disabled=disabled,
                last_seen_ms=last_seen_ms,
            )
            new, guards = await self.placed(EntryKind.COMPUTER, new, unit)
            changes = self.kinds.computers.put(new, stored.value) if new != stored.value else []
            guards.append(self.kinds.computers.guard(stored))
            return Decided(await self._view_computer(new), guards, changes)

        return await settle(self.store, decide, plan=plan)

    async def get_computer(self, name: str) -> ComputerView:
        """Raises ``ComputerNotFound``."""
        stored = await self._stored_of(EntryKind.COMPUTER, self.kinds.computers, name)
        return await self._view_computer(stored.value)

    async def computer_stands(self, name: str) -> bool:
        """Whether the machine is there, and may prove itself."""
        stored = await self.kinds.computers.get(self.store, fold(name))
        return stored is not None and not stored.value.disabled

    async def page_computers(
        self, *, limit: int, after: str = "", name: str = ""
    ) -> Paged[ComputerView]:
        """See ``ComputerVerbs.page_computers``."""
        return await self.page_of(
            self.kinds.computers, self._view_computer, limit=limit, after=after, name=name
        )

    async def computer_with(self, certificate_sha256: str) -> ComputerView | None:
        """See ``ComputerVerbs.computer_with``."""
        if not certificate_sha256:
            return None
        wanted = checked_sha256(certificate_sha256)
        found = await self.kinds.computers.by_index(self.store, "certificate", wanted)
        return await self._view_computer(found[0].value) if found else None

    async def computer_password_hash(self, name: str) -> str:
        """What is kept of what a computer binds with; empty for one that has no such secret."""
        stored = await self._stored_of(EntryKind.COMPUTER, self.kinds.computers, name)
        kept: Computer = stored.value
        return kept.password_hash

    async def delete_computer(self, name: str, *, plan: bool = False) -> ComputerView:
        """Delete a computer; gives what was deleted."""

        async def decide() -> Decided[ComputerView]:
            stored = await self._stored_of(EntryKind.COMPUTER, self.kinds.computers, name)
            view = await self._view_computer(stored.value)
            changes = self.kinds.computers.delete(stored.value)
            return Decided(view, [self.kinds.computers.guard(stored)], changes)

        return await settle(self.store, decide, plan=plan)

    async def _view_computer(self, computer: Computer) -> ComputerView:
        return ComputerView(
            name=computer.name,
            operating_system=computer.operating_system,
            certificate_sha256=computer.certificate_sha256,
            description=computer.description,
            disabled=computer.disabled,
            unit=await self.path_of_unit(computer.unit or CONTAINERS[EntryKind.COMPUTER]),
            created_ms=computer.created_ms,
            last_seen_ms=computer.last_seen_ms,
            project=computer.project,
            vm=computer.vm,
        )


def _refuse_unproven(computer: Computer, shown: str) -> None:
    """A certificate that counted when it was shown may count no longer at the commit."""
    known = (computer.certificate_sha256, computer.next_certificate_sha256)
    if computer.disabled or shown not in known:
        raise PermanentError(
            "InvalidClient", f"{computer.name} has joined again with another key, or is disabled."
        )


def _with(
    computer: Computer,
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
) -> Computer:
    """``computer`` with what is given, checked; raises ``InvalidEntity``."""
    given: dict[str, object] = {
        "disabled": disabled,
        "last_seen_ms": last_seen_ms,
        "password_hash": password_hash,
        "project": project,
        "vm": vm,
    }
    if operating_system is not None:
        given["operating_system"] = checked_text("operatingSystem", operating_system)
    if certificate_sha256 is not None:
        given["certificate_sha256"] = checked_sha256(certificate_sha256)
        if given["certificate_sha256"] != computer.certificate_sha256:
            given["next_certificate_sha256"] = ""  # one that is set leaves no other beside it
    if next_certificate_sha256 is not None:
        given["next_certificate_sha256"] = checked_sha256(next_certificate_sha256)
    if description is not None:
        given["description"] = checked_text("description", description, LONGEST_DESCRIPTION)
    changed = {name: value for name, value in given.items() if value is not None}
    return msgspec.structs.replace(computer, **changed)
