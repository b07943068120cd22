"""Values as text for people: pure, so that what is printed can be tested as strings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

GAP = "  "
"""Between two columns."""
_STEPS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_HIDDEN = frozenset({"kind", "selfLink"})
_WORD = re.compile(r"[A-Z]{2,}s?(?![a-z])|[A-Z]?[^A-Z]+|[A-Z]")


def cell(value: Any) -> str:
    """A value in a table cell."""
    match value:
        case None | "" | []:
            return "-"
        case Mapping() if not value:  # the pattern {} would match every mapping
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value)
        case {"key": key, "value": amount, "unit": unit, **rest} if not rest:
            return f"{key} {cell(amount)} {unit}"
        case Mapping():
            short = ((key, item) for key, item in value.items() if not _is_document(item))
            return ", ".join(f"{key}={_fact(key, item)}" for key, item in short)
        case list() | tuple():
            return ", ".join(cell(item) for item in value)
        case _:
            return str(value)


def harmless(value: str) -> str:
    """What a stranger may have sent, so that it can't steer the terminal of who reads it."""
    if value.isprintable():
        return value
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in value
    )


def number(value: float) -> str:
    """Without a fraction where there is none."""
    return f"{value:.0f}" if value == int(value) else f"{value:.3f}".rstrip("0").rstrip(".")


def size(size_bytes: float) -> str:
    """Bytes in the largest unit that leaves a number of at least one."""
    value, unit = float(size_bytes), _STEPS[0]
    for step in _STEPS:
        unit = step
        if abs(value) < 1024 or step == _STEPS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def moment(at_ms: int) -> str:
    """A point in time, in the local zone, to the second."""
    if not at_ms:
        return "-"
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """The two largest units that say something: ``1 h``, ``2 min 5 s``, ``7 d``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    left, parts = round(seconds), []
    for size_s, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        number, left = divmod(left, size_s)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def took(started_ms: int, end_ms: int) -> str:
    return duration((end_ms - started_ms) / 1000) if started_ms and end_ms else "-"


def facts(entity: msgspec.Struct) -> list[tuple[str, str]]:
    """Every field of an entity as (name, text); a list of objects takes a row an object."""
    rows: list[tuple[str, str]] = []
    for name, value in msgspec.to_builtins(entity).items():
        if name in _HIDDEN:
            continue
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows += [(_title(name) if not i else "", cell(item)) for i, item in enumerate(value)]
        else:
            rows.append((_title(name), _fact(name, value)))
    return rows


def _is_document(value: Any) -> bool:
    """Whether it has lines of its own, such as a key in PEM: inside of a row that is for JSON."""
    return isinstance(value, str) and "\n" in value


def _fact(name: str, value: Any) -> str:
    if name.endswith("Bytes") or name == "size":
        return size(value)
    if name.endswith("Time") and isinstance(value, int):
        return moment(value)
    return cell(value)


def _title(name: str) -> str:
    """``numberVMs`` as ``Number VMs``: words in small letters, abbreviations as they are."""
    words = [
        part if len(part) > 1 and part[1].isupper() else part.lower()
        for part in _WORD.findall(name)
    ]
    title = " ".join(words)
    return title[:1].upper() + title[1:]


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as aligned lines, without trailing blanks."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """The width of each column: whole words, and lines of at most ``room`` where that goes.

    An id that is broken over two lines can't be copied.  Where whole words don't
    fit, the columns are as wide as they like, and the terminal wraps the lines.
    """
    by_column = [*zip(*rows, strict=True)]
    wanted = [max(map(len, column)) for column in by_column]
    least = [max(len(word) for each in column for word in each.split(" ")) for column in by_column]
    if line_width(least) > room:
        return wanted
    found = [*wanted]
    while line_width(found) > room:
        spare = [has - needs for has, needs in zip(found, least, strict=True)]
        found[spare.index(max(spare))] -= 1
    return found


def line_width(column_widths: Sequence[int]) -> int:
    """How long a line with these columns is."""
    return sum(column_widths) + len(GAP) * (len(column_widths) - 1)
