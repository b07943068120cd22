"""Many VMs or disks asked for at once: what is decided but not yet made.

The whole is decided and charged in one commit, which has no room for a hundred
machines; so they wait in documents of their own and are made a few a commit.
``pending`` is the part of the project's usage that nothing exists for yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from heliostat.controller.model.disk import Disk
from heliostat.controller.model.names import invalid
from heliostat.controller.model.quantity import CostItem
from heliostat.controller.model.vm import Vm
from heliostat.core.counting import counted

MOST = 100
"""Things asked for at once."""

_NUMBER = re.compile(r"\{n(?::0(\d))?\}")


class BulkNoun(StrEnum):
    """What is made many at once."""

    VM = "vm"
    DISK = "disk"

    def counted(self, number: int) -> str:
        """For sentences: ``1 VM``, ``3 disks``."""
        return counted(number, "VM" if self is BulkNoun.VM else "disk")


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is that of its task; the first ``made`` of its ``count`` items exist."""

    id: str
    tenant_id: str
    project_id: str
    noun: BulkNoun
    count: int
    made: int
    pending: tuple[CostItem, ...]
    schema: int = 1


class BulkItem(msgspec.Struct, frozen=True, kw_only=True):
    """A VM or a disk with its task as it is stored; ``user_data`` is an index into the texts."""

    task: msgspec.Raw
    vm: Vm | None = None
    disk: Disk | None = None
    user_data: int = -1

    @property
    def cost(self) -> tuple[CostItem, ...]:
        found = self.vm or self.disk
        return found.cost if found is not None else ()


class BulkItems(msgspec.Struct, frozen=True, kw_only=True):
    """The items of a bulk, written once; equal user data is kept once (``texts``)."""

    id: str
    items: tuple[BulkItem, ...]
    texts: tuple[str, ...] = ()
    schema: int = 1


def numbered(pattern: str, count: int, start: int = 1) -> list[str]:
    """``count`` names of a pattern such as ``ci-{n}`` or ``ci-{n:03}``."""
    check_count(count)
    if len(_NUMBER.findall(pattern)) != 1 or not 0 <= start <= 1_000_000:
        raise invalid("namePattern", f"{pattern!r} has not one {{n}} or {{n:03}} to be numbered by")

    def name(number: int) -> str:
        return _NUMBER.sub(lambda found: f"{number:0{found[1] or 1}}", pattern)

    return [name(number) for number in range(start, start + count)]


def check_count(count: int) -> None:
    if not 1 <= count <= MOST:
        raise invalid("count", f"{count} is not from 1 to {MOST}")


def check_names(names: Sequence[str]) -> None:
    """Names of things made together differ, so that people can tell them apart."""
    check_count(len(names))
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise invalid("specs", f"{again[0]!r} is named more than once")
