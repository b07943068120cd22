"""Differences and results for people and for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import msgspec

from heliostat.cli.declaring.amounts import Amount
from heliostat.cli.declaring.carrying import Result
from heliostat.cli.declaring.difference import Action, FieldChange, Kept, Verb
from heliostat.core.counting import counted

_MARKS = {Verb.CREATE: "+", Verb.CHANGE: "~", Verb.REMAKE: "-/+", Verb.DELETE: "-"}
_COLOURS = {
    Verb.CREATE: "green",
    Verb.CHANGE: "yellow",
    Verb.REMAKE: "magenta",
    Verb.DELETE: "red",
}
_TALLY = (
    (Verb.CREATE, "to create"),
    (Verb.CHANGE, "to change"),
    (Verb.REMAKE, "to remake"),
    (Verb.DELETE, "to delete"),
)
_DONE = {
    Verb.CREATE: "created",
    Verb.CHANGE: "changed",
    Verb.REMAKE: "made anew",
    Verb.DELETE: "deleted",
}


class ShownChange(msgspec.Struct, rename="camel", omit_defaults=True):
    """A field's difference for programs."""

    field: str
    before: Any
    after: Any
    blocked: str = ""


class ShownAction(msgspec.Struct, rename="camel", omit_defaults=True):
    """An action, and once it was carried out its result and error."""

    verb: str
    noun: str
    name: str
    changes: list[ShownChange] = []
    result: str = ""
    error: dict[str, Any] = {}


class ShownKept(msgspec.Struct, rename="camel"):
    """What prune leaves."""

    noun: str
    name: str
    why: str


class Report(msgspec.Struct, rename="camel"):
    """What ``-o json`` prints."""

    actions: list[ShownAction]
    kept: list[ShownKept]
    applied: bool


def report(actions: Sequence[Action], kept: Iterable[Kept], results: Sequence[Result]) -> Report:
    """``results`` is empty before anything was done."""
    ended = {each.action.address: each for each in results}
    return Report(
        actions=[_shown(each, ended.get(each.address)) for each in actions],
        kept=[
            ShownKept(noun=each.address.noun, name="/".join(each.address.names), why=each.why)
            for each in kept
        ],
        applied=bool(results),
    )


def lines(actions: Sequence[Action], kept: Sequence[Kept]) -> list[str]:
    """The difference, thing by thing and field by field, and a tally."""
    shown: list[str] = []
    for action in actions:
        mark = "!" if action.does_nothing else _MARKS[action.verb]
        shown.append(_styled(f"{mark} {action.address}", _COLOURS[action.verb]))
        shown += [f"    {line}" for change in action.changes for line in _change_lines(change)]
    shown += [_styled(f"  {each.address} stays: {each.why}", "yellow") for each in kept]
    shown.append(tally(actions))
    return shown


def tally(actions: Sequence[Action]) -> str:
    acting = [each for each in actions if not each.does_nothing]
    parts = [
        f"{number} {words}"
        for verb, words in _TALLY
        if (number := sum(each.verb is verb for each in acting))
    ]
    blocked = sum(len(each.blocked) for each in actions)
    if blocked:
        parts.append(f"{counted(blocked, 'difference')} to stay")
    return (", ".join(parts) if parts else "Nothing to do") + "."


def result_line(result: Result) -> str:
    """How one thing ended."""
    address = result.action.address
    if result.skipped:
        return _styled(f"{address}: left out, since {result.skipped}", "yellow")
    if result.error is not None:
        text = f"{address}: {result.error.message}"
        hint = f" {result.error.hint}" if result.error.hint else ""
        return _styled(text, "red") + hint
    return _styled(f"{address}: {_DONE[result.action.verb]}", "green")


def _change_lines(change: FieldChange) -> list[str]:
    if isinstance(change.before, Mapping) and isinstance(change.after, Mapping):
        keys = sorted({**change.before, **change.after})
        found = [
            f"{change.field}.{key}: {_text(before)} → {_text(after)}"
            for key in keys
            if (before := change.before.get(key)) != (after := change.after.get(key))
        ]
    elif change.before is None:
        found = [f"{change.field}: {_text(change.after)}"]
    else:
        found = [f"{change.field}: {_text(change.before)} → {_text(change.after)}"]
    if change.blocked:
        found = [_styled(f"{line} ({change.blocked})", "red") for line in found]
    return found


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value) or "none"
    if isinstance(value, str) and ("\n" in value or len(value) > 80):
        return f"({len(value)} characters)"
    return str(value)


def _shown(action: Action, result: Result | None) -> ShownAction:
    told = ShownAction(
        verb=action.verb,
        noun=action.address.noun,
        name="/".join(action.address.names),
        changes=[
            ShownChange(each.field, plain(each.before), plain(each.after), each.blocked)
            for each in action.changes
        ],
    )
    if result is not None:
        told.result = "done" if result.is_done else "skipped" if result.skipped else "failed"
        if result.error is not None:
            error = result.error
            told.error = {"code": error.code, "message": error.message, "hint": error.hint}
    return told


def plain(value: Any) -> Any:
    """The value with amounts as they are written."""
    if isinstance(value, Amount):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def _styled(line: str, colour: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return line
    return click.style(line, fg=colour)
