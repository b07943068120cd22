"""What an ELF file says of its own hardening, read from its headers.

Only program headers and the dynamic section are looked at (never section headers, which
a stripped file may lack), through a memory map: a few pages of each file are touched,
however large it is.  Formats: the System V ABI, and the GNU extensions of binutils'
``elf/common.h``.
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path

_EXEC, _DYN = 2, 3
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_GNU_STACK, _GNU_RELRO = 0x6474E551, 0x6474E552
_EXECUTE, _WRITE = 1, 2
_NEEDED, _STRTAB, _STRSZ, _RPATH, _TEXTREL, _BIND_NOW, _RUNPATH, _FLAGS = (
    1,
    5,
    10,
    15,
    22,
    24,
    29,
    30,
)
_FLAGS_1 = 0x6FFFFFFB
_DF_TEXTREL, _DF_BIND_NOW, _DF_1_NOW, _DF_1_PIE = 4, 8, 1, 0x08000000
_MACHINES = frozenset({3, 62, 183})  # i386, x86-64, AArch64: others are data for devices
_GO_BUILD_INFO = b"\xff Go buildinf:"  # at the beginning of Go's data; survives strip
_HEADERS_BYTES = 1 << 16  # the kernel takes no more either (fs/binfmt_elf.c)
_NAMES_BYTES = 1 << 28  # thirty times those of the largest programs
_GO_SEARCHED_BYTES = 64 << 20  # behind what is relocated, which has megabytes in large programs
_FORTIFIED = re.compile(rb"\0__(?!stack)[a-z0-9_]+_chk(?=\0)")
# What _FORTIFY_SOURCE would have replaced where it knew the size of the destination.
_FORTIFIABLE = re.compile(
    rb"\0(?:mem(?:cpy|move|set|pcpy)|st[rp]n?c(?:py|at)|v?sn?printf|f?gets|readlink|realpath)(?=\0)"
)


class NotReadable(ValueError):
    """The file begins like ELF, but its headers point outside of it."""


@dataclass(frozen=True, slots=True)
class ElfFile:
    """The facts; which of them are wanted is the policy's matter."""

    executable: bool
    """It is started by itself: a program, not a library."""
    position_independent: bool
    dynamic: bool
    relro: bool
    bind_now: bool
    stack_executable: bool
    text_relocations: bool
    writable_code: bool
    run_path: str
    needed: tuple[str, ...]
    """Names of the libraries that are loaded with it."""
    canary: bool
    fortified: bool
    fortifiable: bool
    """It calls functions that have a checking variant."""
    go_at: int | None
    """Where the record of the Go tool chain lies, if it was written by that."""
    code_bytes: int

    @property
    def go(self) -> bool:
        """Go's programs have neither canaries nor fortified functions."""
        return self.go_at is not None


@dataclass(slots=True)
class _Segments:
    loads: list[tuple[int, int, int]]
    dynamic: tuple[int, int] | None = None
    interpreter: bool = False
    relro: bool = False
    stack_executable: bool = True  # what the kernel takes when the header is missing
    writable_code: bool = False
    go_at: int | None = None
    code_bytes: int = 0


def read(path: Path | str) -> ElfFile | None:
    """The facts of a program or library; ``None`` if the file is neither.

    Raises ``NotReadable`` for a damaged one, ``OSError`` as the file system gives it.
    """
    with open(path, "rb") as stream:
        head = stream.read(20)
        if len(head) < 20 or head[:4] != b"\x7fELF" or head[5] != 1:
            return None
        kind, machine = struct.unpack_from("<HH", head, 16)
        if kind not in (_EXEC, _DYN) or machine not in _MACHINES:
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return _facts(content, kind, wide=head[4] == 2)
            except (struct.error, OverflowError) as error:
                raise NotReadable(f"{path}: its ELF headers point outside of the file") from error


