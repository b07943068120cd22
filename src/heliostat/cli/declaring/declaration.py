"""What the files say shall be: things with addresses, checked as far as files can tell.

An address is the names from the outside in (``acme/web/web1``).  A tenant or
project may stand in several places, to put more things into it, but its own
fields in one only.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heliostat.cli.declaring import readers
from heliostat.cli.declaring.nouns import CHILDREN, FIELDS, Noun
from heliostat.cli.declaring.sources import Mistake, Mistakes, Place, Tree

SET = "set"
OURS = "heliostat.io/"
APPLIED_BY = f"{OURS}applied-by"
"""The label that tells which set of files a thing belongs to."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A thing by its noun and the names from the outside in.

    Flavors are named by their kind too, since two kinds may share a name.
    """

    noun: Noun
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.noun} {'/'.join(self.names)}"

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def container(self) -> Address | None:
        """The tenant or project that it is in."""
        inner = self.names[:-1]
        if self.noun is Noun.PROJECT:
            return Address(Noun.TENANT, inner)
        if self.noun in (Noun.IMAGE, Noun.DISK, Noun.VM) and inner:
            return Address(Noun.PROJECT, inner)
        return None


@dataclass(frozen=True, slots=True)
class Declared:
    """A thing as it shall be; ``fields`` are only those that were written, ``name`` left out.

    ``adds_labels``: its labels were not written, so that of its set only joins those it has.
    """

    address: Address
    place: Place
    fields: Mapping[str, Any]
    adds_labels: bool = False

    def path(self, written: str) -> Path:
        """A file named in a field: relative to the file that names it."""
        return Path(self.place.file).parent / Path(written).expanduser()


@dataclass
class Declaration:
    """Everything that is declared, by address; ``set_name`` if the files say which set it is."""

    things: dict[Address, Declared] = field(default_factory=dict)
    set_name: str = ""

    def of(self, noun: Noun) -> list[Declared]:
        return [each for address, each in sorted(self.things.items()) if address.noun is noun]

    def labelled(self, set_name: str) -> Declaration:
        """The same with the things labelled as of the set.

        A tenant or project that is only named, to put things into it, is somebody else's.
        """
        if not set_name:
            return self
        return Declaration(
            {address: _labelled(each, set_name) for address, each in self.things.items()}, set_name
        )


def _labelled(thing: Declared, set_name: str) -> Declared:
    if thing.address.noun in CHILDREN and not thing.fields:
        return thing
    labels = {**thing.fields.get("labels", {}), APPLIED_BY: set_name}
    adds = "labels" not in thing.fields
    return Declared(thing.address, thing.place, {**thing.fields, "labels": labels}, adds)


def declare(documents: Sequence[Tree]) -> Declaration:
    """Read all documents together; raises ``Mistakes`` with everything that is wrong."""
    reading = _Reading()
    for document in documents:
        reading.document(document)
    reading.references()
    if reading.mistakes:
        raise Mistakes(reading.mistakes)
    return reading.made


class _Reading:
    """One pass over the documents that collects mistakes instead of stopping at the first."""

    def __init__(self) -> None:
        self.made = Declaration()
        self.mistakes: list[Mistake] = []
        self._own: dict[Address, Place] = {}

    def document(self, tree: Tree) -> None:
        if not tree.is_mapping:
            sections = ", ".join(each.plural for each in CHILDREN[None])
            self._mistake(tree.place, f"a document is a mapping with {sections}")
            return
        known = [SET, *(each.plural for each in CHILDREN[None])]
        self._unknown(tree, known, "a document")
        if SET in tree.value:
            self._set(tree.value[SET])
        self._children(tree, None, ())

    def references(self) -> None:
        """Disks that VMs attach: declared where the VM is, and by one VM only."""
        users: dict[Address, Declared] = {}
        for vm in self.made.of(Noun.VM):
            for disk_name in vm.fields.get("attach", ()):
                disk = Address(Noun.DISK, (*vm.address.names[:-1], disk_name))
                if disk in users:
                    other = users[disk]
                    self._mistake(
                        vm.place, f"{disk} is attached to {other.address} already ({other.place})"
                    )
                users[disk] = vm

    def _children(self, tree: Tree, above: Noun | None, names: tuple[str, ...]) -> None:
        for noun in CHILDREN.get(above, ()):
            section = tree.value.get(noun.plural)
            if section is None or section.value is None:
                continue
            if not section.is_list:
                self._mistake(section.place, f"{noun.plural}: a list is expected")
                continue
            for each in section.value:
                self._thing(each, noun, names)

    def _thing(self, tree: Tree, noun: Noun, names: tuple[str, ...]) -> None:
        if not tree.is_mapping:
            self._mistake(tree.place, f"a {noun} is a mapping that begins with its name")
            return
        own, sections = FIELDS[noun], [each.plural for each in CHILDREN.get(noun, ())]
        self._unknown(tree, [*own, *sections], f"a {noun}")
        found: dict[str, Any] = {}
        for key in own.keys() & tree.value.keys():
            try:
                found[key] = readers.attempt(own[key].read, tree.value[key], key)
            except Mistakes as error:
                self.mistakes.extend(_of(error))
        if "name" not in tree.value:
            self._mistake(tree.place, f"a {noun} needs a name")
        if "name" not in found:
            return
        address = _address(noun, names, found)
        self._keep(address, tree, {key: val for key, val in found.items() if key != "name"})
        self._children(tree, noun, address.names)

    def _keep(self, address: Address, tree: Tree, fields: dict[str, Any]) -> None:
        known = self.made.things.get(address)
        if known is not None and (address.noun not in CHILDREN or (fields and known.fields)):
            self._mistake(tree.place, f"{address} is declared twice (first {known.place})")
            return
        if known is None or fields:
            missing = [
                key
                for key, each in FIELDS[address.noun].items()
                if each.required and key != "name" and key not in tree.value
            ]
            for key in missing:
                self._mistake(tree.place, f"{address}: {key} is missing")
            self.made.things[address] = Declared(address, tree.place, fields)

    def _set(self, tree: Tree) -> None:
        try:
            found = readers.attempt(readers.name, tree, SET)
        except Mistakes as error:
            self.mistakes.extend(_of(error))
            return
        if self.made.set_name not in ("", found):
            self._mistake(tree.place, f"the set is {self.made.set_name} and {found} at once")
        self.made.set_name = found

    def _unknown(self, tree: Tree, known: Iterable[str], what: str) -> None:
        choices = list(known)
        for key in sorted(tree.value.keys() - set(choices)):
            near = difflib.get_close_matches(key, choices, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(choices)}"
            place = (tree.keys or {}).get(key, tree.place)
            self._mistake(place, f"{what} has no field {key!r}; {meant}")

    def _mistake(self, place: Place, message: str) -> None:
        self.mistakes.append(Mistake(place, message))


def _address(noun: Noun, names: tuple[str, ...], found: Mapping[str, Any]) -> Address:
    if noun is Noun.FLAVOR:
        return Address(noun, (found.get("kind", "?"), found["name"]))
    return Address(noun, (*names, found["name"]))


def _of(error: Mistakes) -> Iterator[Mistake]:
    for each in error.data["mistakes"]:
        yield Mistake(Place(each["file"], each["line"]), each["message"])
