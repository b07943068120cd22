"""Entries as LDIF (RFC 2849), which is how a configuration is given to slapadd."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Value = str | bytes
Attributes = dict[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry to be added: its name, and each attribute's values in order."""

    dn: str
    attributes: Attributes

    def encoded(self) -> list[tuple[str, list[bytes]]]:
        """As the LDAP library takes it."""
        return [(name, [raw(each) for each in values]) for name, values in self.attributes.items()]


def raw(value: Value) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def written(entries: Iterable[Entry]) -> str:
    """The text of an LDIF file."""
    return "\n".join(_entry(each) for each in entries)


def _entry(entry: Entry) -> str:
    lines = [_line("dn", entry.dn)]
    for name, values in entry.attributes.items():
        lines += [_line(name, value) for value in values]
    return "\n".join(lines) + "\n"


def _line(name: str, value: Value) -> str:
    content = raw(value)
    plain = content.isascii() and not set(content) & {0, 10, 13}
    if plain and not content.startswith((b" ", b":", b"<")) and not content.endswith(b" "):
        return f"{name}: {content.decode()}"
    return f"{name}:: {base64.b64encode(content).decode()}"