def _facts(content: mmap.mmap, kind: int, *, wide: bool) -> ElfFile:
    segments = _segments(content, wide=wide)
    tags, needed = _dynamic_tags(content, segments, wide=wide)
    names = _names(content, segments, tags)
    flags, flags_1 = tags.get(_FLAGS, 0), tags.get(_FLAGS_1, 0)
    return ElfFile(
        executable=kind == _EXEC or segments.interpreter or bool(flags_1 & _DF_1_PIE),
        position_independent=kind == _DYN,
        dynamic=segments.dynamic is not None,
        relro=segments.relro,
        bind_now=_BIND_NOW in tags or bool(flags & _DF_BIND_NOW or flags_1 & _DF_1_NOW),
        stack_executable=segments.stack_executable,
        text_relocations=_TEXTREL in tags or bool(flags & _DF_TEXTREL),
        writable_code=segments.writable_code,
        run_path=_name(names, tags.get(_RUNPATH, tags.get(_RPATH))),
        needed=tuple(filter(None, (_name(names, at) for at in needed))),
        canary=b"\0__stack_chk_fail\0" in names or b"\0__stack_chk_guard\0" in names,
        fortified=_FORTIFIED.search(names) is not None,
        fortifiable=_FORTIFIABLE.search(names) is not None,
        go_at=segments.go_at,
        code_bytes=segments.code_bytes,
    )


def _segments(content: mmap.mmap, *, wide: bool) -> _Segments:
    if wide:
        (offset,), (size, count) = _at("<Q", content, 32), _at("<HH", content, 54)
    else:
        (offset,), (size, count) = _at("<I", content, 28), _at("<HH", content, 42)
    if count * size > _HEADERS_BYTES:
        raise struct.error("more program headers than a kernel takes")
    found = _Segments([])
    for index in range(count):
        _note_segment(found, content, *_program_header(content, offset + index * size, wide=wide))
    return found


def _program_header(content: mmap.mmap, at: int, *, wide: bool) -> tuple[int, int, int, int, int]:
    """Type, flags, offset, address, size in the file."""
    if wide:
        kind, flags, offset, address, _, size = _at("<IIQQQQ", content, at)
    else:
        kind, offset, address, _, size, _, flags = _at("<IIIIIII", content, at)
    return kind, flags, offset, address, size


def _note_segment(
    found: _Segments,
    content: mmap.mmap,
    kind: int,
    flags: int,
    offset: int,
    address: int,
    size: int,
) -> None:
    if kind == _LOAD:
        found.loads.append((address, offset, size))
        found.code_bytes += size if flags & _EXECUTE else 0
        if flags & _WRITE:
            until = offset + min(size, _GO_SEARCHED_BYTES)
            at = content.find(_GO_BUILD_INFO, offset, until)
            found.go_at = at if at >= 0 else found.go_at
        found.writable_code |= bool(flags & _EXECUTE and flags & _WRITE)
    elif kind == _DYNAMIC:
        found.dynamic = (offset, size)
    elif kind == _INTERP:
        found.interpreter = True
    elif kind == _GNU_RELRO:
        found.relro = True
    elif kind == _GNU_STACK:
        found.stack_executable = bool(flags & _EXECUTE)


def _dynamic_tags(
    content: mmap.mmap, segments: _Segments, *, wide: bool
) -> tuple[dict[int, int], list[int]]:
    """The first value of each tag, and all of the one that may stand there more than once."""
    tags: dict[int, int] = {}
    needed: list[int] = []
    if segments.dynamic is None:
        return tags, needed
    start, size = segments.dynamic
    step, form = (16, "<QQ") if wide else (8, "<II")
    for at in range(start, start + size, step):
        tag, value = _at(form, content, at)
        if tag == 0:
            break
        tags.setdefault(tag, value)
        if tag == _NEEDED:
            needed.append(value)
    return tags, needed


def _names(content: mmap.mmap, segments: _Segments, tags: dict[int, int]) -> bytes:
    """The dynamic string table: every name imported or exported, between zeros."""
    address, size = tags.get(_STRTAB), tags.get(_STRSZ)
    if address is None or size is None:
        return b""
    for start, offset, length in segments.loads:
        if start <= address < start + length:
            begin = offset + address - start
            if size > _NAMES_BYTES:
                raise struct.error("more names than any program has")
            return content[begin : begin + size]
    return b""


def _name(names: bytes, at: int | None) -> str:
    if at is None or at >= len(names):
        return ""
    return names[at : names.find(b"\0", at)].decode(errors="replace")


def _at(form: str, content: mmap.mmap, offset: int) -> tuple[int, ...]:
    return struct.unpack_from(form, content, offset)
