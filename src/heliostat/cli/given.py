"""Settings that are given on the command line, as fields of a request's body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import click
import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def fields_of(
    settings: Mapping[str, Any], files: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What was given: lists for what may come several times, and nothing for the rest.

    ``files`` are settings that name a file, with the field that what stands in it is.  Raises
    ``click.UsageError`` for one that is no text.
    """
    fields = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
        if value is not None and value != ()
    }
    for name, field in (files or {}).items():
        if name in fields:
            fields[field] = _text_in(fields.pop(name))
    return fields


def something(wanted: S) -> S:
    """``wanted``, a change; raises ``click.UsageError`` where it changes nothing."""
    if all(value in (None, msgspec.UNSET) for value in msgspec.structs.asdict(wanted).values()):
        raise click.UsageError("Name at least one setting.")
    return wanted


def pairs(given: Iterable[str], form: str) -> list[tuple[str, str]]:
    """``left=right`` each, by the last sign: what is mapped may hold one.

    Raises ``click.UsageError``, with ``form`` as what is asked for.
    """
    found = []
    for each in given:
        left, equals, right = each.rpartition("=")
        if not equals or not left:
            raise click.UsageError(f"{each!r} is not of the form {form}.")
        found.append((left, right))
    return found


def _text_in(path: Any) -> str:
    try:
        text: str = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path} is no text (UTF-8).") from error
    except OSError as error:
        raise click.UsageError(f"{path} can't be read: {error.strerror}.") from error
    return text.rstrip("\r\n")
