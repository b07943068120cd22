"""Argon2id whose memory goes back to the system after each hash.

The library takes its memory from ``malloc``, which keeps blocks of this size once it has seen
one: a process that ever hashed two passwords at once is 38 MiB larger from then on.  Here each
hash maps its own memory, in huge pages where the system has them: filling it page by page would
take a quarter longer, and with them it takes as long as memory that was kept (44 ms, of the
processor, a hash of 19 MiB).  Hashes are in the usual form (``$argon2id$v=19$m=…``), so
whatever wrote one can read the other.
"""

from __future__ import annotations

import contextlib
import hmac
import mmap
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from argon2 import Type, extract_parameters
from argon2.exceptions import HashingError, InvalidHashError
from argon2.low_level import (  # type: ignore[attr-defined]
    ARGON2_VERSION,
    core,
    error_to_str,
    ffi,
    lib,
)

HASH_BYTES = 32
_HUGE = getattr(mmap, "MADV_HUGEPAGE", None)
_mapped: dict[int, mmap.mmap] = {}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash takes."""

    passes: int
    memory_kib: int
    lanes: int


def made(password: bytes, salt: bytes, cost: Cost) -> str:
    """The hash to keep; raises ``HashingError``."""
    digest = _digest(password, salt, cost, HASH_BYTES)
    told = f"m={cost.memory_kib},t={cost.passes},p={cost.lanes}"
    return f"$argon2id$v={ARGON2_VERSION}${told}${_text(salt)}${_text(digest)}"


def matches(password: bytes, kept: str) -> bool:
    """Whether it is the hash of ``password``; raises ``InvalidHashError``, ``HashingError``."""
    try:
        told = extract_parameters(kept)
    except ValueError as error:  # also for a number that is none
        raise InvalidHashError from error
    if told.type is not Type.ID or told.version != ARGON2_VERSION:
        raise InvalidHashError
    salt, digest = (_bytes(each) for each in kept.split("$")[-2:])
    cost = Cost(told.time_cost, told.memory_cost, told.parallelism)
    return hmac.compare_digest(_digest(password, salt, cost, len(digest)), digest)


def _digest(password: bytes, salt: bytes, cost: Cost, length: int) -> bytes:
    out = ffi.new("uint8_t[]", length)
    given, salted = ffi.new("uint8_t[]", password), ffi.new("uint8_t[]", salt)
    fields = {
        "version": ARGON2_VERSION,
        "out": out,
        "outlen": length,
        "pwd": given,
        "pwdlen": len(password),
        "salt": salted,
        "saltlen": len(salt),
        "t_cost": cost.passes,
        "m_cost": cost.memory_kib,
        "lanes": cost.lanes,
        "threads": cost.lanes,
        "allocate_cbk": _map,
        "free_cbk": _unmap,
        "flags": lib.ARGON2_DEFAULT_FLAGS,
    }
    failed = core(ffi.new("argon2_context *", fields), Type.ID.value)
    if failed:
        raise HashingError(error_to_str(failed))
    return bytes(ffi.buffer(out, length))


@ffi.callback("int(uint8_t **, size_t)")  # type: ignore[untyped-decorator]
def _map(memory: Any, size_bytes: int) -> int:
    """For the library: memory of its own, or none, which it calls an error."""
    with contextlib.suppress(OSError):
        taken = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if _HUGE is not None:
            with contextlib.suppress(OSError):  # a kernel without them
                taken.madvise(_HUGE)
        start = ffi.cast("uint8_t *", ffi.from_buffer(taken))
        _mapped[int(ffi.cast("uintptr_t", start))] = taken
        memory[0] = start
    return 0


@ffi.callback("void(uint8_t *, size_t)")  # type: ignore[untyped-decorator]
def _unmap(memory: Any, _size_bytes: int) -> None:
    """For the library, once for what ``_map`` gave, which ends with its last name."""
    del _mapped[int(ffi.cast("uintptr_t", memory))]


def _text(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises ``InvalidHashError``."""
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise InvalidHashError from error
