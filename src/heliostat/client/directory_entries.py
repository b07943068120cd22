"""Organisational units, computers, and searching: of the tenant with a domain."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType

from heliostat.client.calls import Change, pages, read
from heliostat.client.transport import Transport
from heliostat.wire.computers import Computer, ComputerChange, ComputerCreateSpec, ComputerList
from heliostat.wire.directory_search import DirectoryEntry, DirectoryEntryList
from heliostat.wire.organizational_units import (
    OrganizationalUnit,
    OrganizationalUnitChange,
    OrganizationalUnitCreateSpec,
    OrganizationalUnitList,
)


class OrganizationalUnits:
    """A tree in which people and machines lie; a unit's id is its path."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self, domain: str, path: str, *, description: str = ""
    ) -> Change[OrganizationalUnit]:
        body = OrganizationalUnitCreateSpec(path=path, description=description)
        answer = OrganizationalUnit
        return Change(self._transport, "createOrganizationalUnit", (domain,), answer, body)

    def list(self, domain: str) -> Iterator[OrganizationalUnit]:
        return pages(
            self._transport, "listOrganizationalUnits", domain, answer=OrganizationalUnitList
        )

    def get(self, domain: str, path: str) -> OrganizationalUnit:
        return read(
            self._transport, "getOrganizationalUnit", domain, path, answer=OrganizationalUnit
        )

    def update(
        self, domain: str, path: str, change: OrganizationalUnitChange
    ) -> Change[OrganizationalUnit]:
        arguments, answer = (domain, path), OrganizationalUnit
        return Change(self._transport, "updateOrganizationalUnit", arguments, answer, change)

    def delete(self, domain: str, path: str) -> Change[None]:
        return Change(self._transport, "deleteOrganizationalUnit", (domain, path), NoneType)


class Computers:
    """Machines as the directory knows them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, domain: str, spec: ComputerCreateSpec) -> Change[Computer]:
        return Change(self._transport, "createComputer", (domain,), Computer, spec)

    def list(self, domain: str, *, name: str = "") -> Iterator[Computer]:
        return pages(
            self._transport, "listComputers", domain, answer=ComputerList, query={"name": name}
        )

    def get(self, domain: str, name: str) -> Computer:
        return read(self._transport, "getComputer", domain, name, answer=Computer)

    def update(self, domain: str, name: str, change: ComputerChange) -> Change[Computer]:
        return Change(self._transport, "updateComputer", (domain, name), Computer, change)

    def delete(self, domain: str, name: str) -> Change[None]:
        return Change(self._transport, "deleteComputer", (domain, name), NoneType)


class DirectorySearch:
    """Everything that a directory holds, by the filters of LDAP."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(
        self,
        domain: str,
        text: str,
        *,
        base: str = "",
        direct: bool = False,
        kind: str = "",
        source: str = "",
        with_groups: bool = False,
    ) -> Iterator[DirectoryEntry]:
        """Entries, a page at a time; ``kind`` is unit, user, group, account or computer.

        ``source``: of the identity source with this domain or alias, instead of the tenant's own;
        ``with_groups``: with ``memberOf``, which costs a question there for each entry.
        """
        query = {"filter": text, "base": base, "entryKind": kind, "source": source}
        if with_groups:
            query["withGroups"] = "true"
        if direct:
            query["direct"] = "true"
        return pages(
            self._transport, "searchDirectory", domain, answer=DirectoryEntryList, query=query
        )
