"""What can be declared of each noun: one row a field.

``how`` says what a difference takes: a change of the thing as it is (``CHANGE``),
making it anew (``ANEW``), or nothing because the field counts only when the thing
is created and can't be read back (``ONCE``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from heliostat.cli.declaring import readers
from heliostat.cli.declaring.readers import Reader
from heliostat.cli.declaring.sources import Mistake, Mistakes, Tree


class How(StrEnum):
    """What it takes when a field differs."""

    CHANGE = "change"
    ANEW = "anew"
    ONCE = "once"


class Field(NamedTuple):
    """How a field is read; ``required`` where a thing can't be made without it."""

    read: Reader
    how: How = How.CHANGE
    required: bool = False


class Noun(StrEnum):
    """What can be declared, in the order in which things depend on each other."""

    FLAVOR = "flavor"
    TENANT = "tenant"
    PROJECT = "project"
    IMAGE = "image"
    DISK = "disk"
    VM = "vm"

    @property
    def rank(self) -> int:
        return list(Noun).index(self)

    @property
    def plural(self) -> str:
        """The section that it is declared in."""
        return f"{self}s"

    @property
    def can_be_made_anew(self) -> bool:
        return self not in (Noun.TENANT, Noun.PROJECT)


_NAME = Field(readers.name, required=True)
_LABELS = Field(readers.pairs)


def parts(fields: Mapping[str, Field]) -> Reader:
    """A reader of a small mapping with fields of its own."""

    def read(tree: Tree) -> dict[str, Any]:
        if not tree.is_mapping:
            raise ValueError(f"a mapping is expected, not {tree.what}")
        unknown = sorted(tree.value.keys() - fields.keys())
        if unknown:
            raise ValueError(f"there is no field {unknown[0]!r}; there are {', '.join(fields)}")
        for key, field in fields.items():
            if field.required and key not in tree.value:
                raise ValueError(f"{key} is missing")
        return {
            key: readers.attempt(fields[key].read, each, key) for key, each in tree.value.items()
        }

    return read


def several(read_one: Reader) -> Reader:
    """A reader of a list."""

    def read(tree: Tree) -> list[Any]:
        if tree.value is None:
            return []
        if not tree.is_list:
            raise ValueError(f"a list is expected, not {tree.what}")
        found, mistakes = [], []
        for each in tree.value:
            try:
                found.append(read_one(each))
            except ValueError as error:
                mistakes.append(Mistake(each.place, str(error)))
        if mistakes:
            raise Mistakes(mistakes)
        return found

    return read


_BOOT = parts({"flavor": Field(readers.words), "capacityGb": Field(readers.gigabytes)})
_EXTRA = parts(
    {
        "name": Field(readers.name, required=True),
        "flavor": Field(readers.words, required=True),
        "capacityGb": Field(readers.gigabytes, required=True),
    }
)
_AFFINITY = parts(
    {
        "kind": Field(readers.words, required=True),
        "id": Field(readers.words, required=True),
        "negative": Field(readers.yes_or_no),
        "preferred": Field(readers.yes_or_no),
        "scope": Field(readers.words),
    }
)

FIELDS: Mapping[Noun, Mapping[str, Field]] = {
    Noun.FLAVOR: {
        "name": _NAME,
        "kind": Field(
            readers.one_of(("vm", "ephemeral-disk", "persistent-disk")), How.ANEW, required=True
        ),
        "cost": Field(readers.amounts, How.ANEW, required=True),
        "labels": _LABELS,
    },
    Noun.TENANT: {
        "name": _NAME,
        "quota": Field(readers.amounts),
        "securityGroups": Field(readers.text_set),
        "labels": _LABELS,
    },
    Noun.PROJECT: {
        "name": _NAME,
        "quota": Field(readers.amounts),
        "securityGroups": Field(readers.text_set),
        "labels": _LABELS,
    },
    Noun.IMAGE: {
        "name": Field(readers.words, required=True),
        "file": Field(readers.words, How.ONCE),
        "replication": Field(readers.one_of(("EAGER", "ON_DEMAND")), How.ANEW),
        "labels": _LABELS,
    },
    Noun.DISK: {
        "name": _NAME,
        "flavor": Field(readers.words, How.ANEW, required=True),
        "capacityGb": Field(readers.gigabytes, How.ANEW, required=True),
        "tags": Field(readers.text_set, How.ANEW),
        "affinities": Field(several(_AFFINITY), How.ONCE),
        "labels": _LABELS,
    },
    Noun.VM: {
        "name": _NAME,
        "flavor": Field(readers.words, How.ANEW, required=True),
        "image": Field(readers.words, How.ANEW, required=True),
        "bootDisk": Field(_BOOT, How.ANEW),
        "disks": Field(several(_EXTRA), How.ANEW),
        "attach": Field(readers.text_set),
        "power": Field(readers.one_of(("started", "stopped", "suspended"))),
        "metadata": Field(readers.pairs),
        "tags": Field(readers.text_set),
        "labels": _LABELS,
        "sshKeys": Field(readers.texts, How.ONCE),
        "userData": Field(readers.long_text, How.ONCE),
        "userDataFile": Field(readers.words, How.ONCE),
        "environment": Field(readers.pairs, How.ONCE),
        "subnets": Field(readers.texts, How.ONCE),
        "affinities": Field(several(_AFFINITY), How.ONCE),
        "restartOnCrash": Field(readers.yes_or_no, How.ONCE),
        "bootBus": Field(readers.one_of(("virtio", "nvme")), How.ONCE),
    },
}

CHILDREN: Mapping[Noun | None, tuple[Noun, ...]] = {
    None: (Noun.FLAVOR, Noun.IMAGE, Noun.TENANT),
    Noun.TENANT: (Noun.PROJECT,),
    Noun.PROJECT: (Noun.IMAGE, Noun.DISK, Noun.VM),
}
"""Which sections stand inside of what; ``None`` is the top of a document."""
