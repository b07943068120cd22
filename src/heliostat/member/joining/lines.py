"""Lines of configuration files, into which nobody's name writes a setting.  Pure text."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.core.errors import PermanentError


def section(name: str, rows: Sequence[tuple[str, str]]) -> str:
    """A section of an INI file; raises ``InvalidEntity`` for what can't stand in it."""
    return "\n".join([f"[{plain(name)}]", *(f"{key} = {plain(value)}" for key, value in rows), ""])


def listed(values: Sequence[str]) -> str:
    """Values in one line; raises ``InvalidEntity`` for one with a comma."""
    for value in values:
        if not value or "," in value:
            raise unwritable(value)
    return ", ".join(values)


def yes_or_no(value: bool) -> str:
    """As sssd spells it."""
    return "true" if value else "false"


def plain(value: str) -> str:
    """``value`` if it stays one line of the file, and in its section."""
    if not value.isprintable() or value != value.strip() or "]" in value:
        raise unwritable(value)
    return value


def unwritable(value: str) -> PermanentError:
    """The error for what would write more than itself."""
    return PermanentError("InvalidEntity", f"{value[:80]!r} can't stand in a configuration file.")
