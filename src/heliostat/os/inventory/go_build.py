"""What a Go program says of its own making: tool chain, and the modules linked into it.

The linker leaves the record in the program's data, where ``strip`` doesn't reach.
Format: Go's ``debug/buildinfo`` (the inline form, since Go 1.18) and the text of
``runtime/debug.BuildInfo``.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADER_BYTES = 32
_INLINE = 2
_LONGEST = 4 << 20
_MARK_BYTES = 16  # before and after the text of the modules
_NO_VERSION = ("", "(devel)")


@dataclass(frozen=True, slots=True, order=True)
class GoModule:
    """``path`` and ``version`` as Go writes them (``golang.org/x/net``, ``v0.33.0``)."""

    path: str
    version: str


@dataclass(frozen=True, slots=True)
class GoBuild:
    """``tool_chain`` is ``go1.24.4``; ``modules`` those that have a version, the main one too."""

    tool_chain: str
    modules: tuple[GoModule, ...]


def go_build(path: Path, at: int) -> GoBuild | None:
    """The record at ``at`` (``ElfFile.go_at``) of a program; ``None`` if it is an older one."""
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return _record(content, at)


def _record(content: mmap.mmap, at: int) -> GoBuild | None:
    head = content[at : at + _HEADER_BYTES]
    if len(head) < _HEADER_BYTES or not head[15] & _INLINE:
        return None
    version, after = _string(content, at + _HEADER_BYTES)
    text, _ = _string(content, after)
    tool_chain = version.decode("utf-8", "replace")
    if not tool_chain.startswith(("go", "devel")):
        return None
    marked = len(text) > 2 * _MARK_BYTES and text[-_MARK_BYTES - 1 : -_MARK_BYTES] == b"\n"
    lines = text[_MARK_BYTES:-_MARK_BYTES].decode("utf-8", "replace") if marked else ""
    return GoBuild(tool_chain, tuple(sorted(set(_modules(lines)))))


def _string(content: mmap.mmap, at: int) -> tuple[bytes, int]:
    """A string behind its length (a varint), and where the next thing begins."""
    length = shift = 0
    while at < len(content):
        byte = content[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 or shift > 35:
            break
    length = min(length, _LONGEST)
    return content[at : at + length], at + length


def _modules(text: str) -> Iterator[GoModule]:
    """A module that another one replaces (``=>`` behind it) isn't in the program."""
    waiting: GoModule | None = None
    for line in text.splitlines():
        kind, *fields = line.split("\t")
        if kind not in ("mod", "dep", "=>") or len(fields) < 2:
            continue
        if kind != "=>" and waiting is not None and waiting.version not in _NO_VERSION:
            yield waiting
        waiting = GoModule(fields[0], fields[1])
    if waiting is not None and waiting.version not in _NO_VERSION:
        yield waiting
