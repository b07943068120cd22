"""What to do so that what is becomes what was declared (pure).

A field that is not declared is left alone; a field that is declared shall be
exactly what is declared.  What can't be changed in place is told with what it
would take, and done only to those things that somebody named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from heliostat.cli.declaring.declaration import APPLIED_BY, OURS, Address, Declaration, Declared
from heliostat.cli.declaring.nouns import FIELDS, How, Noun
from heliostat.cli.declaring.present import Present


class Verb(StrEnum):
    """What happens to a thing."""

    CREATE = "create"
    CHANGE = "change"
    REMAKE = "remake"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field before and after; ``blocked`` says why it will stay as it is."""

    field: str
    before: Any
    after: Any
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing's difference; ``declared`` is missing for what is deleted."""

    verb: Verb
    address: Address
    changes: tuple[FieldChange, ...] = ()
    declared: Declared | None = None
    present: Present | None = None

    @property
    def blocked(self) -> tuple[FieldChange, ...]:
        return tuple(each for each in self.changes if each.blocked)

    @property
    def does_nothing(self) -> bool:
        """Everything that differs stays as it is."""
        return self.verb is Verb.CHANGE and len(self.blocked) == len(self.changes)


@dataclass(frozen=True, slots=True)
class Kept:
    """A thing that prune would delete and leaves, and why."""

    address: Address
    why: str


def compare(thing: Declared, present: Present | None, remake: Collection[str]) -> Action | None:
    """What to do about one thing; ``None`` if it is as declared."""
    address = thing.address
    if present is None:
        changes = [FieldChange(key, None, thing.fields[key]) for key in _in_order(thing)]
        return Action(Verb.CREATE, address, tuple(changes), thing)
    named = str(address) in remake or "/".join(address.names) in remake
    if present.state == "ERROR" and address.noun.can_be_made_anew:
        return _broken(thing, present, named=named)
    found = [_field(thing, present, key) for key in _in_order(thing)]
    changes = [each for each in found if each is not None]
    if not changes:
        return None
    if any(each.blocked for each in changes) and named and address.noun.can_be_made_anew:
        freed = tuple(FieldChange(each.field, each.before, each.after) for each in changes)
        return Action(Verb.REMAKE, address, freed, thing, present)
    return Action(Verb.CHANGE, address, tuple(changes), thing, present)


def _in_order(thing: Declared) -> list[str]:
    """The declared fields in the order of the noun's table, so that a plan reads the same twice."""
    return [key for key in FIELDS[thing.address.noun] if key in thing.fields]


def _broken(thing: Declared, present: Present, *, named: bool) -> Action:
    why = "" if named else _how_to_remake(thing.address, "it is in ERROR")
    change = FieldChange("state", present.state, "READY", why)
    verb = Verb.REMAKE if named else Verb.CHANGE
    return Action(verb, thing.address, (change,), thing, present)


def _field(thing: Declared, present: Present, key: str) -> FieldChange | None:
    how = FIELDS[thing.address.noun][key].how
    if how is How.ONCE:
        return None
    before, after = present.fields.get(key), thing.fields[key]
    if key == "bootDisk":  # what is not said of it is the platform's choice
        before = {part: (before or {}).get(part) for part in after}
    elif key == "labels":
        before = _comparable_labels(before or {}, after, adds=thing.adds_labels)
    if before == after:
        return None
    if key == "tags":
        gone = sorted(set(before or ()) - set(after))
        if gone and how is How.CHANGE and set(after) <= set(before or ()):
            return FieldChange(key, before, after, "a tag can't be removed")
    if how is How.ANEW:
        return FieldChange(key, before, after, _how_to_remake(thing.address, "it can't be changed"))
    return FieldChange(key, before, after)


def _comparable_labels(
    before: Mapping[str, str], after: Mapping[str, str], *, adds: bool
) -> dict[str, str]:
    """Those labels that the files have a say in: all but those that the platform's tools set."""
    return {
        key: value
        for key, value in sorted(before.items())
        if key in after or not (adds or key.startswith(OURS))
    }


def _how_to_remake(address: Address, why: str) -> str:
    lost = {
        Noun.VM: " (what is on its own disks is lost)",
        Noun.DISK: " (its content is lost after the grace time)",
    }.get(address.noun, "")
    return f"{why}; --remake '{address}' deletes it and makes it anew{lost}"


def superfluous(
    found: Iterable[Present], declaration: Declaration, *, prune_disks: bool
) -> tuple[list[Action], list[Kept]]:
    """What of the set is not declared any more: to delete, and what is left and why."""
    deletions: list[Action] = []
    kept: list[Kept] = []
    for each in sorted(found, key=lambda item: item.address):
        if each.address in declaration.things:
            continue
        if each.fields.get("labels", {}).get(APPLIED_BY) != declaration.set_name:
            continue
        if each.address.noun is Noun.DISK and not prune_disks:
            kept.append(Kept(each.address, "it may hold data; --prune-disks deletes it"))
            continue
        deletions.append(Action(Verb.DELETE, each.address, present=each))
    return deletions, kept


def ordered(actions: Iterable[Action]) -> list[Action]:
    """Containers before what is in them; deletions last and the other way round."""
    made = [each for each in actions if each.verb is not Verb.DELETE]
    gone = [each for each in actions if each.verb is Verb.DELETE]
    made.sort(key=lambda each: (each.address.noun.rank, each.address))
    gone.sort(key=lambda each: (-each.address.noun.rank, each.address))
    return [*made, *gone]
